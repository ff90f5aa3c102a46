// What a Neighbors Map is drawn of: an atom's candidates, how many rows they give, and where they lie in units of the local length.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mdlens/neighbors_map.hpp"
#include "neighbors_map_rows.hpp"

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
  double length() const { return length_; }
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
  double distance2(std::size_t candidate) const { return std::max(found_[candidate].distance2, floor2()); }
  std::int32_t kind_of(std::size_t atom) const { return weights_.kinds > 1 ? weights_.kind[atom] : 0; }

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
      std::fill(axis->begin() + nodes_, axis->end(), kFar);
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

  const NeighborSearch& search_;
  const MapOptions& options_;
  const MapWeights& weights_;
  std::vector<Neighbor> found_;
  std::vector<float> x_, y_, z_;
  std::vector<std::int32_t> kind_;
  std::vector<int> group_;
  double length_ = 0;
  std::size_t enough_ = 0;
  int nodes_ = 0, rows_ = 0;
  bool tied_rows_ = false;
};

}  // namespace mdlens::detail
