// A device of your house on an ESP8266, over MQTT.
// It reports a temperature, and its LED obeys a switch.
//
// Library: PubSubClient by Nick O'Leary (Tools, Manage Libraries)
#include <ESP8266WiFi.h>
#include <PubSubClient.h>

const char WIFI_NAME[] = "@WIFI_NAME@";
const char WIFI_PASSWORD[] = "@WIFI_PASSWORD@";
const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = LED_BUILTIN;

WiFiClient net;
PubSubClient mqtt(net);
unsigned long reported = 0;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 3.3 / 1023.0;
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
  digitalWrite(LED_PIN, on ? LOW : HIGH);  // the board's own LED shines when its pin is low
  Serial.println(on ? F("led is on") : F("led is off"));
}

// Somebody pressed the switch.
void onMessage(char* name, byte* payload, unsigned int length) {
  bool on = length == 4 && memcmp(payload, "true", 4) == 0;
  switchLed(on);
  report("led", on ? "true" : "false");  // says that it is done
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
