// A watchdog that is set restarts the board: here it restarts the program, as its user would see it.
#pragma once

#include <cstdint>

constexpr uint8_t WDTO_15MS = 0;

void wdt_enable(uint8_t time);
