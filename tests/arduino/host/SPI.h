// The shield's bus: nothing to do here.
#pragma once
