"""A device of your house on a Raspberry Pi, speaking Blynk: pin V0 is how warm its processor
is, pin V1 switches an LED at GPIO 17.

You need:   pip install blynklib==0.2.6 gpiozero
            and an LED with a resistor of 330 ohms between pin 11 (GPIO 17) and pin 9 (ground); without
            gpiozero, or on another computer, the LED is only told of.
Start it:   python3 blynk_device.py    (Ctrl-C ends it)
"""

import pathlib
import sys
import time

import blynklib

HUB_HOST = "@HUB_HOST@"
HUB_PORT = int("@HUB_PORT@")
TOKEN = "@TOKEN@"


try:
    from gpiozero import LED as Light

    light = Light(17)
except Exception as error:  # gpiozero is missing, or there are no pins here
    print("There is no LED:", error, flush=True)
    light = None


def read_temperature():
    """The processor's, in degrees Celsius."""
    thousandths = pathlib.Path("/sys/class/thermal/thermal_zone0/temp")
    return round(int(thousandths.read_text()) / 1000, 1) if thousandths.exists() else 0.0


def switch_led(on):
    if light is not None:
        light.value = on
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
