// NeighborSearch::surroundings against `nearest` and `within`, and its kernels against each other.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "../src/surroundings_kernels.hpp"
#include "check.hpp"
#include "mdlens/neighbors.hpp"
#include "systems.hpp"

namespace {

using mdlens::Neighbor;
using mdlens::NeighborSearch;

using Entry = std::array<double, 3>;

// The vectors in `found` shorter than `limit`, as given and as the float search gave them, must be the same up to the rounding of floats.
void check_same_vectors(const std::vector<Neighbor>& found, const mdlens::Surroundings& around, bool with_index, double limit) {
  std::vector<bool> taken(around.count, false);
  for (const Neighbor& image : found) {
    const double length = std::sqrt(image.distance2), slack = 2e-7 * length + 1e-14;
    if (length > limit) continue;
    bool matched = false;
    for (std::size_t i = 0; i < around.count && !matched; ++i) {
      const Entry vector{around.x[i] * around.unit, around.y[i] * around.unit, around.z[i] * around.unit};
      bool same = !taken[i] && (!with_index || around.index[i] == image.index);
      for (std::size_t k = 0; k < 3; ++k) same = same && std::abs(vector[k] - image.vector[k]) <= slack;
      if (!same) continue;
      CHECK(std::abs(around.distance2[i] * around.unit * around.unit - image.distance2) <= 1e-6 * image.distance2 + 1e-28);
      taken[i] = matched = true;
    }
    CHECK(matched);
  }
}

// `surroundings` must hold what `nearest` finds, nothing but what `within` finds up to its last distance, and be sorted.
void check_surroundings(const std::vector<double>& positions, const Box& box, std::size_t k) {
  const std::size_t n = positions.size() / 3;
  const NeighborSearch search(positions.data(), n, box);
  std::vector<Neighbor> found;
  mdlens::Surroundings around;
  for (std::size_t step = 0; step < n; ++step) {
    const std::size_t atom = step % 3 ? static_cast<std::size_t>(search.spatial_order()[step]) : step;  // mostly close to the last one
    search.nearest(atom, k, found);
    const bool with_index = step % 2 == 0;
    search.surroundings(atom, k, with_index, around);
    CHECK(around.count >= found.size());
    CHECK(around.x.size() >= around.count + mdlens::kSurroundingsPadding);
    CHECK(std::is_sorted(around.distance2.begin(), around.distance2.begin() + static_cast<std::ptrdiff_t>(around.count)));
    CHECK(found.size() == k || around.complete2 > 1e30f);
    if (found.empty()) continue;
    CHECK(around.complete2 >= around.distance2[around.count - 1]);
    if (around.complete2 > 0.0f && around.complete2 < 1e30f) CHECK(search.count_within(atom, std::sqrt(double{around.complete2}) * around.unit * (1 - 1e-6)) <= around.count);
    CHECK(around.count == found.size() || found.size() == k);
    const double last = std::sqrt(double{around.distance2[around.count - 1]}) * around.unit;
    check_same_vectors(found, around, with_index, last * (1 - 1e-6));
    search.within(atom, last * (1 + 1e-6) + 1e-14, found);
    CHECK(found.size() >= around.count);
    check_same_vectors(found, around, with_index, last * (1 - 1e-6));
  }
}

void test_surroundings() {
  unsigned seed = 100;
  for (const Box& box : kBoxes)
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{33}, std::size_t{400}}) {
      auto positions = random_positions(n, seed++, kSpread);
      if (n == 400) std::copy_n(positions.begin(), 60, positions.begin() + 60);  // twenty atoms on top of others
      for (const std::size_t k : {std::size_t{1}, std::size_t{14}, std::size_t{96}, std::size_t{300}}) check_surroundings(positions, box, k);
    }
}

