#include "mdlens/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "mdlens/parallel.hpp"

namespace mdlens {

namespace {

constexpr std::size_t kGrain = 512;  // atoms a thread takes at a time: many cells, and short against the whole

// Calls body(atom) for all atoms, neighbours in space one after the other.
template <class Body>
void for_each_atom(const NeighborSearch& search, int threads, const Body& body) {
  const auto& order = search.spatial_order();
  parallel_for(order.size(), kGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    std::vector<Neighbor> found;
    for (std::size_t s = begin; s < end; ++s) body(static_cast<std::size_t>(order[s]), found);
  });
}

}  // namespace

void count_pairs(const NeighborSearch& search, double cutoff, int threads, std::int64_t* counts) {
  for_each_atom(search, threads, [&](std::size_t atom, std::vector<Neighbor>&) {
    counts[atom] = static_cast<std::int64_t>(search.count_within(atom, cutoff));
  });
}

void fill_pairs(const NeighborSearch& search, double cutoff, int threads, const std::int64_t* starts, const PairColumns& columns) {
  for_each_atom(search, threads, [&](std::size_t atom, std::vector<Neighbor>& found) {
    search.within(atom, cutoff, found);
    auto row = static_cast<std::size_t>(starts[atom]);
    for (const Neighbor& neighbor : found) {
      columns.i[row] = static_cast<std::int64_t>(atom);
      columns.j[row] = neighbor.index;
      std::copy(neighbor.shift.begin(), neighbor.shift.end(), columns.shift + 3 * row);
      std::copy(neighbor.vector.begin(), neighbor.vector.end(), columns.vector + 3 * row);
      columns.distance[row] = std::sqrt(neighbor.distance2);
      ++row;
    }
  });
}

void fill_vectors(const NeighborSearch& search, std::size_t k, const std::int64_t* atoms, std::size_t count, int threads, float* vectors) {
  for (std::size_t i = 0; i < count; ++i)
    if (atoms[i] < 0 || atoms[i] >= static_cast<std::int64_t>(search.size())) throw std::out_of_range("there is no atom " + std::to_string(atoms[i]));
  constexpr float nowhere = std::numeric_limits<float>::infinity();
  parallel_for(count, 64, threads, [&](std::size_t begin, std::size_t end, int) {
    Surroundings found;
    for (std::size_t i = begin; i < end; ++i) {
      search.surroundings(static_cast<std::size_t>(atoms[i]), k, false, found);
      const auto unit = static_cast<float>(found.unit);
      float* row = vectors + i * k * 3;
      for (std::size_t l = 0; l < k; ++l) {
        const bool there = l < found.count;
        *row++ = there ? found.x[l] * unit : nowhere;
        *row++ = there ? found.y[l] * unit : nowhere;
        *row++ = there ? found.z[l] * unit : nowhere;
      }
    }
  });
}

void fill_nearest(const NeighborSearch& search, std::size_t k, int threads, const NearestColumns& columns) {
  for_each_atom(search, threads, [&](std::size_t atom, std::vector<Neighbor>& found) {
    search.nearest(atom, k, found);
    found.resize(k, {std::numeric_limits<double>::infinity(), {}, -1, {}});
    for (std::size_t l = 0; l < k; ++l) {
      const std::size_t row = atom * k + l;
      columns.index[row] = found[l].index;
      std::copy(found[l].shift.begin(), found[l].shift.end(), columns.shift + 3 * row);
      std::copy(found[l].vector.begin(), found[l].vector.end(), columns.vector + 3 * row);
      columns.distance[row] = std::sqrt(found[l].distance2);
    }
  });
}

}  // namespace mdlens
