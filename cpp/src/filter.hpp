// The innermost loop: which candidates are closer than a cutoff, for every instruction set this processor has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lattice.hpp"

namespace mdlens {

struct Points {
  const double *x, *y, *z;
};

// Writes the squared distance ((p - center) + offset)^2 and the number of every point p in [begin, end) for which it is below `limit2`, in order.
// Both outputs need room for end - begin entries and 8 more. Returns how many were written. All versions give the same bits.
using Filter = std::size_t (*)(const Points& points, std::size_t begin, std::size_t end, const Vec& center, const Vec& offset, double limit2,
                               double* distance2, std::uint32_t* number);

struct NamedFilter {
  const char* name;
  Filter filter;
};

// The versions this processor can run, the fastest first; "portable" is always the last.
std::vector<NamedFilter> available_filters();

}  // namespace mdlens
