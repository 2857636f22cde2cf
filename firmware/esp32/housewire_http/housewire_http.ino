// A device of your house on an ESP32, over HTTP.
// It reports a temperature, and its LED obeys a switch.
//
// Library: none; what it needs comes with the board's package
#include <WiFi.h>
#include <HTTPClient.h>

const char WIFI_NAME[] = "@WIFI_NAME@";
const char WIFI_PASSWORD[] = "@WIFI_PASSWORD@";
const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = 2;  // the blue LED of most boards

WiFiClient net;
unsigned long reported = 0;

// The chip's own, which is warmer than the room. Read your sensor here.
float readTemperature() {
  return temperatureRead();
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
  HTTPClient http;
  http.begin(net, HUB_HOST, HUB_PORT, String("/api/") + path);
  http.addHeader("Authorization", String("Bearer ") + TOKEN);
  http.addHeader("Content-Type", "text/plain");
  int status = http.sendRequest(method, body);
  if (status > 0) {
    answer = http.getString();
  }
  http.end();
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

void joinNetwork() {
  Serial.println(String("I join the Wi-Fi ") + WIFI_NAME);
  WiFi.mode(WIFI_STA);
  WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) {
    delay(500);
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
  if (reported == 0 || millis() - reported > 5000) {
    reported = millis();
    report("temperature", String(readTemperature(), 1));
  }
  obey();
  delay(1000);
}
