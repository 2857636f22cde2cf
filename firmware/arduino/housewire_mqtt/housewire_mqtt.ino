// A device of your house on an Arduino Uno with an Ethernet shield, over MQTT.
// It reports a temperature, and its LED obeys a switch.
//
// Library: PubSubClient by Nick O'Leary (Tools, Manage Libraries)
#include <SPI.h>
#include <Ethernet.h>
#include <PubSubClient.h>

const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = 8;  // an LED with a resistor of 330 ohms to ground; the Uno's own LED at 13 belongs to the shield

EthernetClient net;
PubSubClient mqtt(net);
unsigned long reported = 0;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 5.0 / 1023.0;
  return (volts - 0.5) * 100.0;
}

// devices/ID/NAME: where the hub looks for what this device says.
String topic(const char* name) {
  return String("devices/") + DEVICE + "/" + name;
}

void report(const char* name, const String& value) {
  mqtt.publish(topic(name).c_str(), value.c_str(), true);
  Serial.println(String(name) + " " + value);
}

void switchLed(bool on) {
  digitalWrite(LED_PIN, on ? HIGH : LOW);
  Serial.println(on ? F("led is on") : F("led is off"));
}

// Somebody pressed the switch.
void onMessage(char* name, byte* payload, unsigned int length) {
  bool on = length == 4 && memcmp(payload, "true", 4) == 0;
  switchLed(on);
  report("led", on ? "true" : "false");  // says that it is done
}

// Every device in a network needs a hardware address of its own: made of the device's id.
void joinNetwork() {
  byte mac[6] = {0x02, 'H', 'W', 0, 0, 0};
  for (int i = 0; DEVICE[i] != 0; i++) {
    mac[3 + i % 3] = mac[3 + i % 3] * 31 + DEVICE[i];
  }
  Serial.println(F("I ask the router for an address"));
  while (Ethernet.begin(mac) == 0) {
    Serial.println(F("The router gave none. Is the cable in? I try again."));
    delay(5000);
  }
}

// Trying again with a wrong token would not help.
void stopRefused() {
  Serial.println(F("The hub refuses this device. Is the token the one of this device?"));
  while (true) {
    delay(1000);
  }
}

void connectToHub() {
  // Client id, user name, password; then the will: what the hub says when this board is gone.
  if (mqtt.connect(DEVICE, DEVICE, TOKEN, topic("$online").c_str(), 0, true, "false")) {
    Serial.println(F("connected"));
    mqtt.subscribe(topic("led/set").c_str());
    report("led", "false");
  } else if (mqtt.state() == 4 || mqtt.state() == 5) {
    stopRefused();
  } else {
    Serial.println(F("The hub does not answer; I try again."));
    delay(5000);
  }
}

void setup() {
  Serial.begin(115200);
  pinMode(LED_PIN, OUTPUT);
  switchLed(false);
  joinNetwork();
  mqtt.setServer(HUB_HOST, HUB_PORT);
  mqtt.setCallback(onMessage);
}

void loop() {
  Ethernet.maintain();
  if (!mqtt.connected()) {
    connectToHub();
    return;
  }
  mqtt.loop();
  if (reported == 0 || millis() - reported > 5000) {
    reported = millis();
    report("temperature", String(readTemperature(), 1));
  }
}
