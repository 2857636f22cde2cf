"""MicroPython's name of it."""

from binascii import *  # noqa: F403
