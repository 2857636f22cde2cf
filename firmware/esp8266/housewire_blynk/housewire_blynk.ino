// A device of your house on an ESP8266, speaking Blynk.
// Pin V0 is a temperature, and pin V1 switches its LED.
//
// Library: Blynk by Volodymyr Shymanskyy (Tools, Manage Libraries)

// The library wants these two; the hub does not.
#define BLYNK_TEMPLATE_ID "TMPLhousewire"
#define BLYNK_TEMPLATE_NAME "Housewire"
#define BLYNK_PRINT Serial

#include <ESP8266WiFi.h>
#include <BlynkSimpleEsp8266.h>

const char WIFI_NAME[] = "@WIFI_NAME@";
const char WIFI_PASSWORD[] = "@WIFI_PASSWORD@";
const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = LED_BUILTIN;

BlynkTimer timer;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 3.3 / 1023.0;
  return (volts - 0.5) * 100.0;
}

void switchLed(bool on) {
  digitalWrite(LED_PIN, on ? LOW : HIGH);  // the board's own LED shines when its pin is low
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

void joinNetwork() {
  Serial.println(String("I join the Wi-Fi ") + WIFI_NAME);
  WiFi.mode(WIFI_STA);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) {
    delay(500);
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
