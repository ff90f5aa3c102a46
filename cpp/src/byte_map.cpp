#include "mdlens/byte_map.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "byte_builder.hpp"
#include "mdlens/parallel.hpp"

namespace mdlens {
namespace detail {
namespace {

constexpr MapWeights kOnes{};

ByteRowKernel choose_byte_rows(int size, Isa isa) {
#ifdef __x86_64__
  if (isa == Isa::avx512) return byte_rows_avx512(size);
#endif
  static_cast<void>(size), static_cast<void>(isa);
  return nullptr;
}

}  // namespace

void check_bytes(const MapOptions& options, ByteScale scale) {
  check_map(options, kOnes);
  if (options.gamma != 2.0 || options.beta != 3.0 || options.scale_neighbors == 0)
    throw std::invalid_argument("byte maps are scale-free, with gamma 2 and beta 3");
  const auto positive = [](float value) { return value > 0 && value <= 1e6f; };
  if (!positive(scale.reach) || !positive(scale.levels)) throw std::invalid_argument("reach and levels of byte maps must be positive and at most 1e6");
}

void transpose_bytes(const std::uint8_t* in, int size, std::uint8_t* out) {
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j) out[j * size + i] = in[i * size + j];
}

ByteMapBuilder::ByteMapBuilder(const NeighborSearch& search, const MapOptions& options, ByteScale scale, Isa isa)
    : pixels_(search, options, kOnes, choose_kernel(options.size, isa)), scale_(scale), kernel_(choose_byte_rows(options.size, resolve_isa(isa))),
      size_(options.size) {}

bool ByteMapBuilder::build(std::size_t atom, std::uint8_t* out) {
  MapNodes& around = pixels_.nodes();
  if (!around.look(atom)) {
    std::fill_n(out, static_cast<std::size_t>(size_) * size_, std::uint8_t{0});
    return false;
  }
  if (kernel_ != nullptr && !around.tied_rows()) {  // tied rows are ordered by their pixels, to a tolerance that bytes have not
    draw_rows(out);
  } else {
    draw_pixels(out);
  }
  return around.nodes() > size_;
}

void ByteMapBuilder::draw_rows(std::uint8_t* out) {
  const MapNodes& around = pixels_.nodes();
  distance_.assign(static_cast<std::size_t>(around.rows() + kPadding), 1.0f);
  alpha_.resize(distance_.size());
  for (int k = 1; k < around.rows(); ++k) distance_[k] = around.distance(k);
  inverse_cube_roots(distance_.data(), static_cast<int>(distance_.size()), alpha_.data());
  alpha_[0] = 1.0f;
  kernel_({.x = around.x(), .y = around.y(), .z = around.z(), .alpha = alpha_.data(), .nodes = around.nodes(), .rows = around.rows(),
           .size = size_, .floor2 = static_cast<float>(kFloor * kFloor), .reach = scale_.reach, .levels = scale_.levels, .out = out});
}

void ByteMapBuilder::draw_pixels(std::uint8_t* out) {
  const std::size_t count = static_cast<std::size_t>(size_) * size_;
  map_.resize(count);
  bytes_.resize(count);
  pixels_.draw(map_.data());
  bytes_of_pixels(map_.data(), count, scale_, bytes_.data());
  transpose_bytes(bytes_.data(), size_, out);
}

}  // namespace detail

void byte_maps(const NeighborSearch& search, const MapOptions& options, ByteScale scale, const std::int64_t* atoms, std::size_t count, std::uint8_t* out,
               int threads, Isa isa) {
  constexpr std::size_t grain = 64;
  detail::check_bytes(options, scale);
  detail::check_atoms(search, atoms, count);
  const std::size_t pixels = static_cast<std::size_t>(options.size) * options.size;
  const int workers = resolve_threads(threads, (count + grain - 1) / grain);
  std::vector<detail::ByteMapBuilder> builders(static_cast<std::size_t>(workers), detail::ByteMapBuilder(search, options, scale, isa));
  parallel_for(count, grain, workers, [&](std::size_t begin, std::size_t end, int thread) {
    std::vector<std::uint8_t> columns(pixels + detail::kMapSlack);
    for (std::size_t i = begin; i < end; ++i) {
      builders[thread].build(static_cast<std::size_t>(atoms[i]), columns.data());
      detail::transpose_bytes(columns.data(), options.size, out + i * pixels);
    }
  });
}

}  // namespace mdlens
