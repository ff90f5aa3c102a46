// Adaptive cells: atoms halved at the median until a cell holds a few, each cell with the tight box around its atoms.
//
// A regular grid needs a width, and no single one suits a dense cluster and the vacuum or gas around it. Cells of equal population follow the
// atoms wherever they are: memory is proportional to their number, whatever the volume, and empty space costs nothing to cross.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lattice.hpp"

namespace mdlens {

// So many atoms are worth a thread of their own while the tree is built.
constexpr std::size_t kAtomGrain = 4096;

struct Bounds {
  Vec low, high;
  double longest() const;
  double diagonal() const;
};

// Squared distance between two boxes, 0 where they meet.
inline double gap2(const Bounds& a, const Bounds& b) {
  double sum = 0.0;
  for (int k = 0; k < 3; ++k) {
    const double above = a.low[k] - b.high[k], below = b.low[k] - a.high[k];
    const double gap = above > below ? above : below;
    sum += gap > 0.0 ? gap * gap : 0.0;
  }
  return sum;
}

// A balanced binary tree in heap order: node 1 is the root, node v has children 2v and 2v + 1. Atoms are stored cell by cell ("slots").
struct Tree {
  int depth = 0;
  std::vector<double> x, y, z;       // by slot
  std::vector<std::int32_t> atom;    // slot -> atom
  std::vector<std::int32_t> slot;    // atom -> slot
  std::vector<Bounds> bounds;        // by node

  // Takes the points over and frees them as soon as they are copied. The tree does not depend on the number of threads.
  Tree(std::vector<Vec> points, int threads);

  std::size_t size() const { return atom.size(); }
  std::size_t first_leaf() const { return std::size_t{1} << depth; }
  std::size_t leaf_of(std::size_t slot_index) const;
  // Slots [begin, end) under node `node`.
  std::size_t begin_of(std::size_t node) const;
  std::size_t end_of(std::size_t node) const;
  Vec point(std::size_t slot_index) const { return {x[slot_index], y[slot_index], z[slot_index]}; }

  // Calls take(begin, end) with the slots, in ascending runs, of all cells closer than `reach` to `around`.
  template <class Take>
  void visit(const Bounds& around, double reach, Take&& take) const {
    if (size() == 0) return;
    const double reach2 = reach * reach;
    std::size_t stack[64];
    std::size_t top = 0, begin = 0, end = 0;
    stack[top++] = 1;
    while (top > 0) {
      const std::size_t node = stack[--top];
      if (!(gap2(bounds[node], around) < reach2)) continue;
      if (node < first_leaf()) {
        stack[top++] = 2 * node + 1;
        stack[top++] = 2 * node;
        continue;
      }
      const std::size_t from = begin_of(node);
      if (from != end) {
        if (begin < end) take(begin, end);
        begin = from;
      }
      end = end_of(node);
    }
    if (begin < end) take(begin, end);
  }
};

}  // namespace mdlens
