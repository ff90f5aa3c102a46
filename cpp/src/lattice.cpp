#include "lattice.hpp"

#include <cmath>
#include <stdexcept>

namespace mdlens {

namespace {

double length(const Vec& a) { return std::sqrt(dot(a, a)); }

Vec unit(const Vec& a) {
  const double l = length(a);
  return {a[0] / l, a[1] / l, a[2] / l};
}

Vec any_normal(const Vec& a) {
  const Vec m{std::abs(a[0]), std::abs(a[1]), std::abs(a[2])};
  const int smallest = m[0] <= m[1] ? (m[0] <= m[2] ? 0 : 2) : (m[1] <= m[2] ? 1 : 2);
  Vec axis{0.0, 0.0, 0.0};
  axis[smallest] = 1.0;
  return unit(cross(a, axis));
}

// Orthonormal vectors, normal to the periodic ones, in the directions that are not periodic.
void complete(std::array<Vec, 3>& rows, const std::array<bool, 3>& periodic) {
  const int count = periodic[0] + periodic[1] + periodic[2];
  if (count == 0) rows = {Vec{1, 0, 0}, Vec{0, 1, 0}, Vec{0, 0, 1}};
  for (int d = 0; d < 3; ++d) {
    const int e = (d + 1) % 3, g = (d + 2) % 3;
    if (count == 2 && !periodic[d]) rows[d] = unit(cross(rows[e], rows[g]));
    if (count == 1 && periodic[d]) {
      rows[e] = any_normal(rows[d]);
      rows[g] = unit(cross(rows[d], rows[e]));
    }
  }
}

double normalized_volume(const std::array<Vec, 3>& rows) {
  return std::abs(dot(rows[0], cross(rows[1], rows[2]))) / (length(rows[0]) * length(rows[1]) * length(rows[2]));
}

// Shortens rows[d] by a multiple of rows[e]; true if that gained anything.
bool shorten(Lattice& lattice, int d, int e) {
  auto& row = lattice.rows[d];
  const double before = dot(row, row);
  const double times = std::round(dot(row, lattice.rows[e]) / dot(lattice.rows[e], lattice.rows[e]));
  if (times == 0.0 || std::abs(times) > 1e15) return false;
  Vec shorter;
  for (int k = 0; k < 3; ++k) shorter[k] = row[k] - times * lattice.rows[e][k];
  if (!(dot(shorter, shorter) < before * (1.0 - 1e-9))) return false;
  row = shorter;
  for (int k = 0; k < 3; ++k) lattice.in_given[d][k] -= static_cast<std::int64_t>(times) * lattice.in_given[e][k];
  return true;
}

// Pairwise (Lagrange) reduction: enough to keep the lattice planes far apart, however skewed the description was.
void reduce(Lattice& lattice) {
  bool changed = true;
  for (int sweep = 0; changed && sweep < 1000; ++sweep) {
    changed = false;
    for (int d = 0; d < 3; ++d)
      for (int e = 0; e < 3; ++e)
        if (d != e && lattice.periodic[d] && lattice.periodic[e]) changed = shorten(lattice, d, e) || changed;
  }
}

}  // namespace

Lattice::Lattice(const Box& box) : in_given{}, periodic(box.periodic) {
  std::array<Vec, 3> given;
  for (int d = 0; d < 3; ++d) {
    in_given[d][d] = 1;
    for (int k = 0; k < 3; ++k) given[d][k] = box.cell[3 * d + k];
    const double l = length(given[d]);
    if (periodic[d] && !(l > 0.0 && std::isfinite(l))) throw std::invalid_argument("a periodic cell vector must be finite and not zero");
  }
  rows = given;
  complete(rows, periodic);
  if (!(normalized_volume(rows) > 1e-10)) throw std::invalid_argument("the periodic cell vectors must span a volume (two of them are parallel, or all three in a plane)");
  reduce(*this);
  for (int d = 0; d < 3; ++d)  // summed again from the given vectors: the reduction's rounding must not enter
    for (int k = 0; periodic[d] && k < 3; ++k) {
      long double sum = 0;
      for (int e = 0; e < 3; ++e)
        if (periodic[e]) sum += static_cast<long double>(in_given[d][e]) * static_cast<long double>(given[e][k]);
      rows[d][k] = static_cast<double>(sum);
    }
  complete(rows, periodic);
  const double volume = dot(rows[0], cross(rows[1], rows[2]));
  for (int d = 0; d < 3; ++d) {
    const Vec area = cross(rows[(d + 1) % 3], rows[(d + 2) % 3]);
    for (int k = 0; k < 3; ++k) inverse[d][k] = area[k] / volume;
    height[d] = 1.0 / length(inverse[d]);
  }
}

Vec Lattice::offset(const std::array<std::int64_t, 3>& n) const {
  Vec sum;
  for (int k = 0; k < 3; ++k)
    sum[k] = (static_cast<double>(n[0]) * rows[0][k] + static_cast<double>(n[1]) * rows[1][k]) + static_cast<double>(n[2]) * rows[2][k];
  return sum;
}

std::array<std::int64_t, 3> Lattice::given_shift(const std::array<std::int64_t, 3>& n) const {
  std::array<std::int64_t, 3> shift{};
  for (int d = 0; d < 3; ++d)
    for (int e = 0; e < 3; ++e) shift[e] += n[d] * in_given[d][e];
  return shift;
}

}  // namespace mdlens
