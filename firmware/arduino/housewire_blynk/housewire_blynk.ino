// A device of your house on an Arduino Uno with an Ethernet shield, speaking Blynk.
// Pin V0 is a temperature, and pin V1 switches its LED.
//
// Library: Blynk by Volodymyr Shymanskyy (Tools, Manage Libraries)

// The library wants these two; the hub does not.
#define BLYNK_TEMPLATE_ID "TMPLhousewire"
#define BLYNK_TEMPLATE_NAME "Housewire"
#define BLYNK_PRINT Serial

#include <SPI.h>
#include <Ethernet.h>
#include <BlynkSimpleEthernet.h>

const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = 8;  // an LED with a resistor of 330 ohms to ground; the Uno's own LED at 13 belongs to the shield

BlynkTimer timer;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 5.0 / 1023.0;
  return (volts - 0.5) * 100.0;
}

void switchLed(bool on) {
  digitalWrite(LED_PIN, on ? HIGH : LOW);
  Serial.println(on ? F("led is on") : F("led is off"));
}

void reportTemperature() {
  float temperature = readTemperature();
  Blynk.virtualWrite(V0, temperature);
  Serial.println(String("temperature ") + String(temperature, 1));
}

// Somebody pressed the switch.
BLYNK_WRITE(V1) {
  bool on = param.asInt() != 0;
  switchLed(on);
  Blynk.virtualWrite(V1, on ? 1 : 0);  // says that it is done
}

BLYNK_CONNECTED() {
  Serial.println(F("connected"));
  Blynk.virtualWrite(V1, 0);
  reportTemperature();
}

// Every device in a network needs a hardware address of its own: made of the token.
void joinNetwork() {
  byte mac[6] = {0x02, 'H', 'W', 0, 0, 0};
  for (int i = 0; TOKEN[i] != 0; i++) {
    mac[3 + i % 3] = mac[3 + i % 3] * 31 + TOKEN[i];
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

void setup() {
  Serial.begin(115200);
  pinMode(LED_PIN, OUTPUT);
  switchLed(false);
  joinNetwork();
  Blynk.config(TOKEN, HUB_HOST, HUB_PORT);
  timer.setInterval(5000L, reportTemperature);
}

void loop() {
  Ethernet.maintain();
  if (!Blynk.connected() && !Blynk.connect()) {
    if (Blynk.isTokenInvalid()) {
      stopRefused();
    }
    Serial.println(F("The hub does not answer; I try again."));
    delay(5000);
    return;
  }
  Blynk.run();
  timer.run();
}
