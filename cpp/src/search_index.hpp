// What is built once per system and never changes: the lattice, the tree of atoms, and how far a search must look.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lattice.hpp"
#include "mdlens/parallel.hpp"
#include "tree.hpp"

namespace mdlens {

using Cells = std::array<std::int64_t, 3>;

// A translation as it is handed out. Throws std::invalid_argument where it does not fit.
std::int32_t to_shift(std::int64_t value);

// A translation per slot. Nearly all are of a cell or none, so three bytes hold them, until one does not fit.
class Wraps {
 public:
  // shift_of(slot) is called once or twice for each slot, from any thread.
  template <class ShiftOf>
  Wraps(std::size_t n, int threads, const ShiftOf& shift_of) : near_(n) {
    std::atomic<bool> all_fit{true};
    parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t slot = begin; slot < end; ++slot) {
        const Shift shift = shift_of(slot);
        if (!std::all_of(shift.begin(), shift.end(), [](std::int32_t value) { return value >= -128 && value <= 127; })) all_fit = false;
        for (int k = 0; k < 3; ++k) near_[slot][k] = static_cast<std::int8_t>(shift[k]);
      }
    });
    if (all_fit) return;
    near_ = {};
    far_.resize(n);
    parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t slot = begin; slot < end; ++slot) far_[slot] = shift_of(slot);
    });
  }

  Shift operator[](std::size_t slot) const {
    if (!far_.empty()) return far_[slot];
    return {near_[slot][0], near_[slot][1], near_[slot][2]};
  }

 private:
  std::vector<std::array<std::int8_t, 3>> near_;
  std::vector<Shift> far_;
};

struct SearchIndex {
  Lattice lattice;
  std::uint64_t identity;  // unlike that of any other search of this process
  Tree tree;
  Wraps wraps;                          // by slot: wrapped = position + wraps . cell
  Vec low_fraction{}, high_fraction{};  // of the wrapped atoms
  double magnitude = 0.0;               // largest coordinate: sets the rounding error of a distance
  double diagonal = 0.0;

  SearchIndex(const double* positions, std::size_t n, const Box& box, int threads);

  // The images of the cell that can hold atoms closer than `radius` to `around`, as a range per direction.
  void image_range(const Bounds& around, double radius, Cells& from, Cells& to) const;

  // Calls take(n, offset, begin, end) with runs of slots of the image n of the cell: all cells closer than `radius` to `around`.
  template <class Take>
  void visit_images(const Bounds& around, double radius, Take&& take) const {
    Cells from, to;
    image_range(around, radius, from, to);
    for (std::int64_t a = from[0]; a <= to[0]; ++a)
      for (std::int64_t b = from[1]; b <= to[1]; ++b)
        for (std::int64_t c = from[2]; c <= to[2]; ++c) {
          const Cells n{a, b, c};
          const Vec offset = lattice.offset(n);
          Bounds shifted = around;
          double size = magnitude;
          for (int k = 0; k < 3; ++k) {
            shifted.low[k] -= offset[k];
            shifted.high[k] -= offset[k];
            size = std::max(size, std::abs(offset[k]));
          }
          tree.visit(shifted, radius * (1.0 + 1e-12) + 1e-14 * size, [&](std::size_t begin, std::size_t end) { take(n, offset, begin, end); });
        }
  }

  // A radius that holds about k atoms, from the density of the smallest branch with enough of them.
  double guess_radius(std::size_t slot, std::size_t k) const;

  // Whether no atom can be farther than `radius`.
  bool holds_everything(double radius) const { return !lattice.any_periodic() && radius > diagonal * (1.0 + 1e-9); }

  // The radius to try when `radius` held only `found` of `k` atoms.
  static double wider(double radius, std::size_t found, std::size_t k);
};

}  // namespace mdlens
