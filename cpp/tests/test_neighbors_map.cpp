// The Neighbors Map kernels of every instruction set against the definition, and where definitions are tested hardest: ties, coincident and lone atoms.
#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "mdlens/neighbors_map.hpp"

namespace {

using namespace mdlens;

struct System {
  std::vector<double> positions;
  Box box;
  std::vector<std::int32_t> kind;

  std::size_t size() const { return kind.size(); }
  NeighborSearch search() const { return NeighborSearch(positions.data(), size(), box); }
};

const std::vector<Box> kBoxes = {
    {{8, 0, 0, 0, 8, 0, 0, 0, 8}, {true, true, true}},
    {{7, 0, 0, 3, 6.5, 0, -2, 2.5, 7.5}, {true, true, true}},
    {{2.3, 0.2, 0, 0, 2.6, 0.4, 0.3, 0, 2.9}, {true, true, true}},
    {{7, 1, 0, 0, 7, 0, 0, 0, 0}, {true, true, false}},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0}, {false, false, false}},
};

System random_system(const Box& box, std::size_t n, int kinds, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> coordinate(-5.0, 5.0);
  System system{std::vector<double>(3 * n), box, std::vector<std::int32_t>(n)};
  for (double& x : system.positions) x = coordinate(random);
  for (auto& kind : system.kind) kind = static_cast<std::int32_t>(random() % kinds);
  return system;
}

System face_centred(int cells, double a) {
  const double basis[4][3] = {{0, 0, 0}, {0.5, 0.5, 0}, {0.5, 0, 0.5}, {0, 0.5, 0.5}};
  System system{{}, {{cells * a, 0, 0, 0, cells * a, 0, 0, 0, cells * a}, {true, true, true}}, {}};
  for (int i = 0; i < cells; ++i)
    for (int j = 0; j < cells; ++j)
      for (int k = 0; k < cells; ++k)
        for (int b = 0; b < 4; ++b) {
          for (const double x : {i + basis[b][0], j + basis[b][1], k + basis[b][2]}) system.positions.push_back(x * a);
          system.kind.push_back(b == 0);
        }
  return system;
}

std::vector<float> draw(const System& system, const MapOptions& options, const MapWeights& weights, Isa isa, int threads = 1) {
  std::vector<std::int64_t> atoms(system.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) atoms[i] = static_cast<std::int64_t>(i);
  const NeighborSearch search = system.search();
  std::vector<float> maps(atoms.size() * weights.channels * options.size * options.size, -1.0f);
  neighbors_maps(search, options, weights, atoms.data(), atoms.size(), maps.data(), threads, isa);
  return maps;
}

bool close(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!(std::abs(a[i] - b[i]) <= tolerance * std::max(std::abs(a[i]), std::abs(b[i])))) return false;
  return true;
}

struct Node {
  std::array<double, 3> place;
  std::int32_t kind;
};

bool nearly_tied(double smaller, double larger) { return larger * larger <= smaller * smaller * (1 + 1.2e-5); }

// The definition, by the letter; NaN for atoms with a tie that decides anything.
std::vector<float> defined(const System& system, const MapOptions& options, const MapWeights& weights) {
  const NeighborSearch search = system.search();
  const int n = options.size, channels = weights.channels;
  const auto weight = [&](std::int32_t kind, int c) { return weights.table ? weights.table[kind * channels + c] : 1.0f; };
  std::vector<float> maps(system.size() * channels * n * n, 0.0f);
  std::vector<Neighbor> found;
  for (std::size_t atom = 0; atom < system.size(); ++atom) {
    search.nearest(atom, static_cast<std::size_t>(std::max(options.candidates, options.scale_neighbors)), found);
    double length = 0;
    const auto near = std::min<std::size_t>(found.size(), static_cast<std::size_t>(options.scale_neighbors));
    for (std::size_t i = 0; i < near; ++i) length += std::sqrt(found[i].distance2) / static_cast<double>(near);
    found.resize(std::min<std::size_t>(found.size(), static_cast<std::size_t>(options.candidates)));
    std::vector<Node> nodes{{{0, 0, 0}, system.kind[atom]}};
    for (const Neighbor& f : found) nodes.push_back({f.vector, system.kind[f.index]});
    bool has_tie = false;
    for (std::size_t i = 1; i < found.size(); ++i) has_tie |= nearly_tied(std::sqrt(found[i - 1].distance2), std::sqrt(found[i].distance2));
    for (std::size_t k = 0; k < std::min<std::size_t>(n, nodes.size()); ++k) {
      std::vector<std::pair<double, std::int32_t>> row;
      for (std::size_t l = 0; l < nodes.size(); ++l) {
        double sum = 0;
        for (int axis = 0; axis < 3; ++axis) sum += std::pow(nodes[k].place[axis] - nodes[l].place[axis], 2);
        if (l != k) row.push_back({std::max(std::sqrt(sum) / length, 0.05), nodes[l].kind});
      }
      std::sort(row.begin(), row.end());
      for (std::size_t l = 1; l < row.size(); ++l)
        has_tie |= row[l].second != row[l - 1].second && weights.kinds > 1 && nearly_tied(row[l - 1].first, row[l].first);
      const double alpha = k ? std::pow(std::sqrt(found[k - 1].distance2) / length, -1 / options.beta) : 1.0;
      for (std::size_t l = 0; l < std::min<std::size_t>(n, row.size()); ++l)
        for (int c = 0; c < channels; ++c)
          maps[((atom * channels + c) * n + k) * n + l] =
              static_cast<float>(alpha * weight(nodes[k].kind, c) * weight(row[l].second, c) / std::pow(row[l].first, options.gamma));
    }
    if (has_tie) std::fill_n(maps.begin() + atom * channels * n * n, channels * n * n, NAN);
  }
  return maps;
}

