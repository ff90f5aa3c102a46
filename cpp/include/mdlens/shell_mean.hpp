// Averages over an atom and its nearest neighbours.
#pragma once

#include <cstddef>

#include "mdlens/neighbors.hpp"

namespace mdlens {

// out[atom][c] = mean of values[.][c] over the atom and its k nearest images, and whatever is tied with the k-th: no average depends on the order of the
// atoms. Fewer neighbours where the system has no more.
void shell_mean(const NeighborSearch& search, const float* values, std::size_t columns, std::size_t k, int threads, float* out);

// out[atom] = how far from the atom the mean of its k nearest images (and those tied with the k-th) lies, over their mean distance: 0 in a crystal, about
// 0.4 at a flat surface, 0 for an atom that has no neighbours.
void off_center(const NeighborSearch& search, std::size_t k, int threads, float* out);

}  // namespace mdlens
