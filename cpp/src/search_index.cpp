#include "search_index.hpp"

#include <atomic>
#include <limits>
#include <mutex>
#include <stdexcept>

namespace mdlens {

namespace {

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> count{0};
  return ++count;
}

// The translation, in reduced cell vectors, that brings a position into the reduced cell.
Cells cells_to_wrap(const Lattice& lattice, const double* position) {
  Cells cells{};
  for (int d = 0; d < 3; ++d) {
    if (!std::isfinite(position[d])) throw std::invalid_argument("positions must be finite");
    if (!lattice.periodic[d]) continue;
    const double f = std::floor(lattice.fractional(d, {position[0], position[1], position[2]}));
    if (!(std::abs(f) < 1e9)) throw std::invalid_argument("positions lie more than 1e9 cells away from the cell");
    cells[d] = -static_cast<std::int64_t>(f);
  }
  return cells;
}

std::vector<Vec> wrapped(const Lattice& lattice, const double* positions, std::size_t n, int threads) {
  std::vector<Vec> points(n);
  parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t a = begin; a < end; ++a) {
      const Vec offset = lattice.offset(cells_to_wrap(lattice, positions + 3 * a));
      for (int k = 0; k < 3; ++k) points[a][k] = positions[3 * a + k] + offset[k];
    }
  });
  return points;
}

Vec lattice_coordinates(const Lattice& lattice, const Vec& x) { return {lattice.fractional(0, x), lattice.fractional(1, x), lattice.fractional(2, x)}; }

Shift wrap_of(const Lattice& lattice, const double* position) {
  const Cells shift = lattice.given_shift(cells_to_wrap(lattice, position));
  return {to_shift(shift[0]), to_shift(shift[1]), to_shift(shift[2])};
}

}  // namespace

std::int32_t to_shift(std::int64_t value) {
  constexpr std::int64_t limit = std::int64_t{1} << 29;  // sums of three must fit 32 bits
  if (value > limit || value < -limit) throw std::invalid_argument("positions lie more than 2^29 cells away from the cell");
  return static_cast<std::int32_t>(value);
}

SearchIndex::SearchIndex(const double* positions, std::size_t n, const Box& box, int threads)
    : lattice(box),
      identity(next_identity()),
      tree(wrapped(lattice, positions, n, threads), threads),
      wraps(n, threads, [&](std::size_t slot) { return wrap_of(lattice, positions + 3 * static_cast<std::size_t>(tree.atom[slot])); }) {
  if (n == 0) return;
  diagonal = tree.bounds[1].diagonal();
  for (int k = 0; k < 3; ++k) magnitude = std::max({magnitude, std::abs(tree.bounds[1].low[k]), std::abs(tree.bounds[1].high[k])});
  for (int d = 0; d < 3; ++d) {
    low_fraction[d] = std::numeric_limits<double>::infinity();
    high_fraction[d] = -std::numeric_limits<double>::infinity();
  }
  std::mutex extremes;
  parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    Vec low = lattice_coordinates(lattice, tree.point(begin)), high = low;
    for (std::size_t s = begin + 1; s < end; ++s) {
      const Vec f = lattice_coordinates(lattice, tree.point(s));
      for (int d = 0; d < 3; ++d) {
        low[d] = std::min(low[d], f[d]);
        high[d] = std::max(high[d], f[d]);
      }
    }
    const std::scoped_lock lock(extremes);
    for (int d = 0; d < 3; ++d) {
      low_fraction[d] = std::min(low_fraction[d], low[d]);
      high_fraction[d] = std::max(high_fraction[d], high[d]);
    }
  });
}

void SearchIndex::image_range(const Bounds& around, double radius, Cells& from, Cells& to) const {
  constexpr double slack = 1e-9;
  for (int d = 0; d < 3; ++d) {
    from[d] = to[d] = 0;
    if (!lattice.periodic[d]) continue;
    double middle = 0.0, half = radius / lattice.height[d];
    for (int k = 0; k < 3; ++k) {
      middle += lattice.inverse[d][k] * 0.5 * (around.low[k] + around.high[k]);
      half += std::abs(lattice.inverse[d][k]) * 0.5 * (around.high[k] - around.low[k]);
    }
    from[d] = static_cast<std::int64_t>(std::ceil(middle - half - high_fraction[d] - slack));
    to[d] = static_cast<std::int64_t>(std::floor(middle + half - low_fraction[d] + slack));
  }
}

double SearchIndex::guess_radius(std::size_t slot, std::size_t k) const {
  std::size_t node = tree.leaf_of(slot);
  while (node > 1 && tree.end_of(node) - tree.begin_of(node) <= 2 * k) node /= 2;
  const Bounds& box = tree.bounds[node];
  const double longest = box.longest();
  double volume = 1.0;
  for (int d = 0; d < 3; ++d) volume *= std::max(box.high[d] - box.low[d], 0.25 * longest);
  double radius = 0.7 * std::cbrt(volume * static_cast<double>(k + 1) / static_cast<double>(tree.end_of(node) - tree.begin_of(node)));
  if (radius > 0.0) return radius;
  radius = diagonal > 0.0 ? 1e-3 * diagonal : std::numeric_limits<double>::infinity();
  for (int d = 0; d < 3; ++d)
    if (lattice.periodic[d]) radius = std::min(radius, std::sqrt(dot(lattice.rows[d], lattice.rows[d])));
  return std::isfinite(radius) ? radius : 1.0;
}

double SearchIndex::wider(double radius, std::size_t found, std::size_t k) {
  const double growth = found > 0 ? std::cbrt(1.2 * static_cast<double>(k) / static_cast<double>(found)) : 2.0;
  return radius * std::clamp(growth, 1.1, 2.0);
}

}  // namespace mdlens