// Whether the maps agree wherever the definition speaks, which it must for most atoms.
bool agree(const std::vector<float>& maps, std::vector<float> expected) {
  std::size_t silent = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!std::isnan(expected[i])) continue;
    expected[i] = maps[i];
    ++silent;
  }
  return silent <= expected.size() / 3 && close(maps, expected, 3e-5f);
}

void agrees_with_the_definition() {
  const std::vector<float> table{0.5f, 1.0f, 2.0f, 1.0f, 2.0f, 3.0f};
  unsigned seed = 0;
  for (const Box& box : kBoxes) {
    const bool small = box.cell[0] < 3;  // self images tie distances: only the definition in Python settles those
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{40}}) {
      const System system = random_system(box, n, 3, ++seed);
      for (const int size : {1, 8, 31, 32, 48, 70}) {
        if (small || (n < 3 && box.periodic[0])) continue;
        const MapOptions options{.size = size, .candidates = std::min(2 * size, 30)};
        const MapWeights weights{.channels = 2, .kinds = 3, .table = table.data(), .kind = system.kind.data()};
        for (const Isa isa : supported_isas()) {
          CHECK(agree(draw(system, options, {}, isa), defined(system, options, {})));
          CHECK(agree(draw(system, options, weights, isa), defined(system, options, weights)));
        }
      }
    }
  }
}

void instruction_sets_agree_on_ties() {
  const std::vector<float> table{1.0f, 2.0f};
  for (System system : {face_centred(2, 3.6), random_system(kBoxes[2], 9, 2, 1)}) {
    const MapWeights weights{.channels = 1, .kinds = 2, .table = table.data(), .kind = system.kind.data()};
    for (const int candidates : {0, 1, 12, 63, 64, 130}) {
      const MapOptions options{.candidates = candidates, .cutoff = 4.0, .scale_neighbors = candidates ? 14 : 0};
      for (const Isa isa : supported_isas()) {
        CHECK(close(draw(system, options, {}, isa), draw(system, options, {}, Isa::portable), 1e-5f));
        CHECK(close(draw(system, options, weights, isa), draw(system, options, weights, Isa::portable), 1e-5f));
      }
    }
  }
}

void atoms_of_a_crystal_have_one_map() {
  const System system = face_centred(3, 4.05);
  for (const Isa isa : supported_isas()) {
    const std::vector<float> maps = draw(system, {}, {}, isa);
    const std::vector<float> first(maps.begin(), maps.begin() + 1024);
    for (std::size_t i = 0; i < system.size(); ++i)
      CHECK(close({maps.begin() + i * 1024, maps.begin() + (i + 1) * 1024}, first, 1e-5f));
    CHECK(std::abs(first[0] - first[11]) < 1e-5f && std::abs(first[0] / first[12] - 2.0f) < 1e-5f);  // twelve at r, then at sqrt(2) r
  }
}

void coincident_and_lone_atoms_are_finite() {
  System system = random_system(kBoxes[0], 12, 1, 3);
  for (int axis = 0; axis < 3; ++axis) system.positions[axis] = system.positions[3 + axis] = system.positions[6 + axis];
  for (const Isa isa : supported_isas()) {
    for (const float pixel : draw(system, {}, {}, isa)) CHECK(std::isfinite(pixel) && pixel >= 0);
    const System pile{std::vector<double>(9, 1.0), kBoxes.back(), {0, 0, 0}};
    for (const float pixel : draw(pile, {}, {}, isa)) CHECK(pixel == 0);
    const System lone{std::vector<double>(3, 1.0), kBoxes.back(), {0}};
    for (const float pixel : draw(lone, {.candidates = 0, .cutoff = 5.0}, {}, isa)) CHECK(pixel == 0);
  }
}

void threads_change_nothing() {
  const System system = random_system(kBoxes[1], 200, 1, 9);
  CHECK(draw(system, {}, {}, Isa::automatic, 1) == draw(system, {}, {}, Isa::automatic, 3));
}

void wrong_arguments_are_refused() {
  const System system = random_system(kBoxes[0], 5, 1, 0);
  const float weight = 1.0f;
  for (const MapOptions& wrong : {MapOptions{.size = 0}, MapOptions{.gamma = 0}, MapOptions{.beta = -1}, MapOptions{.candidates = 0},
                                  MapOptions{.candidates = -3}, MapOptions{.scale_neighbors = -1}, MapOptions{.gamma = NAN}})
    CHECK_THROWS(draw(system, wrong, {}, Isa::automatic), std::invalid_argument);
  CHECK_THROWS(draw(system, {}, {.channels = 1, .kinds = 2, .table = &weight}, Isa::automatic), std::invalid_argument);
  const NeighborSearch search = system.search();
  std::vector<float> out(1024);
  for (const std::int64_t atom : {std::int64_t{-1}, std::int64_t{5}})
    CHECK_THROWS(neighbors_maps(search, {}, {}, &atom, 1, out.data(), 1, Isa::automatic), std::out_of_range);
}

}  // namespace

int main() {
  agrees_with_the_definition();
  instruction_sets_agree_on_ties();
  atoms_of_a_crystal_have_one_map();
  coincident_and_lone_atoms_are_finite();
  threads_change_nothing();
  wrong_arguments_are_refused();
}
