#define MDLENS_LANES 4
#define MDLENS_LAYERS portable_layers
#include "byte_layers_wide.hpp"
