#include "mdlens/byte_network.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "byte_builder.hpp"
#include "byte_layers.hpp"
#include "mdlens/parallel.hpp"

namespace mdlens {

using detail::kBlock;
using detail::LayerKernel;
using detail::LayerTask;

namespace {

constexpr std::size_t kGrain = 4 * kBlock;
constexpr int kMostInputs = 65000;  // 255 x 128 x this is below 2^31

struct Image {
  int rows, columns, channels;
};

// A cache line: vectors of these begin where one begins.
struct alignas(64) Line {
  std::uint8_t bytes[64];
};
using Memory = std::vector<Line>;

template <class T>
T* at(Memory& memory) {
  return reinterpret_cast<T*>(memory.data());
}

Memory allocate(std::size_t bytes) { return Memory((bytes + sizeof(Line) - 1) / sizeof(Line) + 1); }

// A layer as it was given, and where its inputs lie in the image before it.
struct Layer {
  LayerTask task;          // without pointers
  int patches, inputs, outputs;
  std::vector<int> order;  // the n-th input that a kernel reads is input order[n] of the patch; -1 for padding
  std::vector<std::int8_t> weights;
  std::vector<float> scale, bias;
};

// The weights as one kernel reads them.
struct Packed {
  LayerKernel kernel;
  std::vector<Memory> weights;
};

void require(bool condition, std::size_t layer, const std::string& message) {
  if (!condition) throw std::invalid_argument("layer " + std::to_string(layer) + " of the network: " + message);
}

void check_layer(const ByteLayer& given, const Image& image, std::size_t number) {
  require(given.height >= 1 && given.width >= 1 && image.rows % given.height == 0 && image.columns % given.width == 0, number,
          "patches of " + std::to_string(given.height) + " x " + std::to_string(given.width) + " do not divide an image of " +
              std::to_string(image.rows) + " x " + std::to_string(image.columns));
  const int patches = image.rows / given.height * (image.columns / given.width);
  const auto inputs = std::int64_t{given.height} * given.width * image.channels;
  require(given.patches == patches && given.inputs == inputs, number,
          "weights must be for " + std::to_string(patches) + " patches of " + std::to_string(inputs) + " inputs, got " + std::to_string(given.patches) +
              " of " + std::to_string(given.inputs));
  require(inputs <= kMostInputs, number, "at most " + std::to_string(kMostInputs) + " inputs to a patch, got " + std::to_string(inputs));
  require(given.outputs >= 16 && given.outputs % 16 == 0, number, "outputs must be a multiple of 16, got " + std::to_string(given.outputs));
  for (std::int64_t i = 0; i < std::int64_t{given.patches} * given.outputs; ++i)
    require(std::isfinite(given.scale[i]) && std::isfinite(given.bias[i]), number, "scales and biases must be finite");
}

Layer copy_layer(const ByteLayer& given) {
  Layer layer{};
  layer.patches = given.patches;
  layer.inputs = given.inputs;
  layer.outputs = layer.task.outputs = given.outputs;
  const std::size_t sums = static_cast<std::size_t>(given.patches) * given.outputs;
  layer.weights.assign(given.weights, given.weights + sums * given.inputs);
  layer.scale.assign(given.scale, given.scale + sums);
  layer.bias.assign(given.bias, given.bias + sums);
  return layer;
}

void join_runs(LayerTask& task) {
  if (task.run_length != task.run_stride) return;
  task.run_length *= task.runs;
  task.runs = 1;
}

// Columns of the map are what lies together in memory, so its patches are read column by column.
void place_first(Layer& layer, const ByteLayer& given, int size) {
  LayerTask& task = layer.task;
  task.row_stride = given.height;
  task.column_stride = given.width * size;
  task.runs = given.width;
  task.run_length = given.height;
  task.run_stride = size;
  for (int column = 0; column < given.width; ++column)
    for (int row = 0; row < given.height; ++row) layer.order.push_back(row * given.width + column);
}

// Patches that were put together before, each padded to whole groups of four.
void place_gathered(Layer& layer) {
  LayerTask& task = layer.task;
  const int padded = (layer.inputs + 3) / 4 * 4;
  task.column_stride = padded;
  task.row_stride = padded * task.patch_columns;
  task.runs = 1;
  task.run_length = task.run_stride = padded;
  for (int n = 0; n < padded; ++n) layer.order.push_back(n < layer.inputs ? n : -1);
}

void place_later(Layer& layer, const ByteLayer& given, const Image& image) {
  LayerTask& task = layer.task;
  task.column_stride = given.width * image.channels;
  task.run_stride = image.columns * image.channels;
  task.row_stride = given.height * task.run_stride;
  task.runs = given.height;
  task.run_length = task.column_stride;
  for (int n = 0; n < layer.inputs; ++n) layer.order.push_back(n);
}

// Weights in the order in which a kernel reads them (see LayerTask).
template <class Pixel>
Memory pack(const Layer& layer, const LayerKernel& kernel) {
  constexpr int group = 4 / sizeof(Pixel);
  const std::size_t inputs = layer.order.size();
  Memory memory = allocate(inputs * layer.patches * layer.outputs * sizeof(Pixel));
  Pixel* to = at<Pixel>(memory);
  for (int patch = 0; patch < layer.patches; ++patch) {
    const std::int8_t* from = layer.weights.data() + static_cast<std::size_t>(patch) * layer.outputs * layer.inputs;
    for (int first = 0, width; first < layer.outputs; first += width) {
      width = kernel.vectors(layer.outputs - first) * kernel.lanes;
      for (std::size_t n = 0; n < inputs; n += group)
        for (int output = first; output < first + width; ++output)
          for (int j = 0; j < group; ++j) {
            const int input = layer.order[n + j];
            *to++ = static_cast<Pixel>(input < 0 ? 0 : from[static_cast<std::size_t>(output) * layer.inputs + input]);
          }
    }
  }
  return memory;
}

std::vector<LayerKernel> supported_kernels() {
  std::vector<LayerKernel> kernels{detail::portable_layers()};
#ifdef __x86_64__
  const std::vector<Isa> isas = supported_isas();
  if (isas.size() > 1) kernels.push_back(detail::avx2_layers());
  if (isas.back() == Isa::avx512 && __builtin_cpu_supports("avx512vnni")) kernels.push_back(detail::vnni_layers());
#endif
  return kernels;
}

}  // namespace

struct ByteNetwork::Impl {
  int size = 0, embedding = 0;
  std::size_t widest = 0;     // pixels of the largest image
  bool gathers = false;       // whether the patches of the map are put together first
  std::vector<int> gathered;  // by pixel of that image, the pixel of the map column by column; -1 for padding
  std::vector<Layer> layers;
  std::vector<Packed> packed;  // slowest kernel first

