// A device of your house that is a Bolt module to programs written for Bolt's cloud: pins, servos and a serial port.
// For an Arduino Uno with an Ethernet shield. What its properties are for the hub's Bolt API is in docs/ref/bolt.md.
//
// Library: PubSubClient by Nick O'Leary (Tools, Manage Libraries)
#include <SPI.h>
#include <Ethernet.h>
#include <PubSubClient.h>
#include <avr/wdt.h>

const char HUB_HOST[] = "@HUB_HOST@";
const uint16_t HUB_PORT = @HUB_PORT@;
const char DEVICE[] = "@DEVICE@";
const char TOKEN[] = "@TOKEN@";

const char PROGRAM[] = "1.4.0";
const uint8_t PINS[] = {3, 5, 6, 9, 8};  // the board's, for Bolt's 0 to 4; 8 knows no levels between low and high
const int PIN_COUNT = 5;

EthernetClient net;
PubSubClient mqtt(net);
int angles[PIN_COUNT];  // of servos; -1 where there is none
char text[120];         // what was asked for, or what came in
unsigned long reported = 0;
unsigned long pulsed = 0;

// devices/ID/NAME: where the hub looks for what this device says.
String topic(const char* name) {
  return String("devices/") + DEVICE + "/" + name;
}

void report(const char* name, const char* value, bool keep) {
  mqtt.publish(topic(name).c_str(), value, keep);
}

void setLevel(int pin, int level) {
  angles[pin] = -1;
  if (level <= 0 || level >= 255) {
    digitalWrite(PINS[pin], level > 0 ? HIGH : LOW);
  } else {
    analogWrite(PINS[pin], level);
  }
}

// A servo turns by the length of its pulse, which comes 50 times a second.
void pulseServos() {
  if (millis() - pulsed < 20) return;
  pulsed = millis();
  for (int pin = 0; pin < PIN_COUNT; pin++) {
    if (angles[pin] < 0) continue;
    digitalWrite(PINS[pin], HIGH);
    delayMicroseconds(500 + angles[pin] * 11);
    digitalWrite(PINS[pin], LOW);
  }
}

// What came in over the wire, up to this character; without one (-1), what is there.
void readSerial(int till) {
  size_t size = 0;
  unsigned long since = millis();
  while (size < sizeof text - 1 && millis() - since < (till < 0 ? 50UL : 1000UL)) {
    int letter = Serial.read();
    if (letter < 0) continue;
    if (letter == till) break;
    text[size++] = letter;
    since = millis();
  }
  text[size] = 0;
}

// Somebody asks for something; what is done is reported, and so confirmed.
void onMessage(char* name, byte* payload, unsigned int length) {
  if (length >= sizeof text) return;  // it was not done, and the program hears of it
  memcpy(text, payload, length);      // the library needs its room to answer
  text[length] = 0;
  char what[12];
  size_t begin = strlen("devices//") + strlen(DEVICE);
  size_t size = strlen(name) - begin - strlen("/set");
  if (size >= sizeof what) return;
  memcpy(what, name + begin, size);
  what[size] = 0;
  int number = what[size - 1] - '0';
  bool isPin = number >= 0 && number < PIN_COUNT;
  bool keep = true;
  if (strcmp(what, "restart") == 0) {
    mqtt.disconnect();
    wdt_enable(WDTO_15MS);
    while (true) {
    }
  } else if (strcmp(what, "rx") == 0) {
    readSerial(length == 0 ? -1 : atoi(text));
    keep = false;
  } else if (strcmp(what, "tx") == 0) {
    Serial.print(text);
    keep = false;  // a text that is kept would be cleared by an empty one
  } else if (strcmp(what, "baud") == 0) {
    Serial.begin(atol(text));
  } else if (isPin && strncmp(what, "pin", 3) == 0) {
    setLevel(number, atoi(text));
  } else if (isPin && strncmp(what, "servo", 5) == 0) {
    angles[number] = atoi(text);
  } else {
    return;
  }
  report(what, text, keep);
}

// Every device in a network needs a hardware address of its own: made of the device's id.
void joinNetwork() {
  byte mac[6] = {0x02, 'H', 'W', 0, 0, 0};
  for (int i = 0; DEVICE[i] != 0; i++) {
    mac[3 + i % 3] = mac[3 + i % 3] * 31 + DEVICE[i];
  }
  while (Ethernet.begin(mac) == 0) delay(5000);
}

// Trying again with a wrong token would not help. Nothing else is said over the wire that belongs to programs.
void stopRefused() {
  Serial.println(F("The hub refuses this device. Is the token the one of this device?"));
  while (true) delay(1000);
}

void connectToHub() {
  // Client id, user name, password; then the will: what the hub says when this board is gone.
  if (mqtt.connect(DEVICE, DEVICE, TOKEN, topic("$online").c_str(), 0, true, "false")) {
    mqtt.subscribe(topic("+/set").c_str());
    report("program", PROGRAM, true);
    for (char name[] = "pin0"; name[3] < '0' + PIN_COUNT; name[3]++) {
      setLevel(name[3] - '0', 0);
      report(name, "0", true);
    }
  } else if (mqtt.state() == 4 || mqtt.state() == 5) {
    stopRefused();
  } else {
    delay(5000);
  }
}

void setup() {
  Serial.begin(9600);
  for (int pin = 0; pin < PIN_COUNT; pin++) {
    pinMode(PINS[pin], OUTPUT);
    angles[pin] = -1;
  }
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
  pulseServos();
  if (reported == 0 || millis() - reported > 5000) {
    reported = millis();
    report("a0", String(analogRead(A0)).c_str(), true);
  }
}
