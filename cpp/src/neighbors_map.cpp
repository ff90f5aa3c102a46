#include "mdlens/neighbors_map.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "mdlens/parallel.hpp"
#include "neighbors_map_rows.hpp"

namespace mdlens {
namespace {

using detail::kPadding;
using detail::kTie;

constexpr int kLengthNeighbors = 14;      // of the local length, where the options do not say
constexpr double kFloor = 0.05;           // shortest distance, in local lengths: atoms on top of each other give a large, finite pixel
constexpr std::size_t kGrain = 64;        // atoms per piece of work: their maps stay in the second-level cache

struct Kernel {
  detail::RowKernel rows;
  int width;
};

bool tied(double smaller2, double larger2) { return larger2 <= smaller2 * (1 + double{kTie}); }

void apply_power(float* values, int count, float exponent) {
  for (int i = 0; i < count; ++i) values[i] = std::pow(values[i], exponent);
}

// values[i]^(-1/3) for normal positive values: an estimate from the exponent's bits, then three Newton steps (relative error 3 %, 2e-3, 1e-5, rounding).
void inverse_cube_roots(const float* values, int count, float* out) {
  for (int i = 0; i < count; ++i) {
    float y = std::bit_cast<float>(0x54a21d2au - std::bit_cast<std::uint32_t>(values[i]) / 3);
    for (int step = 0; step < 3; ++step) y *= (4.0f - values[i] * y * y * y) * (1.0f / 3.0f);
    out[i] = y;
  }
}

// Makes maps one after the other; one per thread, so that its buffers are reused.
class MapBuilder {
 public:
  MapBuilder(const NeighborSearch& search, const MapOptions& options, const MapWeights& weights, Kernel kernel)
      : search_(search), options_(options), weights_(weights), kernel_(kernel), ones_(static_cast<std::size_t>(weights.channels), 1.0f) {}

  void build(std::size_t atom, float* out) {
    const int size = options_.size;
    if (!find_candidates(atom)) {
      std::fill_n(out, static_cast<std::size_t>(weights_.channels) * size * size, 0.0f);
      return;
    }
    order_candidates();
    place_nodes(atom);
    scale_rows();
    const bool in_place = kernel_.width == size && nodes_ > size && rows_ == size && !tied_rows_;
    if (in_place) {
      compute_rows(out);
    } else {
      rows_buffer_.resize(static_cast<std::size_t>(weights_.channels) * rows_ * kernel_.width);
      compute_rows(rows_buffer_.data());
      sort_tied_rows();
      copy_rows(out);
    }
  }

 private:
  double floor2() const { return kFloor * kFloor * length_ * length_; }
  double distance2(std::size_t candidate) const { return std::max(found_[candidate].distance2, floor2()); }
  std::int32_t kind_of(std::size_t atom) const { return weights_.kinds > 1 ? weights_.kind[atom] : 0; }
  float weight(std::int32_t kind, int channel) const { return weights_.table ? weights_.table[kind * weights_.channels + channel] : 1.0f; }

  // The candidates by distance and the local length; false if there is nothing to draw.
  bool find_candidates(std::size_t atom) {
    const auto scale = static_cast<std::size_t>(options_.scale_neighbors > 0 ? options_.scale_neighbors : kLengthNeighbors);
    if (options_.candidates == 0) {
      search_.within(atom, options_.cutoff * std::sqrt(1 + double{kTie}), found_);
      return measure_length(scale);
    }
    const auto wanted = static_cast<std::size_t>(options_.candidates);
    const std::size_t least = std::max(wanted, scale) + 1;
    for (std::size_t asked = std::max(least, enough_);; asked += least / 2 + 8) {
      search_.nearest(atom, asked, found_);
      if (!measure_length(scale)) return false;
      std::size_t kept = std::min(wanted, found_.size());
      while (kept < found_.size() && tied(distance2(kept - 1), distance2(kept))) ++kept;
      if (kept == found_.size() && kept == asked) continue;  // the tie may go on
      enough_ = kept > wanted ? kept + 1 : 0;                // the next atom of a crystal needs as many
      found_.resize(kept);
      return true;
    }
  }

  bool measure_length(std::size_t scale) {
    const std::size_t count = std::min(scale, found_.size());
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += std::sqrt(found_[i].distance2);
    length_ = count ? sum / static_cast<double>(count) : 0.0;
    return length_ > 0;
  }

