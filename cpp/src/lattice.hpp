// The lattice of a box: periodic vectors reduced to short ones, the other directions completed to a basis.
#pragma once

#include <array>
#include <cstdint>

#include "mdlens/neighbors.hpp"

namespace mdlens {

using Vec = std::array<double, 3>;
using Shift = std::array<std::int32_t, 3>;

inline double dot(const Vec& a, const Vec& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline Vec cross(const Vec& a, const Vec& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

struct Lattice {
  std::array<Vec, 3> rows;         // reduced periodic vectors; orthonormal ones, normal to those, where not periodic
  std::array<Vec, 3> inverse;      // fractional_d = inverse[d] . x
  std::array<double, 3> height;    // spacing of the lattice planes across each direction
  std::array<std::array<std::int64_t, 3>, 3> in_given;  // rows[d] = sum_e in_given[d][e] given[e], over periodic directions
  std::array<bool, 3> periodic;

  // Throws std::invalid_argument when the periodic vectors are not finite or span no volume.
  explicit Lattice(const Box& box);

  bool any_periodic() const { return periodic[0] || periodic[1] || periodic[2]; }
  double fractional(int direction, const Vec& x) const { return dot(inverse[direction], x); }
  // n . rows, rounded so that the image at -n is the exact negative.
  Vec offset(const std::array<std::int64_t, 3>& n) const;
  // The same translation counted in the vectors of the box as it was given.
  std::array<std::int64_t, 3> given_shift(const std::array<std::int64_t, 3>& n) const;
};

}  // namespace mdlens
