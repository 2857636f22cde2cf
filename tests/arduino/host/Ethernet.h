// The Ethernet shield: this computer's own network.
#pragma once

#include <Sockets.h>

using EthernetClient = SocketClient;

class EthernetClass {
 public:
  int begin(uint8_t*) { return 1; }
  int maintain() { return 0; }
};
inline EthernetClass Ethernet;
