// Where the libraries look for it.
#pragma once

#include <Sockets.h>
