// Compiled with its own flags (see CMakeLists.txt), called only where the processor has the instructions.
#ifdef __AVX512F__
#define MDLENS_LANES 16
#define MDLENS_KERNEL avx512_kernel
#include "neighbors_map_lanes.hpp"
#endif
