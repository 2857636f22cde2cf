// A device of your house on an Arduino Uno with an Ethernet shield, over HTTP.
// It reports a temperature, and its LED obeys a switch.
//
// Library: ArduinoHttpClient by Arduino (Tools, Manage Libraries)
#include <SPI.h>
#include <Ethernet.h>
#include <ArduinoHttpClient.h>

const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = 8;  // an LED with a resistor of 330 ohms to ground; the Uno's own LED at 13 belongs to the shield

EthernetClient net;
HttpClient http(net, HUB_HOST, HUB_PORT);
unsigned long reported = 0;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 5.0 / 1023.0;
  return (volts - 0.5) * 100.0;
}

// Trying again with a wrong token would not help.
void stopRefused() {
  Serial.println(F("The hub refuses this device. Is the token the one of this device?"));
  while (true) {
    delay(1000);
  }
}

// One request; its status, 0 or less when there was no answer. The text of the answer goes into `answer`.
int ask(const char* method, const String& path, const String& body, String& answer) {
  http.beginRequest();
  if (http.startRequest((String("/api/") + path).c_str(), method) != 0) {
    http.stop();
    return 0;
  }
  http.sendHeader("Authorization", (String("Bearer ") + TOKEN).c_str());
  http.sendHeader("Content-Type", "text/plain");
  http.sendHeader("Content-Length", body.length());
  http.beginBody();
  http.print(body);
  http.endRequest();
  int status = http.responseStatusCode();
  if (status > 0) {
    answer = http.responseBody();
  }
  http.stop();
  if (status == 401 || status == 403) {
    stopRefused();
  }
  return status;
}

// Says what the device has measured or done.
bool report(const char* name, const String& value) {
  String answer;
  int status = ask("PUT", String("devices/") + DEVICE + "/" + name, value, answer);
  if (status == 204) {
    Serial.println(String(name) + " " + value);
    return true;
  }
  if (status > 0) {
    Serial.println(String("The hub did not take ") + name + ": " + answer);
  } else {
    Serial.println(F("The hub does not answer; I try again."));
  }
  return false;
}

void switchLed(bool on) {
  digitalWrite(LED_PIN, on ? HIGH : LOW);
  Serial.println(on ? F("led is on") : F("led is off"));
}

// Asks whether somebody pressed the switch: the answer is 404 when nobody did.
void obey() {
  String wanted;
  if (ask("GET", String("topics/devices/") + DEVICE + "/led/target", "", wanted) == 200) {
    bool on = wanted == "true";
    switchLed(on);
    report("led", on ? "true" : "false");  // says that it is done
  }
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

void setup() {
  Serial.begin(115200);
  pinMode(LED_PIN, OUTPUT);
  switchLed(false);
  joinNetwork();
  while (!report("led", "false")) {
    delay(5000);
  }
}

void loop() {
  Ethernet.maintain();
  if (reported == 0 || millis() - reported > 5000) {
    reported = millis();
    report("temperature", String(readTemperature(), 1));
  }
  obey();
  delay(1000);
}
