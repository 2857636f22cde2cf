// Stands in for the C++ library of Blynk, with the part of its public face that the sketches use; written for these tests, as
// the library itself is in no package registry that they install from. Frames are a command, a number, a length (or the
// status of an answer) and texts with zeros between them. Compiles on a host and, for the Uno, with avr-gcc.
#pragma once

#include <Arduino.h>
#include <Client.h>
#include <Ethernet.h>

#if !defined(BLYNK_TEMPLATE_ID) || !defined(BLYNK_TEMPLATE_NAME)
#error "Blynk's library asks for BLYNK_TEMPLATE_ID and BLYNK_TEMPLATE_NAME before it is included"
#endif

const int V0 = 0;
const int V1 = 1;

class BlynkParam {
 public:
  explicit BlynkParam(const char* text) : text_(text) {}
  int asInt() const { return atoi(text_); }
  const char* asStr() const { return text_; }

 private:
  const char* text_;
};

// The sketch writes these with the macros below.
void BlynkWidgetWrite1(const BlynkParam& param);
void BlynkOnConnected();
#define BLYNK_WRITE(pin) BLYNK_WRITE_OF(pin)
#define BLYNK_WRITE_OF(pin) BLYNK_WRITE_##pin
#define BLYNK_WRITE_V1 void BlynkWidgetWrite1(const BlynkParam& param)
#define BLYNK_CONNECTED() void BlynkOnConnected()

class BlynkClass {
 public:
  void config(const char* token, const char* host, uint16_t port) { token_ = token; host_ = host; port_ = port; }

  bool connect() {
    net_.stop();
    in_ = false;
    if (!net_.connect(host_, port_)) return false;
    number_ = 0;
    send(CMD_LOGIN, token_, strlen(token_));
    // Every frame until the answer to the login.
    const unsigned long asked = millis();
    while (millis() - asked < PATIENCE_MS) {
      if (net_.available() >= HEAD && take() == CMD_RESPONSE) {
        refused_ = size_ == INVALID_TOKEN;
        if (size_ != OK) { net_.stop(); return false; }
        in_ = true;
        // How often this device will be heard of, and how much it takes.
        const char info[] = "ver\0001.3.2\0h-beat\00010\0buff-in\000256\0dev\0Test";
        send(CMD_INTERNAL, info, sizeof info - 1);
        BlynkOnConnected();
        return true;
      }
      if (!net_.connected()) return false;
      delay(1);
    }
    return false;
  }
  bool connected() { return in_ && net_.connected(); }
  bool isTokenInvalid() const { return refused_; }

  template <typename Value>
  void virtualWrite(int pin, Value value) {
    // The library writes numbers with a point with seven digits.
    const String text = String(value);
    String body("vw");
    body += '\1'; body += String(pin); body += '\1'; body += text;
    char room[64];
    size_t size = 0;
    for (const char* one = body.c_str(); *one != 0 && size < sizeof room; one++) room[size++] = *one == '\1' ? 0 : *one;
    send(CMD_HARDWARE, room, size);
  }

  void run() {
    if (millis() - sent_ > 10000UL) send(CMD_PING, "", 0);
    while (net_.available() >= HEAD) {
      if (take() != CMD_HARDWARE || strcmp(body_, "vw") != 0) continue;
      const char* pin = body_ + strlen(body_) + 1;
      if (atoi(pin) == V1) BlynkWidgetWrite1(BlynkParam(pin + strlen(pin) + 1));
    }
  }

 private:
  static const int HEAD = 5;
  static const uint8_t CMD_RESPONSE = 0, CMD_PING = 6, CMD_INTERNAL = 17, CMD_HARDWARE = 20, CMD_LOGIN = 29;
  static const unsigned int OK = 200, INVALID_TOKEN = 9;
  static const unsigned long PATIENCE_MS = 6000;

  void send(uint8_t command, const char* body, size_t size) {
    sent_ = millis();
    number_ = number_ == 0xFFFF ? 1 : number_ + 1;
    const uint8_t head[HEAD] = {command, uint8_t(number_ >> 8), uint8_t(number_), uint8_t(size >> 8), uint8_t(size)};
    net_.write(head, HEAD);
    net_.write(reinterpret_cast<const uint8_t*>(body), size);
  }

  /** One frame into `body_`, which two zeros end; its command. `size_` is the status where it is an answer. */
  uint8_t take() {
    const uint8_t command = uint8_t(net_.read());
    net_.read();
    net_.read();
    size_ = (unsigned(net_.read()) << 8);
    size_ |= unsigned(net_.read());
    memset(body_, 0, sizeof body_);
    if (command == CMD_RESPONSE) return command;
    for (unsigned int i = 0; i < size_; i++) {
      while (net_.available() == 0 && net_.connected()) delay(1);
      const int one = net_.read();
      if (i < sizeof body_ - 2) body_[i] = char(one);
    }
    return command;
  }

  EthernetClient net_;
  const char *token_ = "", *host_ = "";
  uint16_t port_ = 0;
  uint16_t number_ = 0;
  unsigned int size_ = 0;
  unsigned long sent_ = 0;
  bool in_ = false, refused_ = false;
  char body_[128];
};
static BlynkClass Blynk;

class BlynkTimer {
 public:
  void setInterval(unsigned long every, void (*what)()) { every_ = every; what_ = what; last_ = millis(); }
  void run() {
    if (what_ == nullptr || millis() - last_ < every_) return;
    last_ = millis();
    what_();
  }

 private:
  unsigned long every_ = 0, last_ = 0;
  void (*what_)() = nullptr;
};