// The same surroundings in metres and in units that overflow a float.
void test_surroundings_of_any_size() {
  for (const double unit : {1e-30, 1e-10, 1.0, 1e25}) {
    auto positions = random_positions(300, 11, kSpread);
    for (double& x : positions) x *= unit;
    Box box = kBoxes[1];
    for (double& x : box.cell) x *= unit;
    const NeighborSearch search(positions.data(), 300, box);
    std::vector<Neighbor> found;
    mdlens::Surroundings around;
    for (std::size_t atom = 0; atom < 300; ++atom) {
      search.nearest(atom, 50, found);
      search.surroundings(atom, 50, true, around);
      CHECK(around.count >= 50);
      for (std::size_t i = 0; i < 50; ++i) {
        CHECK(around.index[i] == found[i].index);
        CHECK(std::abs(around.x[i] * around.unit - found[i].vector[0]) <= 2e-7 * std::sqrt(found[i].distance2));
      }
    }
  }
}

// Clusters far apart, a line and a plane of atoms: cells much longer than what is searched.
void test_surroundings_of_sparse_systems() {
  const auto cluster = random_positions(90, 12, 2.0);
  std::vector<double> clusters, line, plane;
  for (std::size_t i = 0; i < 90; ++i) {
    const double far = i % 3 == 0 ? 0.0 : (i % 3 == 1 ? 1e5 : -3e6);
    clusters.insert(clusters.end(), {cluster[3 * i] + far, cluster[3 * i + 1] - far, cluster[3 * i + 2]});
    line.insert(line.end(), {1000.0 * cluster[3 * i], 0.0, 0.0});
    plane.insert(plane.end(), {cluster[3 * i], 0.5, cluster[3 * i + 2]});
  }
  for (const auto& positions : {clusters, line, plane})
    for (const std::size_t k : {std::size_t{5}, std::size_t{40}, std::size_t{200}}) check_surroundings(positions, kBoxes.back(), k);
}

// A crystal without noise: many ties; every atom must see the same distances, in whatever order it is asked.
void test_surroundings_of_a_crystal() {
  std::vector<double> positions;
  for (int i = 0; i < 12; ++i)
    for (int j = 0; j < 12; ++j)
      for (int k = 0; k < 12; ++k)
        if ((i + j + k) % 2 == 0)
          for (const int x : {i, j, k}) positions.push_back(0.5 * x);
  check_surroundings(positions, {{6, 0, 0, 0, 6, 0, 0, 0, 6}, {true, true, true}}, 54);
  check_surroundings(positions, {{6, 0, 0, 0, 6, 0, 0, 0, 6}, {true, true, true}}, 141);
}

// What was asked before must not change a bit of the answer, the order of equal distances included.
void test_history_does_not_matter() {
  for (const Box& box : kBoxes) {
    auto positions = random_positions(700, 21, kSpread);
    for (std::size_t i = 0; i < 900; ++i) positions[i] = 0.5 * std::round(2 * positions[i]);  // many ties
    const NeighborSearch walked(positions.data(), 700, box), jumped(positions.data(), 700, box);
    mdlens::Surroundings expected, found;
    for (std::size_t step = 0; step < 700; ++step) {
      const auto atom = static_cast<std::size_t>(walked.spatial_order()[step]);
      if (step % 3 == 0) walked.surroundings(static_cast<std::size_t>(walked.spatial_order()[(step * 97) % 700]), 200, false, found);
      if (step % 50 == 49) jumped.surroundings(step, 7, false, found);
      walked.surroundings(atom, 60, true, found);
      jumped.surroundings(atom, 60, true, expected);
      const auto ratio = static_cast<float>(found.unit / expected.unit);
      const std::size_t n = std::min(found.count, expected.count);
      for (std::size_t i = 0; i < n; ++i)
        CHECK(found.index[i] == expected.index[i] && found.x[i] * ratio == expected.x[i] && found.y[i] * ratio == expected.y[i] &&
              found.z[i] * ratio == expected.z[i] && found.distance2[i] * ratio * ratio == expected.distance2[i]);
    }
  }
}

mdlens::Cloud random_cloud(std::size_t n, std::mt19937_64& random) {
  std::normal_distribution<double> coordinate(0.0, 0.5);
  const mdlens::SurroundingsKernel kernel = mdlens::available_surroundings_kernels().back();
  mdlens::Cloud cloud;
  cloud.make_room(n);
  cloud.size = n;
  for (std::size_t d = 0; d < 3; ++d) {
    std::vector<double> values(n);
    for (double& value : values) value = coordinate(random);
    for (std::size_t i = 1; i < n; i += 7) values[i] = values[i - 1];  // some coincide
    kernel.place(values.data(), n, 0.1, -0.2, 2.0, cloud.whole[d].data(), cloud.rest[d].data());
  }
  for (std::size_t i = 0; i < n; ++i) cloud.atom[i] = static_cast<std::int32_t>(3 * i + 1);
  cloud.close();
  return cloud;
}

