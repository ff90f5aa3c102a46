// Microseconds per atom (of processor time, one thread) from positions to embeddings in 8 bits, stage by stage, for each instruction set.
// cmake -S . -B build-bench -DMDLENS_BENCHMARKS=ON -DCMAKE_BUILD_TYPE=Release && cmake --build build-bench && build-bench/cpp/bench_byte_network
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../src/byte_builder.hpp"
#include "mdlens/byte_network.hpp"
#include "median_seconds.hpp"

namespace {

using namespace mdlens;

constexpr int kSize = 48;
constexpr std::size_t kPixels = kSize * kSize;

// A face-centred crystal with noise of 6 % of the nearest distance.
struct Crystal {
  std::vector<double> positions;
  double edge = 16;

  Crystal() {
    std::mt19937_64 random(0);
    std::normal_distribution<double> noise(0.0, 0.06 * std::sqrt(0.5));
    const int cells = static_cast<int>(2 * edge);
    for (int i = 0; i < cells; ++i)
      for (int j = 0; j < cells; ++j)
        for (int k = 0; k < cells; ++k)
          if ((i + j + k) % 2 == 0)
            for (const int x : {i, j, k}) positions.push_back(0.5 * x + noise(random));
  }
  NeighborSearch search() const { return NeighborSearch(positions.data(), positions.size() / 3, {{edge, 0, 0, 0, edge, 0, 0, 0, edge}, {true, true, true}}); }
};

struct Step {
  int height, width, outputs;
};

struct Plan {
  std::string name;
  std::vector<Step> steps;
  std::vector<std::vector<std::int8_t>> weights;
  std::vector<std::vector<float>> scale, bias;
  std::vector<ByteLayer> layers;
  double products = 0;

  Plan(Plan&&) = default;  // no copies: the layers point into it
  Plan(std::string title, std::vector<Step> given) : name(std::move(title)), steps(std::move(given)) {
    std::mt19937_64 random(0);
    int rows = kSize, columns = kSize, channels = 1;
    for (const Step& step : steps) {
      const int height = step.height ? step.height : rows, width = step.width ? step.width : columns;
      rows /= height, columns /= width;
      const int patches = rows * columns, inputs = height * width * channels, sums = patches * step.outputs;
      weights.emplace_back(static_cast<std::size_t>(sums) * inputs);
      for (auto& weight : weights.back()) weight = static_cast<std::int8_t>(random() % 255 - 127);
      scale.emplace_back(sums, 1.0f / (80.0f * std::sqrt(static_cast<float>(inputs))));
      bias.emplace_back(sums, 100.0f);
      layers.push_back({height, width, patches, step.outputs, inputs, weights.back().data(), scale.back().data(), bias.back().data()});
      products += static_cast<double>(sums) * inputs;
      channels = step.outputs;
    }
  }
};

void report(const std::string& stage, Isa isa, double seconds, std::size_t atoms, double products = 0) {
  std::printf("{\"benchmark\": \"byte network\", \"stage\": \"%s\", \"isa\": \"%s\", \"us_per_atom\": %.3f", stage.c_str(), isa_name(isa),
              1e6 * seconds / static_cast<double>(atoms));
  if (products > 0) std::printf(", \"products\": %.0f", products);
  std::printf("}\n");
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

#ifdef __x86_64__
// The kernel alone, on nodes of a normal distribution.
void measure_rows() {
  if (supported_isas().back() != Isa::avx512) return;
  constexpr std::size_t nodes = 96, padded = nodes + detail::kPadding, batch = 256;
  std::mt19937_64 random(0);
  std::normal_distribution<float> normal;
  std::vector<float> values(3 * batch * padded, detail::kFar), alpha(padded, 0.9f);
  for (std::size_t line = 0; line < 3 * batch; ++line)
    for (std::size_t i = 0; i < nodes; ++i) values[line * padded + i] = normal(random);
  std::vector<std::uint8_t> out(kPixels + detail::kMapSlack);
  const detail::ByteRowKernel kernel = detail::byte_rows_avx512(kSize);
  const double seconds = median_seconds([&] {
    for (int repeat = 0; repeat < 20; ++repeat)
      for (std::size_t b = 0; b < batch; ++b) {
        const float* x = values.data() + 3 * b * padded;
        kernel({.x = x, .y = x + padded, .z = x + 2 * padded, .alpha = alpha.data(), .nodes = nodes, .rows = kSize, .size = kSize, .floor2 = 0.0025f, .reach = 3.45f, .levels = 88.0f, .out = out.data()});
      }
  }, 21);
  report("kernel of byte maps alone, 95 candidates", Isa::avx512, seconds, 20 * batch);
}
#endif

void measure_network(const Plan& plan, const std::vector<std::uint8_t>& maps, std::size_t atoms) {
  const ByteNetwork network(kSize, plan.layers);
  std::vector<float> expected(atoms * network.embedding()), out(expected.size());
  network.run(maps.data(), atoms, expected.data(), 1, Isa::portable);
  for (const Isa isa : supported_isas()) {
    const double seconds = median_seconds([&] { network.run(maps.data(), atoms, out.data(), 1, isa); }, 7);
    require(out == expected, "instruction sets disagree about an embedding");
    report("network " + plan.name + " (and transposition)", isa, seconds, atoms, plan.products);
  }
}

}  // namespace

int main() {
#ifdef __x86_64__
  measure_rows();
#endif
  const Crystal crystal;
  const NeighborSearch search = crystal.search();
  const std::vector<std::int64_t> order(search.spatial_order().begin(), search.spatial_order().end());
  const MapOptions options{.size = kSize, .candidates = 95};
  const double searching = median_seconds([&] {
    Surroundings found;
    for (const std::int64_t atom : order) search.surroundings(static_cast<std::size_t>(atom), 96, false, found);
  }, 5);
  report("search for 96 nearest", Isa::automatic, searching, order.size());
  std::vector<std::uint8_t> maps(order.size() * kPixels), columns(kPixels + detail::kMapSlack);
  for (const Isa isa : supported_isas()) {
    const double seconds = median_seconds([&] {
      detail::ByteMapBuilder builder(search, options, {}, isa);
      for (const std::int64_t atom : order) builder.build(static_cast<std::size_t>(atom), columns.data());
    }, 5);
    report("search and byte maps", isa, seconds, order.size());
  }
  byte_maps(search, options, {}, order.data(), order.size(), maps.data(), 1, Isa::automatic);
  std::vector<Plan> plans;
  plans.emplace_back("4x4-32 2x2-64 all-64", std::vector<Step>{{4, 4, 32}, {2, 2, 64}, {0, 0, 64}});
  plans.emplace_back("8x8-64 all-192 all-64", std::vector<Step>{{8, 8, 64}, {0, 0, 192}, {0, 0, 64}});
  plans.emplace_back("8x8-64 2x2-64 all-64", std::vector<Step>{{8, 8, 64}, {2, 2, 64}, {0, 0, 64}});
  for (const Plan& plan : plans) {
    measure_network(plan, maps, 2400);
    const ByteNetwork network(kSize, plan.layers);
    std::vector<float> out(order.size() * network.embedding());
    const auto enough = std::make_unique<bool[]>(order.size());
    for (const Isa isa : supported_isas()) {
      const double seconds = median_seconds([&] { embed(search, options, {}, network, order.data(), order.size(), out.data(), enough.get(), 1, isa); }, 5);
      report("positions to embeddings " + plan.name, isa, seconds, order.size());
    }
  }
}
