// The neighbour search against explicit images, over cells, sizes and seeds.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "../src/filter.hpp"
#include "check.hpp"
#include "mdlens/neighbors.hpp"
#include "systems.hpp"

namespace {

using mdlens::Box;
using mdlens::Neighbor;
using mdlens::NeighborSearch;

double product(const std::array<double, 3>& a, const std::array<double, 3>& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

void remove_component(std::array<double, 3>& from, const std::array<double, 3>& along) {
  const double times = product(from, along) / product(along, along);
  for (std::size_t k = 0; k < 3; ++k) from[k] -= times * along[k];
}

// How many images each way can hold a point closer than `distance`: with d linearly independent vectors, |n . cell| >= |n_d| times the height of the
// cell over direction d.
std::array<int, 3> image_reach(const Box& box, double distance) {
  std::array<int, 3> reach{};
  for (std::size_t d = 0; d < 3; ++d) {
    if (!box.periodic[d]) continue;
    std::array<double, 3> normal{box.cell[3 * d], box.cell[3 * d + 1], box.cell[3 * d + 2]};
    std::vector<std::array<double, 3>> others;  // Gram-Schmidt: what remains of vector d is the height
    for (std::size_t e = 0; e < 3; ++e) {
      if (e == d || !box.periodic[e]) continue;
      std::array<double, 3> other{box.cell[3 * e], box.cell[3 * e + 1], box.cell[3 * e + 2]};
      for (const auto& u : others) remove_component(other, u);
      others.push_back(other);
    }
    for (const auto& u : others) remove_component(normal, u);
    reach[d] = static_cast<int>(std::ceil(distance / std::sqrt(product(normal, normal))));
  }
  return reach;
}

// Every image with |r| < cutoff, by trying all shifts that could hold one.
std::vector<Neighbor> by_brute_force(const std::vector<double>& positions, const Box& box, std::size_t atom, double cutoff) {
  std::vector<Neighbor> found;
  const double longest = cutoff + 2 * std::sqrt(3.0) * kSpread;  // no longer translation brings two atoms together
  const auto reach = image_reach(box, longest);
  for (int a = -reach[0]; a <= reach[0]; ++a)
    for (int b = -reach[1]; b <= reach[1]; ++b)
      for (int c = -reach[2]; c <= reach[2]; ++c) {
        std::array<double, 3> offset;
        for (std::size_t k = 0; k < 3; ++k) offset[k] = (a != 0 ? a * box.cell[k] : 0.0) + (b != 0 ? b * box.cell[3 + k] : 0.0) + (c != 0 ? c * box.cell[6 + k] : 0.0);
        if (product(offset, offset) > longest * longest) continue;
        for (std::size_t j = 0; j < positions.size() / 3; ++j) {
          if (j == atom && a == 0 && b == 0 && c == 0) continue;
          Neighbor image{0.0, {}, static_cast<std::int32_t>(j), {a, b, c}};
          for (std::size_t k = 0; k < 3; ++k) {
            image.vector[k] = positions[3 * j + k] - positions[3 * atom + k] + offset[k];
            image.distance2 += image.vector[k] * image.vector[k];
          }
          if (image.distance2 < cutoff * cutoff) found.push_back(image);
        }
      }
  return found;
}

bool same_image(const Neighbor& a, const Neighbor& b) { return a.index == b.index && a.shift == b.shift; }

bool in_order(const Neighbor& a, const Neighbor& b) {
  if (a.distance2 != b.distance2) return a.distance2 < b.distance2;
  return a.index != b.index ? a.index < b.index : a.shift < b.shift;
}

void check_within(const std::vector<double>& positions, const Box& box, double cutoff) {
  const std::size_t n = positions.size() / 3;
  const NeighborSearch search(positions.data(), n, box);
  std::vector<Neighbor> found;
  for (std::size_t atom = 0; atom < n; ++atom) {
    search.within(atom, cutoff, found);
    CHECK(search.count_within(atom, cutoff) == found.size());
    CHECK(std::is_sorted(found.begin(), found.end(), in_order));
    const auto expected = by_brute_force(positions, box, atom, cutoff);
    CHECK(found.size() == expected.size());
    for (const Neighbor& image : expected) {
      const auto match = std::find_if(found.begin(), found.end(), [&](const Neighbor& other) { return same_image(image, other); });
      CHECK(match != found.end());
      for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(match->vector[k] - image.vector[k]) < 1e-9);
      CHECK(std::abs(match->distance2 - image.distance2) < 1e-8);
    }
  }
}

// `nearest` must be the head of a `within` that is wide enough.
void check_nearest(const std::vector<double>& positions, const Box& box, std::size_t k) {
  const std::size_t n = positions.size() / 3;
  const NeighborSearch search(positions.data(), n, box);
  std::vector<Neighbor> found, expected;
  for (std::size_t atom = 0; atom < n; ++atom) {
    search.nearest(atom, k, found);
    const bool any_periodic = box.periodic[0] || box.periodic[1] || box.periodic[2];
    CHECK(found.size() == (any_periodic ? k : std::min(k, n - 1)));
    if (found.empty()) continue;
    search.within(atom, std::sqrt(found.back().distance2) * 1.001 + 1e-9, expected);
    CHECK(expected.size() >= found.size());
    for (std::size_t l = 0; l < found.size(); ++l) {
      CHECK(same_image(found[l], expected[l]));
      CHECK(found[l].distance2 == expected[l].distance2);
    }
  }
}

void test_against_brute_force() {
  unsigned seed = 1;
  for (const Box& box : kBoxes)
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{33}}) {
      const auto positions = random_positions(n, seed++, kSpread);
      check_within(positions, box, 4.0);
      for (const std::size_t k : {std::size_t{1}, std::size_t{14}, std::size_t{63}}) check_nearest(positions, box, k);
    }
}