  Impl(int map_size, const std::vector<ByteLayer>& given);
  void add(const ByteLayer& given, const Image& image, std::size_t number);
  void gather_patches(const ByteLayer& given);
  void link();
  const Packed& choose(Isa isa) const;
};

ByteNetwork::Impl::Impl(int map_size, const std::vector<ByteLayer>& given) : size(map_size) {
  if (size < 1 || size > 512) throw std::invalid_argument("the size of a map must be between 1 and 512");
  if (given.empty()) throw std::invalid_argument("a network has at least one layer");
  Image image{size, size, 1};
  for (std::size_t i = 0; i < given.size(); ++i) {
    add(given[i], image, i);
    image = {image.rows / given[i].height, image.columns / given[i].width, given[i].outputs};
  }
  embedding = image.rows * image.columns * image.channels;
  link();
  for (const LayerKernel& kernel : supported_kernels()) {
    packed.push_back({kernel, {}});
    for (const Layer& layer : layers) packed.back().weights.push_back(kernel.pixel_bytes == 1 ? pack<std::int8_t>(layer, kernel) : pack<std::int16_t>(layer, kernel));
  }
}

void ByteNetwork::Impl::add(const ByteLayer& given, const Image& image, std::size_t number) {
  check_layer(given, image, number);
  Layer layer = copy_layer(given);
  layer.task.patch_rows = image.rows / given.height;
  layer.task.patch_columns = image.columns / given.width;
  if (number > 0) {
    place_later(layer, given, image);
  } else if (given.height % 4 == 0) {
    place_first(layer, given, size);
  } else {
    place_gathered(layer);
    gather_patches(given);
  }
  join_runs(layer.task);
  layers.push_back(std::move(layer));
}

void ByteNetwork::Impl::gather_patches(const ByteLayer& given) {
  gathers = true;
  for (int row = 0; row < size; row += given.height)
    for (int column = 0; column < size; column += given.width) {
      for (int i = 0; i < given.height; ++i)
        for (int j = 0; j < given.width; ++j) gathered.push_back((column + j) * size + row + i);
      while (gathered.size() % 4 != 0) gathered.push_back(-1);
    }
}

// Strides from image to image.
void ByteNetwork::Impl::link() {
  int pixels = gathers ? static_cast<int>(gathered.size()) : size * size;
  widest = static_cast<std::size_t>(pixels);
  for (Layer& layer : layers) {
    layer.task.input_stride = pixels;
    pixels = layer.task.output_stride = layer.patches * layer.outputs;
    widest = std::max(widest, static_cast<std::size_t>(pixels));
  }
  layers.back().task.last = true;
}

const Packed& ByteNetwork::Impl::choose(Isa isa) const {
  const auto wanted = static_cast<std::size_t>(detail::resolve_isa(isa)) - static_cast<std::size_t>(Isa::portable);
  return packed[std::min(wanted, packed.size() - 1)];  // AVX-512 without byte products works with AVX2
}

namespace {

// Runs the layers for kBlock maps at a time; one per thread, so that its images are reused.
class Runner {
 public:
  Runner(const ByteNetwork::Impl& network, const Packed& packed)
      : network_(network), packed_(packed), maps_(allocate(kBlock * pixels() + detail::kMapSlack)) {
    for (Memory& image : images_) image = allocate(kBlock * network.widest * static_cast<std::size_t>(packed.kernel.pixel_bytes));
    result_ = allocate(kBlock * static_cast<std::size_t>(network.embedding) * sizeof(float));
  }

