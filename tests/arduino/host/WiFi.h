// A Wi-Fi that lets everybody in who names one: this computer's own network.
#pragma once

#include <Sockets.h>

using WiFiClient = SocketClient;

constexpr int WIFI_STA = 1;
constexpr int WL_DISCONNECTED = 6, WL_CONNECTED = 3;

class WiFiClass {
 public:
  void mode(int) {}
  int begin(const char* name, const char* password) {
    joined_ = name[0] != 0 && password[0] != 0;
    return status();
  }
  int status() const { return joined_ ? WL_CONNECTED : WL_DISCONNECTED; }

 private:
  bool joined_ = false;
};
inline WiFiClass WiFi;