// Every instruction set must give the bits of the plain loop.
void test_filters() {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> coordinate(-3.0, 3.0);
  for (std::size_t n = 0; n < 150; ++n) {
    std::vector<double> x(n), y(n), z(n);
    for (auto* axis : {&x, &y, &z})
      for (double& value : *axis) value = coordinate(random);
    const mdlens::Vec center{coordinate(random), 0.1, -0.2}, offset{0.3, coordinate(random), 0.0};
    const std::size_t begin = n / 5;
    std::vector<double> expected;
    std::vector<std::uint32_t> numbers;
    for (std::size_t c = begin; c < n; ++c) {
      const double dx = (x[c] - center[0]) + offset[0], dy = (y[c] - center[1]) + offset[1], dz = (z[c] - center[2]) + offset[2];
      const double d2 = dx * dx + dy * dy + dz * dz;
      if (!(d2 < 9.0)) continue;
      expected.push_back(d2);
      numbers.push_back(static_cast<std::uint32_t>(c));
    }
    for (const auto& [name, filter] : mdlens::available_filters()) {
      std::vector<double> distance2(n - begin + 8);
      std::vector<std::uint32_t> close(n - begin + 8);
      const std::size_t found = filter({x.data(), y.data(), z.data()}, begin, n, center, offset, 9.0, distance2.data(), close.data());
      distance2.resize(found);
      close.resize(found);
      CHECK(distance2 == expected);
      CHECK(close == numbers);
    }
  }
}

void test_coincident_atoms() {
  const std::vector<double> positions = {1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 2, 3};
  const NeighborSearch search(positions.data(), 4, kBoxes.back());
  std::vector<Neighbor> found;
  search.within(1, 1.5, found);
  CHECK(found.size() == 3 && found[0].index == 0 && found[1].index == 2 && found[2].index == 3);
  CHECK(found[0].distance2 == 0.0 && found[1].distance2 == 0.0 && found[2].distance2 == 1.0);
  search.nearest(0, 2, found);
  CHECK(found.size() == 2 && found[0].index == 1 && found[1].index == 2);
}