template <class Vector>
bool same_head(const Vector& a, const Vector& b, std::size_t n) {
  return std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin());
}

void check_arranged(const mdlens::SurroundingsKernel& kernel, const mdlens::SurroundingsKernel& plain, const mdlens::Cloud& cloud, float limit2) {
  mdlens::Picked picked;
  picked.make_room(cloud.size);
  mdlens::Surroundings expected, found;
  const mdlens::Center center{{0.05f, -0.1f, 0.0f}, {1e-9f, 0.0f, -2e-9f}};
  for (auto* out : {&expected, &found}) {
    for (auto* values : {&out->x, &out->y, &out->z, &out->distance2}) values->resize(cloud.size + mdlens::kSurroundingsPadding);
    out->index.resize(cloud.size + mdlens::kSurroundingsPadding);
    const mdlens::SurroundingsKernel& used = out == &found ? kernel : plain;
    used.pick(cloud, center, limit2, true, picked);
    used.arrange(cloud, center, limit2, cloud.size, true, picked, *out);
  }
  const std::size_t n = expected.count;
  CHECK(found.count == n);
  CHECK(std::is_sorted(found.distance2.begin(), found.distance2.begin() + static_cast<std::ptrdiff_t>(n)));
  CHECK(same_head(found.distance2, expected.distance2, n) && same_head(found.index, expected.index, n));
  CHECK(same_head(found.x, expected.x, n) && same_head(found.y, expected.y, n) && same_head(found.z, expected.z, n));
}

void check_culled(const mdlens::SurroundingsKernel& kernel, const mdlens::SurroundingsKernel& plain, const mdlens::Cloud& cloud) {
  mdlens::Cloud expected, found;
  const mdlens::FloatBox box{{-0.3f, -0.2f, 0.1f}, {0.2f, -0.1f, 0.5f}};
  expected.make_room(cloud.size);
  found.make_room(cloud.size);
  plain.cull(cloud, box, 0.5f, expected);
  kernel.cull(cloud, box, 0.5f, found);
  CHECK(found.size == expected.size && same_head(found.atom, expected.atom, found.size));
  for (std::size_t d = 0; d < 3; ++d)
    CHECK(same_head(found.whole[d], expected.whole[d], found.size) && same_head(found.rest[d], expected.rest[d], found.size));
}

// Every instruction set must give the bits of the plain loops.
void test_kernels() {
  std::mt19937_64 random(5);
  const auto kernels = mdlens::available_surroundings_kernels();
  const mdlens::SurroundingsKernel& plain = kernels.back();
  for (const auto& kernel : kernels)
    for (const std::size_t n : {0, 1, 15, 16, 17, 64, 65, 100, 128, 129, 200, 256, 257, 700, 3000}) {
      const mdlens::Cloud cloud = random_cloud(n, random);
      for (const float limit2 : {1e-6f, 0.3f, 1.0f, 3.0f, 100.0f}) check_arranged(kernel, plain, cloud, limit2);
      check_culled(kernel, plain, cloud);
      std::vector<double> values(n, 1.0 / 3.0);
      std::vector<float> whole(n + mdlens::kVectorRoom), rest(whole), whole_plain(whole), rest_plain(whole);
      kernel.place(values.data(), n, 1e3, 0.7, 0.125, whole.data(), rest.data());
      plain.place(values.data(), n, 1e3, 0.7, 0.125, whole_plain.data(), rest_plain.data());
      CHECK(same_head(whole, whole_plain, n) && same_head(rest, rest_plain, n));
    }
}

}  // namespace

int main() {
  test_surroundings();
  test_surroundings_of_any_size();
  test_surroundings_of_sparse_systems();
  test_surroundings_of_a_crystal();
  test_history_does_not_matter();
  test_kernels();
}
