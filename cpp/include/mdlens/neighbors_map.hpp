// Neighbors Maps: one small image per atom, made of the sorted distances among its neighbours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mdlens/neighbors.hpp"

namespace mdlens {

struct MapOptions {
  int size = 32;             // n: rows and columns of a map
  double gamma = 2.0;        // pixel = w w' / d^gamma
  double beta = 3.0;         // row k is scaled by d_0k^(-1/beta)
  int candidates = 63;       // use this many nearest atoms; 0: every atom closer than `cutoff`
  double cutoff = 0.0;
  int scale_neighbors = 14;  // divide distances by the mean distance of this many nearest atoms; 0: leave distances as they are
};

enum class Isa { automatic, portable, avx2, avx512 };

// The best instruction set of this processor that was compiled in.
Isa best_isa();

// Maps of `count` atoms, written to out[count][channels][size][size]. weights[channel][atom of the system]; nullptr: one channel of ones.
void neighbors_maps(const NeighborSearch& search, const MapOptions& options, const float* weights, int channels,
                    const std::int64_t* atoms, std::size_t count, float* out, int threads, Isa isa);

}  // namespace mdlens
