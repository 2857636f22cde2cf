// Arduino's network clients over this computer's sockets. As on a board nothing of it waits but connect().
#pragma once

#include <Arduino.h>

class Client : public Stream {
 public:
  virtual int connect(const char* host, uint16_t port) = 0;
  virtual uint8_t connected() = 0;
  virtual void stop() = 0;
};

class SocketClient : public Client {
 public:
  using Print::write;
  ~SocketClient() override { stop(); }
  int connect(const char* host, uint16_t port) override;
  uint8_t connected() override;
  void stop() override;
  size_t write(uint8_t one) override { return write(&one, 1); }
  size_t write(const uint8_t* data, size_t size) override;
  int available() override;
  int read() override;
  int peek() override;

 private:
  void fetch();

  int socket_ = -1;
  std::string waiting_;
};
