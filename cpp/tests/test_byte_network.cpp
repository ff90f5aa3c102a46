// Byte maps and 8-bit networks of every instruction set against their definitions; mostly so that sanitizers see all the ways there are.
#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "mdlens/byte_network.hpp"

namespace {

using namespace mdlens;

struct System {
  std::vector<double> positions;
  Box box;
  std::size_t size() const { return positions.size() / 3; }
  NeighborSearch search() const { return NeighborSearch(positions.data(), size(), box); }
};

System random_system(std::size_t atoms, bool periodic, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> coordinate(0.0, 8.0);
  System system{std::vector<double>(3 * atoms), {{8, 0, 0, 0, 8, 0, 0, 0, 8}, {periodic, periodic, periodic}}};
  for (double& x : system.positions) x = coordinate(random);
  return system;
}

System simple_cubic(int cells) {
  const double edge = cells;
  System system{{}, {{edge, 0, 0, 0, edge, 0, 0, 0, edge}, {true, true, true}}};
  for (int i = 0; i < cells * cells * cells; ++i)
    for (const int x : {i % cells, i / cells % cells, i / cells / cells}) system.positions.push_back(x);
  return system;
}

std::vector<std::int64_t> everyone(const System& system) {
  std::vector<std::int64_t> atoms(system.size());
  for (std::size_t i = 0; i < atoms.size(); ++i) atoms[i] = static_cast<std::int64_t>(i);
  return atoms;
}

std::vector<std::uint8_t> draw(const System& system, const MapOptions& options, Isa isa) {
  const auto atoms = everyone(system);
  std::vector<std::uint8_t> maps(atoms.size() * options.size * options.size, 1);
  byte_maps(system.search(), options, {}, atoms.data(), atoms.size(), maps.data(), 2, isa);
  return maps;
}

std::vector<std::uint8_t> defined(const System& system, const MapOptions& options) {
  const auto atoms = everyone(system);
  std::vector<float> maps(atoms.size() * options.size * options.size);
  neighbors_maps(system.search(), options, {}, atoms.data(), atoms.size(), maps.data(), 1, Isa::portable);
  std::vector<std::uint8_t> bytes;
  for (const float pixel : maps)
    bytes.push_back(pixel > 0 ? static_cast<std::uint8_t>(std::clamp(std::rint(88.0f * (3.45f - 1 / std::sqrt(pixel))), 0.0f, 255.0f)) : 0);
  return bytes;
}

void maps_agree_with_the_definition() {
  for (const int size : {7, 16, 32, 48, 64})
    for (const int candidates : {size / 2, size, 2 * size - 1, 3 * size})
      for (const System& system : {random_system(60, true, 1), random_system(60, false, 2), random_system(3, false, 3), simple_cubic(3)}) {
        const MapOptions options{.size = size, .candidates = candidates};
        const auto expected = defined(system, options);
        for (const Isa isa : supported_isas()) CHECK(draw(system, options, isa) == expected);
      }
}

// Layers with weights of their own, as a network takes them.
struct Layers {
  std::vector<std::unique_ptr<std::vector<std::int8_t>>> weights;
  std::vector<std::unique_ptr<std::vector<float>>> factors;
  std::vector<ByteLayer> layers;

