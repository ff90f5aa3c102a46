// Whole neighbour lists as columns, for callers who want every pair at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mdlens/neighbors.hpp"

namespace mdlens {

// counts[atom] = neighbours closer than `cutoff`.
void count_pairs(const NeighborSearch& search, double cutoff, int threads, std::int64_t* counts);

struct PairColumns {
  std::int64_t* i;
  std::int64_t* j;
  std::int32_t* shift;  // [pair][3]
  double* vector;       // [pair][3]
  double* distance;
};

// Pairs of each atom in turn, sorted as `within` sorts them; those of `atom` start at row starts[atom] (the running sum of the counts).
void fill_pairs(const NeighborSearch& search, double cutoff, int threads, const std::int64_t* starts, const PairColumns& columns);

struct NearestColumns {
  std::int64_t* index;  // [atom][k], -1 where there is none
  std::int32_t* shift;  // [atom][k][3], 0 there
  double* vector;       // [atom][k][3], 0 there
  double* distance;     // [atom][k], infinite there
};

void fill_nearest(const NeighborSearch& search, std::size_t k, int threads, const NearestColumns& columns);

// vectors[i][l] to the k nearest images of atoms[i], by distance; infinite where there is none. Throws std::out_of_range for a wrong atom.
void fill_vectors(const NeighborSearch& search, std::size_t k, const std::int64_t* atoms, std::size_t count, int threads, float* vectors);

}  // namespace mdlens
