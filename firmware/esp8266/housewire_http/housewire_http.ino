// A device of your house on an ESP8266, over HTTP.
// It reports a temperature, and its LED obeys a switch.
//
// Library: none; what it needs comes with the board's package
#include <ESP8266WiFi.h>
#include <ESP8266HTTPClient.h>

const char WIFI_NAME[] = "@WIFI_NAME@";
const char WIFI_PASSWORD[] = "@WIFI_PASSWORD@";
const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = LED_BUILTIN;

WiFiClient net;
unsigned long reported = 0;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 3.3 / 1023.0;
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
  digitalWrite(LED_PIN, on ? LOW : HIGH);  // the board's own LED shines when its pin is low
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
