"""Pins of a board that is none: they keep what was written and say so."""


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
