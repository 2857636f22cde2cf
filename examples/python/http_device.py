"""A device of your house in Python, over HTTP: it reports a temperature and obeys a switch called "led".

You need:   pip install requests
Start it:   python3 http_device.py     (Ctrl-C ends it)
"""

import random
import sys
import threading
import time

import requests

HUB_HOST = "@HUB_HOST@"
HUB_PORT = "@HUB_PORT@"
DEVICE = "@DEVICE@"
TOKEN = "@TOKEN@"
CA_FILE = "@CA_FILE@"  # the certificate that vouches for the hub; empty: the connection is not encrypted

HUB = f"{'https' if CA_FILE else 'http'}://{HUB_HOST}:{HUB_PORT}/api/devices/{DEVICE}"


def read_temperature():
    """Made up. Read your sensor here."""
    return round(random.uniform(20, 23), 1)


def switch_led(on):
    """Switch something here."""
    print("led is", "on" if on else "off", flush=True)


def hub():
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    if CA_FILE:
        session.verify = CA_FILE
    return session


def report(session, name, value):
    """Says what the device has measured or done."""
    session.put(f"{HUB}/{name}", json=value, timeout=10).raise_for_status()


def obey():
    """Waits for whoever presses the switch: the hub answers in the moment that somebody does."""
    session = hub()
    seen = None
    while True:
        try:
            headers = {"If-None-Match": seen} if seen else {}
            state = session.get(f"{HUB}/led", params={"wait": "30s"}, headers=headers, timeout=40)
            if state.status_code == 304:  # nothing happened in those 30 seconds
                continue
            state.raise_for_status()
            seen = state.headers["ETag"]
            wanted = state.json()["target"]
            if wanted is not None:
                switch_led(wanted)
                report(session, "led", wanted)  # says that it is done
        except requests.RequestException:
            time.sleep(2)  # the main part below says what is wrong


session = hub()
obeying = False
while True:
    try:
        if not obeying:
            report(session, "led", False)
            threading.Thread(target=obey, daemon=True).start()
            obeying = True
        temperature = read_temperature()
        report(session, "temperature", temperature)
        print("temperature", temperature, flush=True)
        time.sleep(5)
    except requests.HTTPError as error:
        if error.response.status_code in (401, 403):
            sys.exit(f"The hub refuses this device: {error}. Is the token the one of the device {DEVICE!r}?")
        print(f"The hub did not take a message: {error.response.text}", flush=True)
        time.sleep(5)
    except requests.exceptions.SSLError as error:
        sys.exit(f"The hub's certificate is not trusted: {error}. Is {CA_FILE} the one of this hub?")
    except requests.RequestException:
        print(f"The hub does not answer at {HUB_HOST}:{HUB_PORT}; I try again.", flush=True)
        time.sleep(5)
    except KeyboardInterrupt:
        sys.exit()
