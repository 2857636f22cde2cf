"""Pins of a board that is none: they keep what was written and say so. Its serial port is the standard input and output."""

import os
import select
import sys


class Pin:
    IN, OUT = 0, 1

    def __init__(self, number, mode=IN):
        self.number, self._value = number, 0

    def value(self, new=None):
        if new is None:
            return self._value
        self._value = int(bool(new))
        print(f"[pin {self.number} = {self._value}]")
        return None


class PWM:
    def __init__(self, pin):
        self.pin, self.frequency = pin, 0

    def freq(self, frequency):
        self.frequency = frequency

    def duty_u16(self, duty):
        print(f"[pin {self.pin.number} ~ {duty} at {self.frequency} Hz]")

    def deinit(self):
        print(f"[pin {self.pin.number} ~ off]")


class ADC:
    def __init__(self, pin):
        self.pin = pin

    def read_u16(self):
        return 160 << 6


class UART:
    def __init__(self, number, baudrate):
        self.init(baudrate)

    def init(self, baudrate):
        self.baudrate = baudrate

    def write(self, data):
        print(f"[uart at {self.baudrate}: {data.decode()}]")

    def read(self, size):
        """None if nothing came in."""
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        return os.read(sys.stdin.fileno(), size) or None if ready else None


def reset():
    print("[reset]", flush=True)
    os.execv(sys.executable, sys.orig_argv)
