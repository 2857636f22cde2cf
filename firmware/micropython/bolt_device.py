"""A device of your house in MicroPython that is a Bolt module to programs written for Bolt's cloud: pins, servos and a serial port.

For boards with Wi-Fi: ESP32, Raspberry Pi Pico W. What its properties are for the hub's Bolt API is in docs/ref/bolt.md.
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

PINS = (4, 5, 18, 19, 21)  # the board's, for Bolt's 0 to 4
ANALOG = 34  # for A0; on a Pico W write 26
UART = 1  # at 9600 until somebody says otherwise
PROGRAM = "1.4.0"

TOPIC = "devices/" + DEVICE + "/"

outputs = [machine.Pin(pin, machine.Pin.OUT) for pin in PINS]
pulses = [None] * len(PINS)  # of pins that are neither high nor low
analog = machine.ADC(machine.Pin(ANALOG))
uart = machine.UART(UART, 9600)


def join_wifi():
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    if not wifi.isconnected():
        print("I join the Wi-Fi", WIFI_NAME)
        wifi.connect(WIFI_NAME, WIFI_PASSWORD)
    while not wifi.isconnected():
        time.sleep(1)


def pulse(number, frequency, duty):
    """Switches a pin on and off so often, in each turn for so much of 65535."""
    if pulses[number] is None:
        pulses[number] = machine.PWM(outputs[number])
    pulses[number].freq(frequency)
    pulses[number].duty_u16(duty)


def set_level(number, level):
    if 0 < level < 255:
        pulse(number, 1000, level * 257)
        return
    if pulses[number] is not None:
        pulses[number].deinit()
        pulses[number] = None
        outputs[number] = machine.Pin(PINS[number], machine.Pin.OUT)
    outputs[number].value(1 if level else 0)


def set_angle(number, angle):
    """A servo turns by the length of its pulse: 0.5 to 2.5 ms of each 20."""
    pulse(number, 50, (500 + angle * 2000 // 180) * 65535 // 20000)


def read_serial(till):
    """What came in, up to this character; without one, what is there."""
    text = b""
    since = time.ticks_ms()
    while len(text) < 1000 and time.ticks_diff(time.ticks_ms(), since) < (50 if till is None else 1000):
        letter = uart.read(1)
        if not letter:
            time.sleep_ms(1)
            continue
        if letter[0] == till:
            break
        text += letter
        since = time.ticks_ms()
    return text


def report(name, value, keep=True):
    hub.publish(TOPIC + name, value, keep)


def on_message(topic, payload):
    """Somebody asks for something; what is done is reported, and so confirmed."""
    name = topic.decode()[len(TOPIC) : -len("/set")]
    if name == "restart":
        hub.disconnect()
        machine.reset()
    elif name == "rx":
        report("rx", read_serial(int(payload) if payload else None), False)
        return
    elif name == "tx":
        uart.write(payload)
        report("tx", payload, False)  # a text that is kept would be cleared by an empty one
        return
    elif name == "baud":
        uart.init(int(payload))
    elif name.startswith("pin"):
        set_level(int(name[3:]), int(payload))
    elif name.startswith("servo"):
        set_angle(int(name[5:]), int(payload))
    else:
        return
    report(name, payload)


def live():
    hub.connect()
    print("connected")
    hub.subscribe(TOPIC + "+/set")
    report("program", PROGRAM)
    for number in range(len(PINS)):
        report("pin%d" % number, "0")
        set_level(number, 0)
    reported = time.ticks_add(time.ticks_ms(), -5000)
    while True:
        hub.check_msg()
        if time.ticks_diff(time.ticks_ms(), reported) >= 5000:
            reported = time.ticks_ms()
            report("a0", str(analog.read_u16() >> 6))
        time.sleep_ms(10)


join_wifi()
hub = MQTTClient(DEVICE, HUB_HOST, HUB_PORT, DEVICE, TOKEN, 60)
hub.set_callback(on_message)
hub.set_last_will(TOPIC + "$online", "false", True)  # what the hub says when this board is gone
while True:
    try:
        live()
    except MQTTException as refused:
        sys.exit("The hub refuses this device (code %s). Is the token the one of the device %s?" % (refused, DEVICE))
    except (OSError, IndexError) as error:  # umqtt says IndexError when a connection breaks
        print("The hub does not answer at %s:%s (%s); I try again." % (HUB_HOST, HUB_PORT, error))
        time.sleep(5)
        join_wifi()
