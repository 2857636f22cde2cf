// Stands in for the HTTPClient of the ESP32's and ESP8266's Arduino cores, with the part of its public face that the sketches
// use; written for these tests, as the cores are in no package registry that they install from.
#pragma once

#include <ArduinoHttpClient.h>

class HTTPClient {
 public:
  bool begin(Client& net, const String& host, uint16_t port, const String& uri) {
    net_ = &net;
    host_ = host;
    port_ = port;
    uri_ = uri;
    return true;
  }
  void addHeader(const String& name, const String& value) {
    headers_ += name;
    headers_ += ": ";
    headers_ += value;
    headers_ += "\r\n";
  }
  int GET() { return sendRequest("GET", ""); }
  /** The status, or below 0 without an answer. */
  int sendRequest(const char* method, const String& body) {
    HttpClient http(*net_, host_.c_str(), port_);
    if (http.startRequest(uri_.c_str(), method) != 0) return -1;
    net_->print(headers_);
    http.sendHeader("Content-Length", body.length());
    http.beginBody();
    http.print(body);
    const int status = http.responseStatusCode();
    if (status > 0) answer_ = http.responseBody();
    return status;
  }
  String getString() const { return answer_; }
  void end() { net_->stop(); }

 private:
  Client* net_ = nullptr;
  String host_, uri_, headers_, answer_;
  uint16_t port_ = 0;
};
