#include "tree.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "mdlens/parallel.hpp"

namespace mdlens {

namespace {

constexpr std::size_t kCellAtoms = 14;  // largest population of a cell

struct Item {
  Vec point;
  std::int32_t atom;
};

Bounds bounds_of(const Item* begin, const Item* end) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  Bounds box{{inf, inf, inf}, {-inf, -inf, -inf}};
  for (const Item* item = begin; item != end; ++item)
    for (int k = 0; k < 3; ++k) {
      box.low[k] = std::min(box.low[k], item->point[k]);
      box.high[k] = std::max(box.high[k], item->point[k]);
    }
  return box;
}

int widest_axis(const Bounds& box) {
  const Vec side{box.high[0] - box.low[0], box.high[1] - box.low[1], box.high[2] - box.low[2]};
  return side[0] >= side[1] ? (side[0] >= side[2] ? 0 : 2) : (side[1] >= side[2] ? 1 : 2);
}

// Sets the bounds of a node and, above the leaves, halves its atoms between its children.
void halve(Tree& tree, std::vector<Item>& items, std::size_t node) {
  const std::size_t begin = tree.begin_of(node), end = tree.end_of(node);
  tree.bounds[node] = bounds_of(items.data() + begin, items.data() + end);
  if (node >= tree.first_leaf()) return;
  const auto middle = static_cast<std::ptrdiff_t>(tree.begin_of(2 * node + 1));
  const int axis = widest_axis(tree.bounds[node]);
  std::nth_element(items.begin() + static_cast<std::ptrdiff_t>(begin), items.begin() + middle, items.begin() + static_cast<std::ptrdiff_t>(end),
                   [axis](const Item& a, const Item& b) { return a.point[axis] < b.point[axis] || (a.point[axis] == b.point[axis] && a.atom < b.atom); });
}

void sort_branch(Tree& tree, std::vector<Item>& items, std::size_t node) {
  halve(tree, items, node);
  if (node >= tree.first_leaf()) return;
  sort_branch(tree, items, 2 * node);
  sort_branch(tree, items, 2 * node + 1);
}

// Level by level until there are branches enough for every thread, then branch by branch: a node does the same whoever does it, and when.
void sort_into_cells(Tree& tree, std::vector<Item>& items, int threads) {
  const auto enough = 4 * static_cast<std::size_t>(resolve_threads(threads, items.size() / kAtomGrain));
  std::size_t nodes = 1;  // of this level: [nodes, 2 nodes)
  for (; nodes < enough && nodes < tree.first_leaf() && items.size() / nodes > kAtomGrain; nodes *= 2)
    parallel_for(nodes, 1, threads, [&](std::size_t begin, std::size_t, int) { halve(tree, items, nodes + begin); });
  parallel_for(nodes, 1, threads, [&](std::size_t begin, std::size_t, int) { sort_branch(tree, items, nodes + begin); });
}

}  // namespace

double Bounds::longest() const { return std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]}); }

double Bounds::diagonal() const { return std::sqrt(dot({high[0] - low[0], high[1] - low[1], high[2] - low[2]}, {high[0] - low[0], high[1] - low[1], high[2] - low[2]})); }

Tree::Tree(std::vector<Vec> points, int threads) : atom(points.size()) {
  const std::size_t n = points.size();
  while ((n >> depth) >= kCellAtoms) ++depth;
  bounds.resize(2 * first_leaf());
  std::vector<Item> items(n);
  parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t a = begin; a < end; ++a) items[a] = {points[a], static_cast<std::int32_t>(a)};
  });
  points = std::vector<Vec>();
  if (n > 0) sort_into_cells(*this, items, threads);
  for (auto* values : {&x, &y, &z}) values->resize(n);
  parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t s = begin; s < end; ++s) {
      x[s] = items[s].point[0];
      y[s] = items[s].point[1];
      z[s] = items[s].point[2];
      atom[s] = items[s].atom;
    }
  });
  items = std::vector<Item>();  // before more is asked for: this is where memory peaks
  slot.resize(n);
  parallel_for(n, kAtomGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t s = begin; s < end; ++s) slot[static_cast<std::size_t>(atom[s])] = static_cast<std::int32_t>(s);
  });
}

std::size_t Tree::begin_of(std::size_t node) const {
  const int level = static_cast<int>(std::bit_width(node)) - 1;
  return (size() * (node - (std::size_t{1} << level))) >> level;
}

std::size_t Tree::end_of(std::size_t node) const {
  const int level = static_cast<int>(std::bit_width(node)) - 1;
  return (size() * (node + 1 - (std::size_t{1} << level))) >> level;
}

std::size_t Tree::leaf_of(std::size_t slot_index) const {
  return first_leaf() + (((slot_index + 1) << depth) - 1) / size();
}

}  // namespace mdlens
