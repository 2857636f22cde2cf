"""A device of your house in Python, speaking Blynk: pin V0 is a temperature, pin V1 a switch.

You need:   pip install blynklib==0.2.6
Start it:   python3 blynk_device.py    (Ctrl-C ends it)
"""

import random
import sys
import time

import blynklib

HUB_HOST = "@HUB_HOST@"
HUB_PORT = int("@HUB_PORT@")
TOKEN = "@TOKEN@"


def read_temperature():
    """Made up. Read your sensor here."""
    return round(random.uniform(20, 23), 1)


def switch_led(on):
    """Switch something here."""
    print("led is", "on" if on else "off", flush=True)


def log(*words):
    """The library says here what it does; one of its sentences means that the token is wrong."""
    line = " ".join(str(word) for word in words)
    if "invalid auth token" in line.lower():
        sys.exit("The hub refuses this device: the token is wrong.")


blynk = blynklib.Blynk(TOKEN, server=HUB_HOST, port=HUB_PORT, heartbeat=10, log=log)


@blynk.handle_event("connect")
def connected():
    print("connected", flush=True)
    blynk.virtual_write(1, 0)


@blynk.handle_event("write V1")
def switched(pin, values):
    on = values[0] in ("1", "true")
    switch_led(on)
    blynk.virtual_write(1, 1 if on else 0)  # says that it is done


next_report = 0.0
try:
    while True:
        blynk.run()
        if blynk.connected() and time.monotonic() >= next_report:
            next_report = time.monotonic() + 5
            temperature = read_temperature()
            blynk.virtual_write(0, temperature)
            print("temperature", temperature, flush=True)
except KeyboardInterrupt:
    pass
