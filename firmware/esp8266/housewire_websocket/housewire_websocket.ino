// A device of your house on an ESP8266, over WebSocket.
// It reports a temperature, and its LED obeys a switch.
//
// Library: WebSockets by Markus Sattler (Tools, Manage Libraries)
#include <ESP8266WiFi.h>
#include <ESP8266HTTPClient.h>
#include <WebSocketsClient.h>

const char WIFI_NAME[] = "@WIFI_NAME@";
const char WIFI_PASSWORD[] = "@WIFI_PASSWORD@";
const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const int LED_PIN = LED_BUILTIN;

WiFiClient net;
WebSocketsClient hub;
bool connected = false;
unsigned long reported = 0;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 3.3 / 1023.0;
  return (volts - 0.5) * 100.0;
}

void say(String text) {
  hub.sendTXT(text);
}

// {"op":"publish","topic":"devices/ID/NAME","payload":VALUE,"retain":true}
void report(const char* name, const String& value) {
  say(String("{\"op\":\"publish\",\"topic\":\"devices/") + DEVICE + "/" + name + "\"," +
      "\"payload\":" + value + ",\"retain\":true}");
  Serial.println(String(name) + " " + value);
}

void switchLed(bool on) {
  digitalWrite(LED_PIN, on ? LOW : HIGH);  // the board's own LED shines when its pin is low
  Serial.println(on ? F("led is on") : F("led is off"));
}

void onConnected() {
  Serial.println(F("connected"));
  // Whoever presses the switch is heard from now on.
  say(String("{\"op\":\"subscribe\",\"filter\":\"devices/") + DEVICE + "/led/set\"}");
  report("led", "false");
}

void onFrame(const String& text) {
  if (text.indexOf("\"op\":\"message\"") >= 0) {  // somebody pressed the switch
    bool on = text.indexOf("\"payload\":true") >= 0;
    switchLed(on);
    report("led", on ? "true" : "false");  // says that it is done
  } else if (text.indexOf("\"op\":\"error\"") >= 0) {
    Serial.println(String("The hub did not take a message: ") + text);
  }
}

void onEvent(WStype_t type, uint8_t* payload, size_t length) {
  if (type == WStype_CONNECTED) {
    connected = true;
    onConnected();
  } else if (type == WStype_DISCONNECTED) {
    connected = false;
    Serial.println(F("The hub does not answer; I try again."));
  } else if (type == WStype_TEXT) {
    onFrame(String((const char*)payload));
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

// Trying again with a wrong token would not help.
void stopRefused() {
  Serial.println(F("The hub refuses this device. Is the token the one of this device?"));
  while (true) {
    delay(1000);
  }
}

// The library does not say why a hub refuses: a plain request does.
void checkToken() {
  HTTPClient http;
  http.begin(net, HUB_HOST, HUB_PORT, "/api/session");
  http.addHeader("Authorization", String("Bearer ") + TOKEN);
  int status = http.GET();
  http.end();
  if (status == 401 || status == 403) {
    stopRefused();
  }
}

void setup() {
  Serial.begin(115200);
  pinMode(LED_PIN, OUTPUT);
  switchLed(false);
  joinNetwork();
  checkToken();
  hub.begin(HUB_HOST, HUB_PORT, "/api/ws", "housewire.v1.json");
  hub.setAuthorization(DEVICE, TOKEN);
  hub.onEvent(onEvent);
  hub.setReconnectInterval(5000);
}

void loop() {
  hub.loop();
  if (connected && (reported == 0 || millis() - reported > 5000)) {
    reported = millis();
    report("temperature", String(readTemperature(), 1));
  }
}
