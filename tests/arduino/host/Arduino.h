// Enough of the Arduino core to compile a sketch with g++ and run it on this computer as a real client: text, printing,
// time, pins that say what becomes of them. Sockets are in Sockets.h. What a sketch needs and is not here does not compile.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

using byte = uint8_t;

class __FlashStringHelper;
#define F(text) (reinterpret_cast<const __FlashStringHelper*>(text))

class String {
 public:
  String(const char* text = "") : text_(text == nullptr ? "" : text) {}
  String(const __FlashStringHelper* text) : text_(reinterpret_cast<const char*>(text)) {}
  explicit String(char letter) : text_(1, letter) {}
  explicit String(int number) : text_(std::to_string(number)) {}
  explicit String(unsigned int number) : text_(std::to_string(number)) {}
  explicit String(long number) : text_(std::to_string(number)) {}
  explicit String(unsigned long number) : text_(std::to_string(number)) {}
  explicit String(double number, unsigned int decimals = 2) {
    char room[64];
    snprintf(room, sizeof room, "%.*f", static_cast<int>(decimals), number);
    text_ = room;
  }
  const char* c_str() const { return text_.c_str(); }
  unsigned int length() const { return text_.size(); }
  int indexOf(const String& part) const {
    auto place = text_.find(part.text_);
    return place == std::string::npos ? -1 : static_cast<int>(place);
  }
  bool operator==(const char* other) const { return text_ == other; }
  bool operator==(const String& other) const { return text_ == other.text_; }
  String& operator+=(const String& more) { text_ += more.text_; return *this; }
  String& operator+=(char letter) { text_ += letter; return *this; }
  friend String operator+(String left, const String& right) { return left += right; }

 private:
  std::string text_;
};

class Print {
 public:
  virtual ~Print() = default;
  virtual size_t write(uint8_t) = 0;
  virtual size_t write(const uint8_t* data, size_t size) {
    for (size_t i = 0; i < size; i++) write(data[i]);
    return size;
  }
  size_t print(const char* text) { return write(reinterpret_cast<const uint8_t*>(text), strlen(text)); }
  size_t print(const String& text) { return print(text.c_str()); }
  size_t print(const __FlashStringHelper* text) { return print(reinterpret_cast<const char*>(text)); }
  size_t print(int number) { return print(String(number)); }
  size_t print(unsigned int number) { return print(String(number)); }
  size_t println() { return print("\r\n"); }
  template <typename What>
  size_t println(const What& what) { size_t size = print(what); return size + println(); }
};

class Stream : public Print {
 public:
  virtual int available() = 0;
  virtual int read() = 0;
  virtual int peek() = 0;
};

/** Writes to the standard output, and reads the standard input as what comes in over the wire. */
class HardwareSerial : public Stream {
 public:
  using Print::write;
  void begin(unsigned long) {}
  size_t write(uint8_t letter) override;
  int available() override;
  int read() override;
  int peek() override;

 private:
  int next_ = -1;
};
extern HardwareSerial Serial;

constexpr uint8_t LOW = 0, HIGH = 1, INPUT = 0, OUTPUT = 1;
constexpr uint8_t LED_BUILTIN = 2, A0 = 14;

unsigned long millis();
void delay(unsigned long milliseconds);
void pinMode(uint8_t pin, uint8_t mode);
void delayMicroseconds(unsigned int microseconds);
void digitalWrite(uint8_t pin, uint8_t level);
void analogWrite(uint8_t pin, int level);
int analogRead(uint8_t pin);
/** The ESP32's own thermometer, in degrees Celsius. */
float temperatureRead();

void setup();
void loop();
