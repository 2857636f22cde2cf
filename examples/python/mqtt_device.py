"""A device of your house in Python, over MQTT: it reports a temperature and obeys a switch called "led".

You need:   pip install paho-mqtt      (version 2)
Start it:   python3 mqtt_device.py     (Ctrl-C ends it)
"""

import random
import sys
import threading

import paho.mqtt.client as mqtt

HUB_HOST = "@HUB_HOST@"
HUB_PORT = int("@HUB_PORT@")
DEVICE = "@DEVICE@"
TOKEN = "@TOKEN@"
CA_FILE = "@CA_FILE@"  # the certificate that vouches for the hub; empty: the connection is not encrypted

TEMPERATURE = f"devices/{DEVICE}/temperature"
LED = f"devices/{DEVICE}/led"

stop = threading.Event()
failure = None


def read_temperature():
    """Made up. Read your sensor here."""
    return round(random.uniform(20, 23), 1)


def switch_led(on):
    """Switch something here."""
    print("led is", "on" if on else "off", flush=True)


def end_with(message):
    global failure
    failure = message
    stop.set()


def on_connect(client, userdata, flags, reason, properties):
    if reason.is_failure:
        end_with(f"The hub refuses this device: {reason}. Is the token the one of the device {DEVICE!r}?")
        return
    print("connected", flush=True)
    client.subscribe(f"{LED}/set")  # whoever presses the switch is heard here
    client.publish(LED, "false", retain=True)


def on_connect_fail(client, userdata):
    print(f"The hub does not answer at {HUB_HOST}:{HUB_PORT}; I try again.", flush=True)


def on_message(client, userdata, message):
    on = message.payload == b"true"
    switch_led(on)
    client.publish(LED, "true" if on else "false", retain=True)  # says that it is done


def on_publish(client, userdata, packet, reason, properties):
    if reason.is_failure:
        end_with(f"The hub did not take a message: {reason}.")


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=DEVICE, protocol=mqtt.MQTTv5)
client.username_pw_set(DEVICE, TOKEN)
client.will_set(f"devices/{DEVICE}/$online", "false", retain=True)  # what the hub says when this program is gone
client.on_connect = on_connect
client.on_connect_fail = on_connect_fail
client.on_message = on_message
client.on_publish = on_publish
if CA_FILE:
    client.tls_set(CA_FILE)

client.connect_async(HUB_HOST, HUB_PORT)
client.loop_start()
try:
    while not stop.wait(5):
        if client.is_connected():
            temperature = read_temperature()
            client.publish(TEMPERATURE, temperature, qos=1, retain=True)
            print("temperature", temperature, flush=True)
except KeyboardInterrupt:
    pass
client.disconnect()
client.loop_stop()
sys.exit(failure)