  // Where the map of one atom of the block goes, column by column. A map may spill kMapSlack bytes into the next: draw them in order.
  std::uint8_t* map(std::size_t atom) { return at<std::uint8_t>(maps_) + atom * pixels(); }

  // Embeddings of the first `count` maps.
  void run(std::size_t count, float* out) {
    const void* input = first_image();
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const Layer& layer = network_.layers[i];
      LayerTask task = layer.task;
      task.input = input;
      task.output = task.last ? static_cast<void*>(at<float>(result_)) : images_[(i + 1) % 2].data();
      task.weights = packed_.weights[i].data();
      task.scale = layer.scale.data();
      task.bias = layer.bias.data();
      packed_.kernel.run(task);
      input = task.output;
    }
    std::copy_n(at<float>(result_), count * network_.embedding, out);
  }

 private:
  std::size_t pixels() const { return static_cast<std::size_t>(network_.size) * network_.size; }

  const void* first_image() {
    if (packed_.kernel.pixel_bytes == 2) return prepare<std::int16_t>();
    return network_.gathers ? prepare<std::uint8_t>() : maps_.data();
  }

  // The maps in the pixels that the kernel reads, their patches put together where that is needed.
  template <class Pixel>
  const void* prepare() {
    const std::uint8_t* from = at<std::uint8_t>(maps_);
    Pixel* to = at<Pixel>(images_[0]);
    if (!network_.gathers) {
      std::copy_n(from, kBlock * pixels(), to);
    } else {
      for (int atom = 0; atom < kBlock; ++atom, from += pixels())
        for (const int pixel : network_.gathered) *to++ = static_cast<Pixel>(pixel < 0 ? 0 : from[pixel]);
    }
    return images_[0].data();
  }

  const ByteNetwork::Impl& network_;
  const Packed& packed_;
  Memory maps_, images_[2], result_;
};

std::size_t worker_count(int threads, std::size_t count) { return static_cast<std::size_t>(resolve_threads(threads, (count + kGrain - 1) / kGrain)); }

}  // namespace

ByteNetwork::ByteNetwork(int size, const std::vector<ByteLayer>& layers) : impl_(std::make_unique<Impl>(size, layers)) {}
ByteNetwork::~ByteNetwork() = default;
ByteNetwork::ByteNetwork(ByteNetwork&&) noexcept = default;

int ByteNetwork::size() const { return impl_->size; }
int ByteNetwork::embedding() const { return impl_->embedding; }

void ByteNetwork::run(const std::uint8_t* maps, std::size_t count, float* out, int threads, Isa isa) const {
  const Packed& packed = impl_->choose(isa);
  const auto pixels = static_cast<std::size_t>(size()) * size(), outputs = static_cast<std::size_t>(embedding());
  std::vector<Runner> runners(worker_count(threads, count), Runner(*impl_, packed));
  parallel_for(count, kGrain, static_cast<int>(runners.size()), [&](std::size_t begin, std::size_t end, int thread) {
    Runner& runner = runners[static_cast<std::size_t>(thread)];
    for (std::size_t first = begin; first < end; first += kBlock) {
      const std::size_t block = std::min<std::size_t>(kBlock, end - first);
      for (std::size_t i = 0; i < block; ++i) detail::transpose_bytes(maps + (first + i) * pixels, size(), runner.map(i));
      runner.run(block, out + first * outputs);
    }
  });
}

void embed(const NeighborSearch& search, const MapOptions& options, ByteScale scale, const ByteNetwork& network, const std::int64_t* atoms,
           std::size_t count, float* out, bool* enough, int threads, Isa isa) {
  detail::check_bytes(options, scale);
  detail::check_atoms(search, atoms, count);
  if (options.size != network.size())
    throw std::invalid_argument("the network reads maps of size " + std::to_string(network.size()) + ", got " + std::to_string(options.size));
  const Packed& packed = network.impl().choose(isa);
  const auto outputs = static_cast<std::size_t>(network.embedding());
  std::vector<Runner> runners(worker_count(threads, count), Runner(network.impl(), packed));
  std::vector<detail::ByteMapBuilder> builders(runners.size(), detail::ByteMapBuilder(search, options, scale, isa));
  parallel_for(count, kGrain, static_cast<int>(runners.size()), [&](std::size_t begin, std::size_t end, int thread) {
    Runner& runner = runners[static_cast<std::size_t>(thread)];
    for (std::size_t first = begin; first < end; first += kBlock) {
      const std::size_t block = std::min<std::size_t>(kBlock, end - first);
      for (std::size_t i = 0; i < block; ++i)
        enough[first + i] = builders[static_cast<std::size_t>(thread)].build(static_cast<std::size_t>(atoms[first + i]), runner.map(i));
      runner.run(block, out + first * outputs);
    }
  });
}

}  // namespace mdlens
