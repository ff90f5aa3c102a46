#include "tree.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

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

void split(Tree& tree, std::vector<Item>& items, std::size_t node) {
  const std::size_t begin = tree.begin_of(node), end = tree.end_of(node);
  tree.bounds[node] = bounds_of(items.data() + begin, items.data() + end);
  if (node >= tree.first_leaf()) return;
  const auto middle = static_cast<std::ptrdiff_t>(tree.begin_of(2 * node + 1));
  const int axis = widest_axis(tree.bounds[node]);
  std::nth_element(items.begin() + static_cast<std::ptrdiff_t>(begin), items.begin() + middle, items.begin() + static_cast<std::ptrdiff_t>(end),
                   [axis](const Item& a, const Item& b) { return a.point[axis] < b.point[axis] || (a.point[axis] == b.point[axis] && a.atom < b.atom); });
  split(tree, items, 2 * node);
  split(tree, items, 2 * node + 1);
}

}  // namespace

double Bounds::longest() const { return std::max({high[0] - low[0], high[1] - low[1], high[2] - low[2]}); }

double Bounds::diagonal() const { return std::sqrt(dot({high[0] - low[0], high[1] - low[1], high[2] - low[2]}, {high[0] - low[0], high[1] - low[1], high[2] - low[2]})); }

Tree::Tree(std::vector<Vec> points) : atom(points.size()) {
  const std::size_t n = points.size();
  while ((n >> depth) >= kCellAtoms) ++depth;
  bounds.resize(2 * first_leaf());
  std::vector<Item> items(n);
  for (std::size_t a = 0; a < n; ++a) items[a] = {points[a], static_cast<std::int32_t>(a)};
  points = std::vector<Vec>();
  if (n > 0) split(*this, items, 1);
  for (auto* values : {&x, &y, &z}) values->resize(n);
  for (std::size_t s = 0; s < n; ++s) {
    x[s] = items[s].point[0];
    y[s] = items[s].point[1];
    z[s] = items[s].point[2];
    atom[s] = items[s].atom;
  }
  items = std::vector<Item>();
  slot.resize(n);
  for (std::size_t s = 0; s < n; ++s) slot[static_cast<std::size_t>(atom[s])] = static_cast<std::int32_t>(s);
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
