"""A device of your house in MicroPython, over MQTT: it reports a temperature, and its LED obeys a switch.

For boards with Wi-Fi: ESP32, ESP8266, Raspberry Pi Pico W.
You need:   MicroPython on the board, and in its shell, once it is in your Wi-Fi:
            import mip; mip.install("umqtt.simple")
Start it:   save it on the board as main.py
"""

import sys
import time

import machine
import network
from umqtt.simple import MQTTClient, MQTTException

WIFI_NAME = "@WIFI_NAME@"
WIFI_PASSWORD = "@WIFI_PASSWORD@"
HUB_HOST = "@HUB_HOST@"
HUB_PORT = int("@HUB_PORT@")
DEVICE = "@DEVICE@"
TOKEN = "@TOKEN@"

LED_PIN = 2  # of most ESP boards; on a Pico W write "LED"

TEMPERATURE = "devices/" + DEVICE + "/temperature"
LED = "devices/" + DEVICE + "/led"

led = machine.Pin(LED_PIN, machine.Pin.OUT)
made_up = 20.0


def read_temperature():
    """Made up: it rises from 20 to 23 and begins again. Read your sensor here."""
    global made_up
    made_up = made_up + 0.1 if made_up < 22.95 else 20.0
    return "%.1f" % made_up


def join_wifi():
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    if not wifi.isconnected():
        print("I join the Wi-Fi", WIFI_NAME)
        wifi.connect(WIFI_NAME, WIFI_PASSWORD)
    while not wifi.isconnected():
        time.sleep(1)


def on_message(topic, payload):
    """Somebody pressed the switch."""
    on = payload == b"true"
    led.value(1 if on else 0)
    print("led is", "on" if on else "off")
    hub.publish(LED, "true" if on else "false", True)  # says that it is done


def live():
    hub.connect()
    print("connected")
    hub.subscribe(LED + "/set")
    hub.publish(LED, "false", True)
    reported = time.ticks_add(time.ticks_ms(), -5000)
    while True:
        hub.check_msg()
        if time.ticks_diff(time.ticks_ms(), reported) >= 5000:
            reported = time.ticks_ms()
            temperature = read_temperature()
            hub.publish(TEMPERATURE, temperature, True)
            print("temperature", temperature)
        time.sleep_ms(50)


join_wifi()
hub = MQTTClient(DEVICE, HUB_HOST, HUB_PORT, DEVICE, TOKEN, 60)
hub.set_callback(on_message)
hub.set_last_will("devices/" + DEVICE + "/$online", "false", True)  # what the hub says when this board is gone
while True:
    try:
        live()
    except MQTTException as refused:
        sys.exit("The hub refuses this device (code %s). Is the token the one of the device %s?" % (refused, DEVICE))
    except (OSError, IndexError) as error:  # umqtt says IndexError when a connection breaks
        print("The hub does not answer at %s:%s (%s); I try again." % (HUB_HOST, HUB_PORT, error))
        time.sleep(5)
        join_wifi()
