// Stands in for WebSockets by Markus Sattler, with the part of its public face that the sketches use; written for these
// tests, as the library itself is in no package registry that they install from.
#pragma once

#include <ArduinoHttpClient.h>

enum WStype_t { WStype_ERROR, WStype_DISCONNECTED, WStype_CONNECTED, WStype_TEXT };

class WebSocketsClient {
 public:
  typedef void (*Event)(WStype_t type, uint8_t* payload, size_t length);

  void begin(const char* host, uint16_t port, const char* url, const char* protocol) {
    host_ = host;
    port_ = port;
    url_ = url;
    protocol_ = protocol;
  }
  void setAuthorization(const char* user, const char* password) {
    login_ = encode(std::string(user) + ":" + password);
  }
  void onEvent(Event event) { event_ = event; }
  void setReconnectInterval(unsigned long milliseconds) { again_ms_ = milliseconds; }
  bool sendTXT(String& text) {
    socket_.say(text);
    return true;
  }

  void loop() {
    if (!open_) {
      if (tried_ != 0 && millis() - tried_ < again_ms_) return;
      tried_ = millis();
      socket_.aim(host_, port_);
      // The library says nothing but "disconnected" of a server that refuses.
      if (!socket_.open(url_, protocol_, login_)) return tell(WStype_DISCONNECTED, "");
      open_ = true;
      return tell(WStype_CONNECTED, url_);
    }
    if (socket_.parseMessage() > 0) tell(WStype_TEXT, socket_.readString());
    if (!socket_.connected()) {
      open_ = false;
      tell(WStype_DISCONNECTED, "");
    }
  }

 private:
  class Socket : public WebSocketClient {
   public:
    Socket() : WebSocketClient(own_, "", 0) {}
    void aim(const char* host, uint16_t port) { host_ = host; port_ = port; }
    bool open(const char* path, const char* protocol, const std::string& login) {
      if (startRequest(path, "GET") != 0) return false;
      sendHeader("Upgrade", "websocket");
      sendHeader("Connection", "Upgrade");
      sendHeader("Sec-WebSocket-Key", "aG91c2V3aXJlLXRlc3RzIQ==");
      sendHeader("Sec-WebSocket-Version", "13");
      sendHeader("Sec-WebSocket-Protocol", protocol);
      sendHeader("Authorization", ("Basic " + login).c_str());
      beginBody();
      return responseStatusCode() == 101;
    }
    void say(const String& text) {
      beginMessage(TYPE_TEXT);
      print(text);
      endMessage();
    }

   private:
    SocketClient own_;
  };

  void tell(WStype_t type, const String& text) {
    std::string room = text.c_str();
    if (event_ != nullptr) event_(type, reinterpret_cast<uint8_t*>(room.data()), room.size());
  }

  /** Base 64. */
  static std::string encode(const std::string& text) {
    static const char* letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t i = 0; i < text.size(); i += 3) {
      uint32_t three = 0;
      for (size_t k = 0; k < 3; k++) three = three << 8 | (i + k < text.size() ? uint8_t(text[i + k]) : 0);
      for (size_t k = 0; k < 4; k++)
        out += i + k <= text.size() ? letters[three >> (18 - 6 * k) & 63] : '=';
    }
    return out;
  }

  Socket socket_;
  const char *host_ = "", *url_ = "", *protocol_ = "";
  uint16_t port_ = 0;
  std::string login_;
  Event event_ = nullptr;
  unsigned long again_ms_ = 500, tried_ = 0;
  bool open_ = false;
};