  void add(int height, int width, int patches, int inputs, int outputs) {
    std::mt19937_64 random(layers.size());
    const auto sums = static_cast<std::size_t>(patches) * outputs;
    weights.push_back(std::make_unique<std::vector<std::int8_t>>(sums * inputs));
    for (auto& weight : *weights.back()) weight = static_cast<std::int8_t>(random() % 256 - 128);
    factors.push_back(std::make_unique<std::vector<float>>(sums, 0.01f / std::sqrt(static_cast<float>(inputs))));
    factors.push_back(std::make_unique<std::vector<float>>(sums, 50.0f));
    layers.push_back({height, width, patches, outputs, inputs, weights.back()->data(), factors[factors.size() - 2]->data(), factors.back()->data()});
  }
};

float sum_of(const ByteLayer& layer, const std::vector<int>& image, int columns, int channels, int patch, int output) {
  const int across = columns / layer.width, top = patch / across * layer.height, left = patch % across * layer.width;
  const std::int8_t* weight = layer.weights + (patch * layer.outputs + output) * layer.inputs;
  int sum = 0;
  for (int row = 0; row < layer.height; ++row)
    for (int column = 0; column < layer.width; ++column)
      for (int c = 0; c < channels; ++c) sum += *weight++ * image[((top + row) * columns + left + column) * channels + c];
  const float product = static_cast<float>(sum) * layer.scale[patch * layer.outputs + output];
  return product + layer.bias[patch * layer.outputs + output];
}

std::vector<float> defined(const Layers& given, std::vector<int> image, int columns) {
  std::vector<float> values;
  int channels = 1;
  for (const ByteLayer& layer : given.layers) {
    values.clear();
    for (int patch = 0; patch < layer.patches; ++patch)
      for (int output = 0; output < layer.outputs; ++output) values.push_back(sum_of(layer, image, columns, channels, patch, output));
    image.clear();
    for (float& value : values) image.push_back(static_cast<int>(std::clamp(std::rint(value), 0.0f, 255.0f)));
    columns /= layer.width;
    channels = layer.outputs;
  }
  for (float& value : values) value = std::max(value, 0.0f);
  return values;
}

void check_network(int size, const Layers& given) {
  const ByteNetwork network(size, given.layers);
  std::mt19937_64 random(1);
  const std::size_t count = 30, pixels = static_cast<std::size_t>(size) * size;
  std::vector<std::uint8_t> maps(count * pixels);
  for (auto& byte : maps) byte = static_cast<std::uint8_t>(random() % 256);
  for (const Isa isa : supported_isas()) {
    std::vector<float> out(count * network.embedding());
    network.run(maps.data(), count, out.data(), 2, isa);
    for (std::size_t i = 0; i < count; ++i) {
      const auto expected = defined(given, {maps.begin() + i * pixels, maps.begin() + (i + 1) * pixels}, size);
      CHECK(std::equal(expected.begin(), expected.end(), out.begin() + i * network.embedding()));
    }
  }
}

Layers three_layers() {
  Layers layers;
  layers.add(4, 4, 16, 16, 32);
  layers.add(2, 2, 4, 128, 64);
  layers.add(2, 2, 1, 256, 48);
  return layers;
}

void networks_agree_with_the_definition() {
  check_network(16, three_layers());
  Layers gathered;
  gathered.add(3, 5, 15, 15, 16);
  gathered.add(5, 3, 1, 240, 112);
  check_network(15, gathered);
}

void embeddings_are_those_of_the_maps() {
  const Layers layers = three_layers();
  const ByteNetwork network(16, layers.layers);
  const MapOptions options{.size = 16, .candidates = 31};
  for (const System& system : {random_system(100, true, 4), random_system(10, false, 5), simple_cubic(3)}) {
    const auto atoms = everyone(system);
    for (const Isa isa : supported_isas()) {
      std::vector<float> out(atoms.size() * network.embedding()), expected(out.size());
      const auto enough = std::make_unique<bool[]>(atoms.size());
      embed(system.search(), options, {}, network, atoms.data(), atoms.size(), out.data(), enough.get(), 2, isa);
      network.run(draw(system, options, isa).data(), atoms.size(), expected.data(), 1, isa);
      CHECK(out == expected);
      for (std::size_t i = 0; i < atoms.size(); ++i) CHECK(enough[i] == (atoms.size() > 16));
    }
  }
}

void wrong_networks_are_refused() {
  const Layers layers = three_layers();
  CHECK_THROWS(ByteNetwork(20, layers.layers), std::invalid_argument);
  CHECK_THROWS(ByteNetwork(16, {}), std::invalid_argument);
  const ByteNetwork network(16, layers.layers);
  const System system = simple_cubic(3);
  const std::int64_t atom = 0;
  float out[48];
  bool enough = false;
  CHECK_THROWS(embed(system.search(), {.size = 32}, {}, network, &atom, 1, out, &enough, 1, Isa::automatic), std::invalid_argument);
}

}  // namespace

int main() {
  maps_agree_with_the_definition();
  networks_agree_with_the_definition();
  embeddings_are_those_of_the_maps();
  wrong_networks_are_refused();
}
