// Compiled with its own flags (see CMakeLists.txt), called only where the processor has the instructions.
#ifdef __AVX2__
#define MDLENS_LANES 8
#define MDLENS_LAYERS avx2_layers
#include "byte_layers_wide.hpp"
#endif
