"""A device of your house in Python, over WebSocket: it reports a temperature and obeys a switch called "led".

You need:   pip install websockets
Start it:   python3 websocket_device.py     (Ctrl-C ends it)
"""

import asyncio
import json
import random
import ssl
import sys

import websockets

HUB_HOST = "@HUB_HOST@"
HUB_PORT = "@HUB_PORT@"
DEVICE = "@DEVICE@"
TOKEN = "@TOKEN@"
CA_FILE = "@CA_FILE@"  # the certificate that vouches for the hub; empty: the connection is not encrypted

HUB = f"{'wss' if CA_FILE else 'ws'}://{HUB_HOST}:{HUB_PORT}/api/ws"
TEMPERATURE = f"devices/{DEVICE}/temperature"
LED = f"devices/{DEVICE}/led"


def read_temperature():
    """Made up. Read your sensor here."""
    return round(random.uniform(20, 23), 1)


def switch_led(on):
    """Switch something here."""
    print("led is", "on" if on else "off", flush=True)


async def publish(hub, topic, value):
    await hub.send(json.dumps({"op": "publish", "topic": topic, "payload": value, "retain": True}))


async def report(hub):
    """Says every five seconds how warm it is."""
    while True:
        temperature = read_temperature()
        await publish(hub, TEMPERATURE, temperature)
        print("temperature", temperature, flush=True)
        await asyncio.sleep(5)


async def obey(hub):
    """Hears what the hub says, until the connection ends."""
    async for text in hub:
        frame = json.loads(text)
        if frame["op"] == "message":  # somebody pressed the switch
            on = frame["payload"] is True
            switch_led(on)
            await publish(hub, LED, on)  # says that it is done
        elif frame["op"] == "error":
            print("The hub did not take a message:", frame["message"], flush=True)


async def live():
    trust = ssl.create_default_context(cafile=CA_FILE) if CA_FILE else None
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with websockets.connect(HUB, ssl=trust, additional_headers=headers) as hub:
        print("connected", flush=True)
        await hub.send(json.dumps({"op": "subscribe", "filter": f"{LED}/set"}))
        await publish(hub, LED, False)
        reporting = asyncio.create_task(report(hub))
        try:
            await obey(hub)
        finally:
            reporting.cancel()


async def main():
    while True:
        try:
            await live()
            print("The connection ended; I try again.", flush=True)
        except websockets.InvalidStatus as refused:
            if refused.response.status_code in (401, 403):
                sys.exit(f"The hub refuses this device: {refused}. Is the token the one of the device {DEVICE!r}?")
            print(f"The hub does not let me in now: {refused}", flush=True)
        except ssl.SSLCertVerificationError as error:
            sys.exit(f"The hub's certificate is not trusted: {error}. Is {CA_FILE} the one of this hub?")
        except (OSError, websockets.WebSocketException):
            print(f"The hub does not answer at {HUB_HOST}:{HUB_PORT}; I try again.", flush=True)
        await asyncio.sleep(5)


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
