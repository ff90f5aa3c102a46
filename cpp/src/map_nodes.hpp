// What a Neighbors Map is drawn of: an atom's candidates, how many rows they give, and where they lie in units of the local length.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mdlens/neighbors_map.hpp"
#include "neighbors_map_rows.hpp"
#include "surroundings.hpp"

namespace mdlens::detail {

constexpr int kLengthNeighbors = 14;  // of the local length, where the options do not say
constexpr double kFloor = 0.05;       // shortest distance, in local lengths: atoms on top of each other give a large, finite pixel

inline bool tied(double smaller2, double larger2) { return larger2 <= smaller2 * (1 + double{kTie}); }

// One per thread and used for one atom after the other, so that its buffers are reused.
class MapNodes {
 public:
  MapNodes(const NeighborSearch& search, const MapOptions& options, const MapWeights& weights) : search_(search), options_(options), weights_(weights) {}

  // Finds, orders and places the nodes of an atom; false if there is nothing to draw.
  bool look(std::size_t atom) {
    if (!find_candidates(atom)) return false;
    order_candidates();
    place_nodes(atom);
    return true;
  }

  // Nodes, the atom itself among them, and the rows to be computed: one for each node up to the size, and for those tied with the last of them.
  int nodes() const { return nodes_; }
  int rows() const { return rows_; }
  bool tied_rows() const { return tied_rows_; }
  double length() const { return length_ * found_.unit; }
  int group(int row) const { return group_[row]; }  // the run of tied distances it belongs to

  // By node, with kPadding more at kFar.
  const float* x() const { return x_.data(); }
  const float* y() const { return y_.data(); }
  const float* z() const { return z_.data(); }
  const std::int32_t* kind() const { return kind_.data(); }

  // From the atom to node k > 0, in local lengths.
  float distance(int k) const { return static_cast<float>(std::sqrt(distance2(k - 1)) / length_); }

 private:
  double floor2() const { return kFloor * kFloor * length_ * length_; }
  double distance2(std::size_t candidate) const { return std::max(double{found_.distance2[candidate]}, floor2()); }
  std::int32_t kind_of(std::size_t atom) const { return weights_.kinds > 1 ? weights_.kind[atom] : 0; }

  // The candidates by distance and the local length (in units of found_.unit); false if there is nothing to draw.
  bool find_candidates(std::size_t atom) {
    const auto scale = static_cast<std::size_t>(options_.scale_neighbors > 0 ? options_.scale_neighbors : kLengthNeighbors);
    const bool with_index = weights_.kinds > 1;
    if (options_.candidates == 0) {
      search_.within(atom, options_.cutoff * std::sqrt(1 + double{kTie}), close_);
      to_surroundings(close_, true, with_index, found_);
      return measure_length(scale);
    }
    const auto wanted = static_cast<std::size_t>(options_.candidates);
    const std::size_t least = std::max(wanted, scale) + 1;
    for (std::size_t asked = least;; asked = found_.count + least / 2 + 8) {
      search_.surroundings(atom, asked, with_index, found_);
      if (!measure_length(scale)) return false;
      std::size_t kept = std::min(wanted, found_.count);
      while (kept < found_.count && tied(distance2(kept - 1), distance2(kept))) ++kept;
      if (kept == found_.count && tied(distance2(kept - 1), std::max(double{found_.complete2}, floor2()))) continue;  // the tie may go on
      found_.count = kept;
      return true;
    }
  }

  bool measure_length(std::size_t scale) {
    const std::size_t count = std::min(scale, found_.count);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += std::sqrt(double{found_.distance2[i]});
    length_ = count ? sum / static_cast<double>(count) : 0.0;
    return length_ > 0;
  }

  // By (distance, kind), and how many rows are to be computed: one for each node up to the size, and for those tied with the last of them.
  void order_candidates() {
    const std::size_t count = found_.count, lines = std::min(count, static_cast<std::size_t>(options_.size) - 1);
    std::size_t rows = lines;
    tied_rows_ = false;
    group_.resize(count + 1);
    for (std::size_t begin = 0, end; begin < lines; begin = end) {
      for (end = begin + 1; end < count && tied(distance2(end - 1), distance2(end));) ++end;
      std::fill(group_.begin() + begin + 1, group_.begin() + end + 1, static_cast<int>(begin));
      if (end - begin == 1) continue;
      tied_rows_ = true;
      rows = std::max(rows, end);
      if (weights_.kinds > 1) sort_by_kind(begin, end);
    }
    nodes_ = static_cast<int>(count) + 1;
    rows_ = static_cast<int>(rows) + 1;
  }

  void sort_by_kind(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin + 1; i < end; ++i)
      for (std::size_t j = i; j > begin && kind_of(found_.index[j]) < kind_of(found_.index[j - 1]); --j) {
        for (auto* values : {&found_.x, &found_.y, &found_.z, &found_.distance2}) std::swap((*values)[j], (*values)[j - 1]);
        std::swap(found_.index[j], found_.index[j - 1]);
      }
  }

  void place_nodes(std::size_t atom) {
    const std::size_t padded = static_cast<std::size_t>(nodes_ + kPadding);
    for (auto* axis : {&x_, &y_, &z_}) {
      axis->resize(padded);
      std::fill(axis->begin() + nodes_, axis->end(), kFar);
    }
    kind_.resize(padded);
    x_[0] = y_[0] = z_[0] = 0;
    kind_[0] = kind_of(atom);
    const double inverse = 1 / length_;
    for (std::size_t i = 0; i < found_.count; ++i) {
      x_[i + 1] = static_cast<float>(found_.x[i] * inverse);
      y_[i + 1] = static_cast<float>(found_.y[i] * inverse);
      z_[i + 1] = static_cast<float>(found_.z[i] * inverse);
      kind_[i + 1] = weights_.kinds > 1 ? kind_of(found_.index[i]) : 0;
    }
  }

  const NeighborSearch& search_;
  const MapOptions& options_;
  const MapWeights& weights_;
  Surroundings found_;
  std::vector<Neighbor> close_;  // within a cutoff
  std::vector<float> x_, y_, z_;
  std::vector<std::int32_t> kind_;
  std::vector<int> group_;
  double length_ = 0;
  int nodes_ = 0, rows_ = 0;
  bool tied_rows_ = false;
};

}  // namespace mdlens::detail