void test_far_atom_costs_nothing() {
  auto positions = random_positions(2000, 7, 12.0);
  positions.insert(positions.end(), {1e6, -1e6, 1e6});
  for (const Box& box : {kBoxes.back(), Box{{4e6, 0, 0, 0, 4e6, 0, 0, 0, 4e6}, {true, true, true}}}) {
    check_nearest(positions, box, 14);
    const NeighborSearch search(positions.data(), 2001, box);
    CHECK(search.count_within(2000, 100.0) == 0);
  }
}

void test_pairs_are_symmetric_at_the_cutoff() {
  std::vector<double> positions;  // a lattice whose shells lie exactly at the cutoff
  for (int i = 0; i < 216; ++i)
    for (const int x : {i % 6, i / 6 % 6, i / 36}) positions.push_back(0.1 * x);
  const NeighborSearch search(positions.data(), 216, {{0.6, 0, 0, 0, 0.6, 0, 0, 0, 0.6}, {true, true, true}});
  std::vector<Neighbor> found, back;
  for (std::size_t atom = 0; atom < 216; ++atom) {
    search.within(atom, 0.2, found);
    for (const Neighbor& image : found) {
      search.within(static_cast<std::size_t>(image.index), 0.2, back);
      CHECK(std::count_if(back.begin(), back.end(), [&](const Neighbor& other) {
              return static_cast<std::size_t>(other.index) == atom && other.distance2 == image.distance2 && other.shift[0] == -image.shift[0] &&
                     other.shift[1] == -image.shift[1] && other.shift[2] == -image.shift[2];
            }) == 1);
    }
  }
}

void test_threads_change_nothing() {
  const std::size_t n = 40000;  // enough for several levels of the tree to be shared out
  const double far = 300 * 30.0;  // too many cells away for a byte, where it is wrapped
  for (std::size_t number = 0; number < 2 * kBoxes.size(); ++number) {
    const Box& box = kBoxes[number / 2];
    auto positions = random_positions(n, 11, 30.0);
    positions[0] += number % 2 == 0 ? 0.0 : far;
    const NeighborSearch one(positions.data(), n, box, 1);
    for (const int threads : {2, 3, 0}) {
      const NeighborSearch many(positions.data(), n, box, threads);
      CHECK(many.spatial_order() == one.spatial_order());
      std::vector<Neighbor> expected, found;
      for (std::size_t atom = 0; atom < n; atom += 1999) {
        one.nearest(atom, 20, expected);
        many.nearest(atom, 20, found);
        CHECK(found.size() == expected.size());
        for (std::size_t k = 0; k < found.size(); ++k)
          CHECK(found[k].distance2 == expected[k].distance2 && found[k].vector == expected[k].vector && found[k].index == expected[k].index &&
                found[k].shift == expected[k].shift);
      }
    }
  }
  auto positions = random_positions(n, 11, 30.0);
  positions.back() = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS(NeighborSearch(positions.data(), n, kBoxes.front(), 3), std::invalid_argument);
}

void test_wrong_input() {
  const double origin[3] = {0, 0, 0};
  const double nan[3] = {0, std::numeric_limits<double>::quiet_NaN(), 0};
  CHECK_THROWS(NeighborSearch(origin, 1, (Box{{1, 0, 0, 2, 0, 0, 0, 0, 1}, {true, true, true}})), std::invalid_argument);
  CHECK_THROWS(NeighborSearch(origin, 1, (Box{{0, 0, 0, 0, 1, 0, 0, 0, 1}, {true, true, true}})), std::invalid_argument);
  CHECK_THROWS(NeighborSearch(nan, 1, kBoxes.front()), std::invalid_argument);
}

}  // namespace

int main() {
  test_against_brute_force();
  test_filters();
  test_coincident_atoms();
  test_far_atom_costs_nothing();
  test_pairs_are_symmetric_at_the_cutoff();
  test_threads_change_nothing();
  test_wrong_input();
}