  // By (distance, kind), and how many rows are to be computed: one for each node up to the size, and for those tied with the last of them.
  void order_candidates() {
    const std::size_t count = found_.size(), lines = std::min(count, static_cast<std::size_t>(options_.size) - 1);
    std::size_t rows = lines;
    tied_rows_ = false;
    group_.resize(count + 1);
    for (std::size_t begin = 0, end; begin < lines; begin = end) {
      for (end = begin + 1; end < count && tied(distance2(end - 1), distance2(end));) ++end;
      std::fill(group_.begin() + begin + 1, group_.begin() + end + 1, static_cast<int>(begin));
      if (end - begin == 1) continue;
      tied_rows_ = true;
      rows = std::max(rows, end);
      if (weights_.kinds > 1)
        std::sort(found_.begin() + begin, found_.begin() + end, [&](const Neighbor& a, const Neighbor& b) { return kind_of(a.index) < kind_of(b.index); });
    }
    nodes_ = static_cast<int>(count) + 1;
    rows_ = static_cast<int>(rows) + 1;
  }

  void place_nodes(std::size_t atom) {
    const std::size_t padded = static_cast<std::size_t>(nodes_ + kPadding);
    for (auto* axis : {&x_, &y_, &z_}) {
      axis->resize(padded);
      std::fill(axis->begin() + nodes_, axis->end(), detail::kFar);
    }
    kind_.resize(padded);
    x_[0] = y_[0] = z_[0] = 0;
    kind_[0] = kind_of(atom);
    const double inverse = 1 / length_;
    for (std::size_t i = 0; i < found_.size(); ++i) {
      const auto& vector = found_[i].vector;
      x_[i + 1] = static_cast<float>(vector[0] * inverse);
      y_[i + 1] = static_cast<float>(vector[1] * inverse);
      z_[i + 1] = static_cast<float>(vector[2] * inverse);
      kind_[i + 1] = kind_of(found_[i].index);
    }
  }

  // Everything that multiplies a row as a whole: d_0k^(-1/beta), the node's weight, and the unit when distances are absolute.
  void scale_rows() {
    const auto padded = static_cast<std::size_t>(rows_ + kPadding);
    distance_.assign(padded, 1.0f);
    alpha_.resize(padded);
    for (int k = 1; k < rows_; ++k) distance_[k] = static_cast<float>(std::sqrt(distance2(k - 1)) / length_);
    if (options_.beta == 3.0) {
      inverse_cube_roots(distance_.data(), rows_, alpha_.data());
    } else {
      for (int k = 0; k < rows_; ++k) alpha_[k] = static_cast<float>(std::pow(double{distance_[k]}, -1 / options_.beta));
    }
    alpha_[0] = 1.0f;
    const bool absolute = options_.scale_neighbors == 0;
    const auto unit = static_cast<float>(absolute ? std::pow(length_, -options_.gamma - 1 / options_.beta) : 1.0);
    const auto unit0 = static_cast<float>(absolute ? std::pow(length_, -options_.gamma) : 1.0);
    scale_.resize(padded * static_cast<std::size_t>(weights_.channels));
    for (int c = 0; c < weights_.channels; ++c) {
      float* scale = scale_.data() + c * padded;
      const float common = weights_.kinds == 1 ? weight(0, c) : 1.0f;
      for (int k = 0; k < rows_; ++k) scale[k] = alpha_[k] * (k ? unit : unit0) * weight(kind_[k], c) * common;
    }
  }

  // Writes all rows of the first channel, then of the next.
  void compute_rows(float* out) {
    stride_ = kernel_.width;
    channel_stride_ = rows_ * kernel_.width;
    scratch_.resize(static_cast<std::size_t>(nodes_ + kPadding) * kPadding);
    const bool weighted = weights_.kinds > 1;
    kernel_.rows({.x = x_.data(), .y = y_.data(), .z = z_.data(), .kind = kind_.data(), .weights = weighted ? weights_.table : ones_.data(),
                  .scale = scale_.data(), .nodes = nodes_, .rows = rows_, .size = options_.size, .channels = weights_.channels,
                  .kinds = weights_.kinds, .scale_stride = rows_ + kPadding, .floor2 = static_cast<float>(kFloor * kFloor),
                  .half_gamma = static_cast<float>(options_.gamma / 2), .power = options_.gamma == 2.0 ? nullptr : apply_power,
                  .careful = detail::careful_row, .scratch = scratch_.data(), .out = out, .channel_stride = channel_stride_,
                  .row_stride = stride_});
  }

  // Whether tied row a comes before row b: the first pixel that differs by more than rounding is larger (a shorter distance).
  bool before(int a, int b) const {
    const int columns = std::min(options_.size, nodes_ - 1);
    for (int c = 0; c < weights_.channels; ++c) {
      const float* row_a = rows_buffer_.data() + c * channel_stride_ + a * stride_;
      const float* row_b = rows_buffer_.data() + c * channel_stride_ + b * stride_;
      for (int l = 0; l < columns; ++l)
        if (std::abs(row_a[l] - row_b[l]) > 2 * kTie * std::max(std::abs(row_a[l]), std::abs(row_b[l]))) return row_a[l] > row_b[l];
    }
    return false;
  }

