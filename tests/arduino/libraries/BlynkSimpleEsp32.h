// The same over Wi-Fi, which on this computer is the same network.
#pragma once

#include <BlynkSimpleEthernet.h>
