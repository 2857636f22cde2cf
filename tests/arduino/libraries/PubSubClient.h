// Stands in for PubSubClient by Nick O'Leary, with the part of its public face that the sketches use; written for these
// tests, as the library itself is in no package registry that they install from. Speaks MQTT 3.1.1, QoS 0. Compiles on a
// host and, for the Uno, with avr-gcc.
#pragma once

#include <Arduino.h>
#include <Client.h>

class PubSubClient {
 public:
  typedef void (*Callback)(char* topic, byte* payload, unsigned int length);

  explicit PubSubClient(Client& net) : net_(net) {}
  PubSubClient& setServer(const char* host, uint16_t port) { host_ = host; port_ = port; return *this; }
  PubSubClient& setCallback(Callback callback) { callback_ = callback; return *this; }
  /** -4 no answer, -2 no connection, 0 connected, above: why the server refused. */
  int state() const { return state_; }

  bool connect(const char* id, const char* user, const char* password, const char* willTopic, uint8_t willQos,
               bool willRetain, const char* willMessage) {
    net_.stop();
    if (!net_.connect(host_, port_)) { state_ = -2; return false; }
    const uint8_t flags = 0x80 | 0x40 | (willRetain ? 0x20 : 0) | (willQos << 3) | 0x04 | 0x02;
    const uint8_t head[] = {0, 4, 'M', 'Q', 'T', 'T', 4, flags, 0, KEEP_ALIVE_S};
    const char* texts[] = {id, willTopic, willMessage, user, password};
    size_t size = sizeof head;
    for (const char* text : texts) size += 2 + strlen(text);
    begin(0x10, size);
    net_.write(head, sizeof head);
    for (const char* text : texts) put(text);
    const unsigned long asked = millis();
    while (net_.available() < 4) {
      if (!net_.connected() || millis() - asked > PATIENCE_MS) { net_.stop(); state_ = -4; return false; }
      delay(1);
    }
    net_.read(); net_.read(); net_.read();
    state_ = net_.read();
    if (state_ != 0) net_.stop();
    sent_ = millis();
    return state_ == 0;
  }

  bool connected() { return state_ == 0 && net_.connected(); }

  void disconnect() {
    if (connected()) begin(0xE0, 0);
    net_.stop();
    state_ = -1;
  }

  bool publish(const char* topic, const char* payload, bool retained) {
    if (!connected()) return false;
    begin(0x30 | (retained ? 1 : 0), 2 + strlen(topic) + strlen(payload));
    put(topic);
    return net_.write(reinterpret_cast<const uint8_t*>(payload), strlen(payload)) == strlen(payload);
  }

  bool subscribe(const char* filter) {
    if (!connected()) return false;
    begin(0x82, 2 + 2 + strlen(filter) + 1);
    const uint8_t id[] = {0, 1};
    net_.write(id, 2);
    put(filter);
    return net_.write(uint8_t(0)) == 1;
  }

  bool loop() {
    if (!connected()) return false;
    if (millis() - sent_ > KEEP_ALIVE_S * 1000UL) begin(0xC0, 0);
    while (net_.available() > 0) {
      const int kind = next();
      size_t size = 0;
      uint8_t shift = 0;
      int one;
      do {
        one = next();
        size |= size_t(one & 0x7F) << shift;
        shift += 7;
      } while (one & 0x80);
      // As the library: what is larger than its room is thrown away.
      size_t kept = 0;
      for (size_t i = 0; i < size; i++) {
        one = next();
        if (kept < sizeof room_) room_[kept++] = uint8_t(one);
      }
      if ((kind & 0xF0) == 0x30 && kept == size && size >= 2) deliver(size);
    }
    return connected();
  }

 private:
  static const uint8_t KEEP_ALIVE_S = 15;
  static const unsigned long PATIENCE_MS = 15000;

  void begin(uint8_t kind, size_t size) {
    sent_ = millis();
    net_.write(kind);
    do {
      net_.write(uint8_t((size & 0x7F) | (size > 0x7F ? 0x80 : 0)));
      size >>= 7;
    } while (size > 0);
  }

  void put(const char* text) {
    const size_t size = strlen(text);
    net_.write(uint8_t(size >> 8));
    net_.write(uint8_t(size & 0xFF));
    net_.write(reinterpret_cast<const uint8_t*>(text), size);
  }

  int next() {
    while (net_.available() == 0 && net_.connected()) delay(1);
    return net_.read();
  }

  /** PUBLISH, QoS 0: the topic is moved to the front, so that a zero fits behind it. */
  void deliver(size_t size) {
    const size_t length = (size_t(room_[0]) << 8) | room_[1];
    if (length + 2 > size || callback_ == nullptr) return;
    memmove(room_, room_ + 2, length);
    room_[length] = 0;
    callback_(reinterpret_cast<char*>(room_), room_ + 2 + length, size - 2 - length);
  }

  Client& net_;
  const char* host_ = "";
  uint16_t port_ = 0;
  Callback callback_ = nullptr;
  int state_ = -1;
  unsigned long sent_ = 0;
  uint8_t room_[256];
};
