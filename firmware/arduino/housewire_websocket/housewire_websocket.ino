// A device of your house on an Arduino Uno with an Ethernet shield, over WebSocket.
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
WebSocketClient hub(net, HUB_HOST, HUB_PORT);
unsigned long reported = 0;

// From a TMP36 sensor at A0; without one it is any number. Read your sensor here.
float readTemperature() {
  float volts = analogRead(A0) * 5.0 / 1023.0;
  return (volts - 0.5) * 100.0;
}

void say(const String& text) {
  hub.beginMessage(TYPE_TEXT);
  hub.print(text);
  hub.endMessage();
}

// {"op":"publish","topic":"devices/ID/NAME","payload":VALUE,"retain":true}
void report(const char* name, const String& value) {
  say(String("{\"op\":\"publish\",\"topic\":\"devices/") + DEVICE + "/" + name + "\"," +
      "\"payload\":" + value + ",\"retain\":true}");
  Serial.println(String(name) + " " + value);
}

void switchLed(bool on) {
  digitalWrite(LED_PIN, on ? HIGH : LOW);
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
  int status = hub.begin(String("/api/ws?token=") + TOKEN);
  if (status == 0) {
    onConnected();
  } else if (status == 401 || status == 403) {
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
}

void loop() {
  Ethernet.maintain();
  if (!hub.connected()) {
    connectToHub();
    return;
  }
  if (hub.parseMessage() > 0) {
    onFrame(hub.readString());
  }
  if (reported == 0 || millis() - reported > 5000) {
    reported = millis();
    report("temperature", String(readTemperature(), 1));
  }
}
