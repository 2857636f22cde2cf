"""Drivers for the hub and for the real clients that the end-to-end tests let loose on it.

Belongs here: starting a program or a library's client, and waiting for what it saw. Does not: any expectation of
what the hub should answer; those stand in the tests.
"""
