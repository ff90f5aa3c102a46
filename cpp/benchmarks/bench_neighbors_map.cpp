// Maps per second (of processor time) on one thread, without and with the neighbour search, for each instruction set. First the maps must be right.
// cmake -S . -B build-bench -DMDLENS_BENCHMARKS=ON -DCMAKE_BUILD_TYPE=Release && cmake --build build-bench && build-bench/cpp/bench_neighbors_map
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <vector>

#include "../src/neighbors_map_rows.hpp"
#include "mdlens/neighbors_map.hpp"
#include "median_seconds.hpp"

namespace {

using namespace mdlens;

constexpr std::size_t kBatch = 256;

// Environments of normally distributed nodes, as a row kernel takes them.
struct Environments {
  int nodes, size;
  std::vector<float> coordinates, scale, scratch, out;
  std::vector<std::int32_t> kind;
  float one = 1.0f;

  Environments(int node_count, int map_size)
      : nodes(node_count), size(map_size), coordinates(3 * kBatch * stride(), detail::kFar), scale(map_size + detail::kPadding, 1.0f),
        scratch(stride() * detail::kPadding), out(kBatch * map_size * (map_size + 16)), kind(stride(), 0) {
    std::mt19937_64 random(0);
    std::normal_distribution<float> normal;
    for (std::size_t axis = 0; axis < 3 * kBatch; ++axis)
      for (int i = 0; i < nodes; ++i) coordinates[axis * stride() + i] = normal(random);
  }

  std::size_t stride() const { return static_cast<std::size_t>(nodes + detail::kPadding); }

  void draw(detail::RowKernel kernel, int width) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      const float* x = coordinates.data() + 3 * i * stride();
      kernel({.x = x, .y = x + stride(), .z = x + 2 * stride(), .kind = kind.data(), .weights = &one, .scale = scale.data(), .nodes = nodes,
              .rows = size, .size = size, .channels = 1, .kinds = 1, .scale_stride = size + detail::kPadding, .floor2 = 0.0025f,
              .half_gamma = 1.0f, .power = nullptr, .careful = detail::careful_row, .scratch = scratch.data(),
              .out = out.data() + i * size * width, .channel_stride = size * width, .row_stride = width});
    }
  }
};

void report(const char* what, Isa isa, int nodes, int size, double per_second) {
  std::printf("{\"benchmark\": \"%s\", \"isa\": \"%s\", \"candidates\": %d, \"size\": %d, \"maps_per_second\": %.0f}\n", what, isa_name(isa), nodes - 1,
              size, per_second);
}

void require_equal(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::abs(a[i] - b[i]) <= 1e-5f * std::abs(b[i])) continue;
    std::fprintf(stderr, "a kernel is wrong: pixel %zu is %g instead of %g\n", i, static_cast<double>(a[i]), static_cast<double>(b[i]));
    std::exit(1);
  }
}

void measure_rows(int nodes, int size) {
  using Choose = detail::RowKernel (*)(int, int*);
  const std::vector<std::pair<Isa, Choose>> kernels{
      {Isa::portable, detail::portable_kernel}, {Isa::avx2, detail::avx2_kernel}, {Isa::avx512, detail::avx512_kernel}};
  Environments expected(nodes, size), environments(nodes, size);
  expected.draw(detail::careful_rows, size);
  for (const auto& [isa, choose] : kernels) {
    const std::vector<Isa> supported = supported_isas();
    if (std::find(supported.begin(), supported.end(), isa) == supported.end()) continue;
    int width = 0;
    const detail::RowKernel kernel = choose(size, &width);
    environments.draw(kernel, width);
    if (width == size) require_equal(environments.out, expected.out);
    report("rows alone", isa, nodes, size, 20 * kBatch / median_seconds([&] {
      for (int i = 0; i < 20; ++i) environments.draw(kernel, width);
    }, 31));
  }
}

// Neighbours, maps and all, of a face-centred crystal with noise of 6 % of the nearest distance.
void measure_all(int nodes, int size) {
  std::mt19937_64 random(0);
  std::normal_distribution<double> noise(0.0, 0.06 * std::sqrt(0.5));
  const int cells = 16;
  std::vector<double> positions;
  for (int i = 0; i < 2 * cells; ++i)
    for (int j = 0; j < 2 * cells; ++j)
      for (int k = 0; k < 2 * cells; ++k)
        if ((i + j + k) % 2 == 0)
          for (const int x : {i, j, k}) positions.push_back(0.5 * x + noise(random));
  const double edge = cells;
  const Box box{{edge, 0, 0, 0, edge, 0, 0, 0, edge}, {true, true, true}};
  const NeighborSearch search(positions.data(), positions.size() / 3, box);
  const std::vector<std::int64_t> order(search.spatial_order().begin(), search.spatial_order().end());
  std::vector<float> out(kBatch * size * size);
  const MapOptions options{.size = size, .candidates = nodes - 1};
  for (const Isa isa : supported_isas()) {
    const double seconds = median_seconds([&] {
      for (std::size_t i = 0; i < order.size(); i += kBatch)
        neighbors_maps(search, options, {}, order.data() + i, std::min(kBatch, order.size() - i), out.data(), 1, isa);
    }, 5);
    report("search and maps", isa, nodes, size, static_cast<double>(order.size()) / seconds);
  }
}

}  // namespace

int main() {
  for (const auto& [nodes, size] : {std::pair{64, 32}, std::pair{96, 48}}) {
    measure_rows(nodes, size);
    measure_all(nodes, size);
  }
}
