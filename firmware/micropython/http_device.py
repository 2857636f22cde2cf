"""A device of your house in MicroPython, over HTTP: it reports a temperature, and its LED obeys a switch.

For boards with Wi-Fi: ESP32, ESP8266, Raspberry Pi Pico W.
You need:   MicroPython on the board, and in its shell, once it is in your Wi-Fi:
            import mip; mip.install("urequests")
Start it:   save it on the board as main.py
"""

import sys
import time

import machine
import network
import urequests

WIFI_NAME = "@WIFI_NAME@"
WIFI_PASSWORD = "@WIFI_PASSWORD@"
HUB_HOST = "@HUB_HOST@"
HUB_PORT = "@HUB_PORT@"
DEVICE = "@DEVICE@"
TOKEN = "@TOKEN@"

LED_PIN = 2  # of most ESP boards; on a Pico W write "LED"

HUB = "http://" + HUB_HOST + ":" + HUB_PORT + "/api/"
HEADERS = {"Authorization": "Bearer " + TOKEN, "Content-Type": "text/plain"}

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


def ask(method, path, data=None):
    """One request; the status and the text of the answer."""
    answer = urequests.request(method, HUB + path, data=data, headers=HEADERS)
    status, text = answer.status_code, answer.text
    answer.close()
    if status in (401, 403):
        sys.exit("The hub refuses this device (%s). Is the token the one of the device %s?" % (status, DEVICE))
    return status, text


def report(name, value):
    """Says what the device has measured or done."""
    status, text = ask("PUT", "devices/" + DEVICE + "/" + name, value)
    if status != 204:
        print("The hub did not take", name, "-", text)


def obey():
    """Asks whether somebody pressed the switch: 404 when nobody did."""
    status, wanted = ask("GET", "topics/devices/" + DEVICE + "/led/target")
    if status == 200:
        on = wanted == "true"
        led.value(1 if on else 0)
        print("led is", "on" if on else "off")
        report("led", "true" if on else "false")  # says that it is done


join_wifi()
begun = False
count = 0
while True:
    try:
        if not begun:
            report("led", "false")
            begun = True
        if count % 5 == 0:
            temperature = read_temperature()
            report("temperature", temperature)
            print("temperature", temperature)
        obey()
        count = count + 1
    except (OSError, ValueError, IndexError) as error:
        print("The hub does not answer at %s:%s (%s); I try again." % (HUB_HOST, HUB_PORT, error))
        join_wifi()
    time.sleep(1)