  // Insertion sort: it ends whatever `before` says, and a comparison with a tolerance is no strict order.
  void sort_tied_rows() {
    order_.resize(static_cast<std::size_t>(rows_));
    for (int k = 0; k < rows_; ++k) order_[k] = k;
    if (!tied_rows_) return;
    for (int begin = 1, k = 2; k < rows_; ++k) {
      if (group_[k] != group_[begin] || kind_[k] != kind_[begin]) begin = k;
      for (int j = k; j > begin && before(order_[j], order_[j - 1]); --j) std::swap(order_[j], order_[j - 1]);
    }
  }

  void copy_rows(float* out) const {
    const int size = options_.size, lines = std::min(size, rows_), columns = std::min(size, nodes_ - 1);
    for (int c = 0; c < weights_.channels; ++c) {
      for (int k = 0; k < size; ++k, out += size) {
        const int filled = k < lines ? columns : 0;
        if (filled) std::copy_n(rows_buffer_.data() + c * channel_stride_ + order_[k] * stride_, filled, out);
        std::fill(out + filled, out + size, 0.0f);
      }
    }
  }

  const NeighborSearch& search_;
  const MapOptions& options_;
  const MapWeights& weights_;
  Kernel kernel_;
  std::vector<Neighbor> found_;
  std::vector<float> x_, y_, z_, distance_, alpha_, scale_, scratch_, rows_buffer_, ones_;
  std::vector<std::int32_t> kind_;
  std::vector<int> group_, order_;  // the run of tied distances a node belongs to; the rows as they end up
  double length_ = 0;
  std::size_t enough_ = 0;
  int nodes_ = 0, rows_ = 0, stride_ = 0, channel_stride_ = 0;
  bool tied_rows_ = false;
};

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

void check(const MapOptions& options, const MapWeights& weights) {
  require(options.size >= 1, "the size of a map must be at least 1");
  require(options.gamma > 0 && std::isfinite(options.gamma), "gamma must be positive");
  require(options.beta > 0 && std::isfinite(options.beta), "beta must be positive");
  require(options.candidates >= 0 && options.scale_neighbors >= 0, "numbers of neighbours must not be negative");
  require(options.candidates > 0 || (options.cutoff > 0 && std::isfinite(options.cutoff)), "give a number of candidates or a positive cutoff");
  require(weights.channels >= 1 && weights.kinds >= 1, "a map has at least one channel and atoms are of at least one kind");
  require(weights.kinds == 1 || (weights.table && weights.kind), "several kinds of atoms need a table of weights");
}

Kernel choose_kernel(const MapOptions& options, Isa isa) {
  const std::vector<Isa> supported = supported_isas();
  if (isa == Isa::automatic) isa = supported.back();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(), std::string("this processor has no ") + isa_name(isa));
  Kernel kernel{};
#ifdef __x86_64__
  if (isa == Isa::avx2) kernel.rows = detail::avx2_kernel(options.size, &kernel.width);
  if (isa == Isa::avx512) kernel.rows = detail::avx512_kernel(options.size, &kernel.width);
#endif
  if (isa == Isa::portable) kernel.rows = detail::portable_kernel(options.size, &kernel.width);
  return kernel.rows ? kernel : Kernel{detail::careful_rows, options.size};
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::portable: return "portable";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    default: return "automatic";
  }
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas{Isa::portable};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isas.push_back(Isa::avx2);
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw");
  if (avx512 && isas.back() == Isa::avx2) isas.push_back(Isa::avx512);
#endif
  return isas;
}

void neighbors_maps(const NeighborSearch& search, const MapOptions& options, const MapWeights& weights,
                    const std::int64_t* atoms, std::size_t count, float* out, int threads, Isa isa) {
  check(options, weights);
  for (std::size_t i = 0; i < count; ++i)
    if (atoms[i] < 0 || atoms[i] >= static_cast<std::int64_t>(search.size()))
      throw std::out_of_range("there is no atom " + std::to_string(atoms[i]) + " among " + std::to_string(search.size()));
  const Kernel kernel = choose_kernel(options, isa);
  const std::size_t stride = static_cast<std::size_t>(weights.channels) * options.size * options.size;
  const int workers = resolve_threads(threads, (count + kGrain - 1) / kGrain);
  std::vector<MapBuilder> builders(static_cast<std::size_t>(workers), MapBuilder(search, options, weights, kernel));
  parallel_for(count, kGrain, workers, [&](std::size_t begin, std::size_t end, int thread) {
    for (std::size_t i = begin; i < end; ++i) builders[thread].build(static_cast<std::size_t>(atoms[i]), out + i * stride);
  });
}

}  // namespace mdlens
