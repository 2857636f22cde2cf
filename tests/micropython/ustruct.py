"""MicroPython's name of it."""

from struct import *  # noqa: F403
