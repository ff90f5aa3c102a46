// Makes float Neighbors Maps one after the other.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "map_nodes.hpp"

namespace mdlens::detail {

struct Kernel {
  RowKernel rows;
  int width;
};

// The row kernel of an instruction set; throws std::invalid_argument if this processor lacks it. Isa::automatic becomes the fastest there is.
Kernel choose_kernel(int size, Isa isa);
Isa resolve_isa(Isa isa);

// Throw std::invalid_argument for options that make no sense and std::out_of_range for a wrong atom.
void check_map(const MapOptions& options, const MapWeights& weights);
void check_atoms(const NeighborSearch& search, const std::int64_t* atoms, std::size_t count);

inline void apply_power(float* values, int count, float exponent) {
  for (int i = 0; i < count; ++i) values[i] = std::pow(values[i], exponent);
}

// values[i]^(-1/3) for normal positive values: an estimate from the exponent's bits, then three Newton steps (relative error 3 %, 2e-3, 1e-5, rounding).
inline void inverse_cube_roots(const float* values, int count, float* out) {
  for (int i = 0; i < count; ++i) {
    float y = std::bit_cast<float>(0x54a21d2au - std::bit_cast<std::uint32_t>(values[i]) / 3);
    for (int step = 0; step < 3; ++step) y *= (4.0f - values[i] * y * y * y) * (1.0f / 3.0f);
    out[i] = y;
  }
}

// One per thread, so that its buffers are reused.
class MapBuilder {
 public:
  MapBuilder(const NeighborSearch& search, const MapOptions& options, const MapWeights& weights, Kernel kernel)
      : around_(search, options, weights), options_(options), weights_(weights), kernel_(kernel), ones_(static_cast<std::size_t>(weights.channels), 1.0f) {}

  MapNodes& nodes() { return around_; }
  const MapNodes& nodes() const { return around_; }

  void build(std::size_t atom, float* out) {
    if (around_.look(atom)) {
      draw(out);
    } else {
      std::fill_n(out, static_cast<std::size_t>(weights_.channels) * options_.size * options_.size, 0.0f);
    }
  }

  // The map of what was looked at last.
  void draw(float* out) {
    const int size = options_.size;
    nodes_ = around_.nodes();
    rows_ = around_.rows();
    scale_rows();
    const bool in_place = kernel_.width == size && nodes_ > size && rows_ == size && !around_.tied_rows();
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
  float weight(std::int32_t kind, int channel) const { return weights_.table ? weights_.table[kind * weights_.channels + channel] : 1.0f; }

  // Everything that multiplies a row as a whole: d_0k^(-1/beta), the node's weight, and the unit when distances are absolute.
  void scale_rows() {
    const auto padded = static_cast<std::size_t>(rows_ + kPadding);
    distance_.assign(padded, 1.0f);
    alpha_.resize(padded);
    for (int k = 1; k < rows_; ++k) distance_[k] = around_.distance(k);
    if (options_.beta == 3.0) {
      inverse_cube_roots(distance_.data(), rows_, alpha_.data());
    } else {
      for (int k = 0; k < rows_; ++k) alpha_[k] = static_cast<float>(std::pow(double{distance_[k]}, -1 / options_.beta));
    }
    alpha_[0] = 1.0f;
    const bool absolute = options_.scale_neighbors == 0;
    const auto unit = static_cast<float>(absolute ? std::pow(around_.length(), -options_.gamma - 1 / options_.beta) : 1.0);
    const auto unit0 = static_cast<float>(absolute ? std::pow(around_.length(), -options_.gamma) : 1.0);
    scale_.resize(padded * static_cast<std::size_t>(weights_.channels));
    for (int c = 0; c < weights_.channels; ++c) {
      float* scale = scale_.data() + c * padded;
      const float common = weights_.kinds == 1 ? weight(0, c) : 1.0f;
      for (int k = 0; k < rows_; ++k) scale[k] = alpha_[k] * (k ? unit : unit0) * weight(around_.kind()[k], c) * common;
    }
  }

  // Writes all rows of the first channel, then of the next.
  void compute_rows(float* out) {
    stride_ = kernel_.width;
    channel_stride_ = rows_ * kernel_.width;
    scratch_.resize(static_cast<std::size_t>(nodes_ + kPadding) * kPadding);
    const bool weighted = weights_.kinds > 1;
    kernel_.rows({.x = around_.x(), .y = around_.y(), .z = around_.z(), .kind = around_.kind(), .weights = weighted ? weights_.table : ones_.data(),
                  .scale = scale_.data(), .nodes = nodes_, .rows = rows_, .size = options_.size, .channels = weights_.channels,
                  .kinds = weights_.kinds, .scale_stride = rows_ + kPadding, .floor2 = static_cast<float>(kFloor * kFloor),
                  .half_gamma = static_cast<float>(options_.gamma / 2), .power = options_.gamma == 2.0 ? nullptr : apply_power,
                  .careful = careful_row, .scratch = scratch_.data(), .out = out, .channel_stride = channel_stride_,
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
    if (!around_.tied_rows()) return;
    for (int begin = 1, k = 2; k < rows_; ++k) {
      if (around_.group(k) != around_.group(begin) || around_.kind()[k] != around_.kind()[begin]) begin = k;
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

  MapNodes around_;
  const MapOptions& options_;
  const MapWeights& weights_;
  Kernel kernel_;
  std::vector<float> distance_, alpha_, scale_, scratch_, rows_buffer_, ones_;
  std::vector<int> order_;  // the rows as they end up
  int nodes_ = 0, rows_ = 0, stride_ = 0, channel_stride_ = 0;
};

}  // namespace mdlens::detail
