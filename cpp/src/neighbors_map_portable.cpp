#define MDLENS_LANES 4
#define MDLENS_KERNEL portable_kernel
#include "neighbors_map_lanes.hpp"
