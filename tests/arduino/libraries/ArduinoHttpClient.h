// Stands in for Arduino's ArduinoHttpClient, with the part of its public face that the sketches use; written for these
// tests. HTTP/1.1 requests with answers that have a length or end with the connection, and WebSockets. Compiles on a host and,
// for the Uno, with avr-gcc.
#pragma once

#include <Arduino.h>
#include <Client.h>

const int TYPE_TEXT = 0x1;

class HttpClient {
 public:
  HttpClient(Client& net, const char* host, uint16_t port) : net_(net), host_(host), port_(port) {}

  void beginRequest() {}
  /** 0, or -1 when there is no connection. */
  int startRequest(const char* path, const char* method) {
    net_.stop();
    if (!net_.connect(host_, port_)) return -1;
    net_.print(method); net_.print(" "); net_.print(path); net_.print(" HTTP/1.1\r\nHost: ");
    net_.print(host_); net_.print(":"); net_.println(int(port_));
    return 0;
  }
  void sendHeader(const char* name, const char* value) { net_.print(name); net_.print(": "); net_.println(value); }
  void sendHeader(const char* name, const int value) { net_.print(name); net_.print(": "); net_.println(value); }
  void beginBody() { net_.println(); }
  size_t print(const String& text) { return net_.print(text); }
  void endRequest() {}

  int responseStatusCode() {
    const String line = readLine();
    const int space = line.indexOf(" ");
    if (space < 0) return -3;
    const int status = atoi(line.c_str() + space + 1);
    length_ = -1;
    for (String header = readLine(); header.length() > 0; header = readLine())
      if (strncasecmp(header.c_str(), "content-length:", 15) == 0) length_ = atol(header.c_str() + 15);
    if (status == 204) length_ = 0;
    return status;
  }
  String responseBody() {
    String body;
    for (long i = 0; length_ < 0 || i < length_; i++) {
      const int one = next();
      if (one < 0) break;
      body += char(one);
    }
    return body;
  }
  void stop() { net_.stop(); }
  bool connected() { return net_.connected(); }

 protected:
  static const unsigned long PATIENCE_MS = 30000;

  /** The next byte, or -1 when none comes any more. */
  int next() {
    const unsigned long asked = millis();
    while (net_.available() == 0) {
      if (!net_.connected() || millis() - asked > PATIENCE_MS) return -1;
      delay(1);
    }
    return net_.read();
  }

  String readLine() {
    String line;
    for (int one = next(); one >= 0 && one != '\n'; one = next())
      if (one != '\r') line += char(one);
    return line;
  }

  Client& net_;
  const char* host_;
  uint16_t port_;
  long length_ = -1;
};

class WebSocketClient : public HttpClient {
 public:
  WebSocketClient(Client& net, const char* host, uint16_t port) : HttpClient(net, host, port) {}

  /** 0, or the status with which the server refused, or below 0 without an answer. */
  int begin(const String& path) {
    if (startRequest(path.c_str(), "GET") != 0) return -1;
    sendHeader("Upgrade", "websocket");
    sendHeader("Connection", "Upgrade");
    sendHeader("Sec-WebSocket-Key", "aG91c2V3aXJlLXRlc3RzIQ==");
    sendHeader("Sec-WebSocket-Version", "13");
    beginBody();
    const int status = responseStatusCode();
    if (status != 101) net_.stop();
    return status == 101 ? 0 : status;
  }

  void beginMessage(int) { out_ = ""; }
  size_t print(const String& text) { out_ += text; return text.length(); }
  void endMessage() { frame(0x81, out_); }

  /** The size of the next message that has come, 0 if none has. */
  int parseMessage() {
    if (net_.available() == 0) return 0;
    const int kind = next() & 0x0F;
    long size = next() & 0x7F;
    if (size == 126) { size = long(next()) << 8; size |= next(); }
    in_ = "";
    for (long i = 0; i < size; i++) in_ += char(next());
    if (kind == 0x9) frame(0x8A, in_);
    if (kind == 0x8) net_.stop();
    return kind == 0x1 ? int(in_.length()) : 0;
  }
  String readString() { return in_; }

 private:
  /** A mask of zeros is one, too. */
  void frame(uint8_t kind, const String& text) {
    const unsigned int size = text.length();
    net_.write(kind);
    if (size < 126) {
      net_.write(uint8_t(0x80 | size));
    } else {
      net_.write(uint8_t(0x80 | 126));
      net_.write(uint8_t(size >> 8));
      net_.write(uint8_t(size & 0xFF));
    }
    for (int i = 0; i < 4; i++) net_.write(uint8_t(0));
    net_.print(text);
  }

  String in_, out_;
};
