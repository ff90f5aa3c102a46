// Neighbors Maps in bytes: what an 8-bit network reads.
//
// A pixel M = alpha / d^2 of the map becomes rint(L (D - M^(-1/2))) between 0 and 255: linear in the distance d, bright where it is short, 0 from a reach
// of D on and where the neighbour is missing. The byte falls with the distance along a row, so rows may be sorted after rounding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mdlens/neighbors_map.hpp"

namespace mdlens {

struct ByteScale {
  float reach = 3.45f;   // D
  float levels = 88.0f;  // L, per unit of distance
};

// Byte maps of `count` atoms, to out[count][size][size], row by row. The scale-free map of one channel of ones: throws std::invalid_argument for other
// exponents than gamma 2 and beta 3, absolute distances, or a scale that is not positive; otherwise as neighbors_maps. Bytes are those of the
// float map to the last one, whatever the instruction set.
void byte_maps(const NeighborSearch& search, const MapOptions& options, ByteScale scale, const std::int64_t* atoms, std::size_t count, std::uint8_t* out,
               int threads, Isa isa);

}  // namespace mdlens
