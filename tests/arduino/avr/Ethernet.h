// The face of Arduino's Ethernet library for compiling a sketch with avr-gcc and the real core of the Uno. Next to nothing is
// behind it: that the sketch runs is shown on this computer, that it compiles and fits is shown here.
#pragma once

#include <Arduino.h>
#include <Client.h>

class EthernetClient : public Client {
 public:
  using Print::write;
  int connect(IPAddress address, uint16_t port) override;
  int connect(const char* host, uint16_t port) override;
  size_t write(uint8_t one) override;
  size_t write(const uint8_t* data, size_t size) override;
  int available() override;
  int read() override;
  int read(uint8_t* data, size_t size) override;
  int peek() override;
  void flush() override;
  void stop() override;
  uint8_t connected() override;
  operator bool() override;
};

class EthernetClass {
 public:
  int begin(uint8_t* mac);
  int maintain();
};
extern EthernetClass Ethernet;
