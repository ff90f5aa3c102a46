// Neighbors Maps: one small image per atom, made of the sorted distances among its neighbours.
//
// For the atom (node 0) and its candidates (nodes 1.. by distance), row k holds w_k w_l / d_kl^gamma for the n nodes l nearest to node k, sorted by
// (distance, kind), times d_0k^(-1/beta) for k > 0. Missing entries are 0. Three rules make the image independent of the order of the input:
// distances whose squares agree to one part in 1e5 are tied; a candidate tied with the last one is a candidate too; tied rows are sorted by their pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mdlens/neighbors.hpp"

namespace mdlens {

struct MapOptions {
  int size = 32;             // n: rows and columns of a map
  double gamma = 2.0;        // pixel = w w' / d^gamma
  double beta = 3.0;         // row k is scaled by d_0k^(-1/beta)
  int candidates = 63;       // use this many nearest atoms; 0: every atom within `cutoff`
  double cutoff = 0.0;
  int scale_neighbors = 14;  // divide distances by the mean distance of this many nearest atoms; 0: leave distances as they are
};

// Atoms of one kind have the same weights. Kinds are numbered in ascending (lexicographic) order of their weights: that settles ties.
struct MapWeights {
  int channels = 1;
  int kinds = 1;
  const float* table = nullptr;        // [kinds][channels]; nullptr: all ones
  const std::int32_t* kind = nullptr;  // of each atom of the system; nullptr: all of kind 0
};

enum class Isa { automatic, portable, avx2, avx512 };

const char* isa_name(Isa isa);

// The instruction sets that this processor and this build both have, slowest first.
std::vector<Isa> supported_isas();

// Maps of `count` atoms, written to out[count][channels][size][size]. The answer does not depend on `threads`, and on `isa` only by rounding.
// Throws std::invalid_argument for options that make no sense or an instruction set this processor lacks, std::out_of_range for a wrong atom.
void neighbors_maps(const NeighborSearch& search, const MapOptions& options, const MapWeights& weights,
                    const std::int64_t* atoms, std::size_t count, float* out, int threads, Isa isa);

}  // namespace mdlens
