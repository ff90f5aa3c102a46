// Neighbour search over any cell: found once, passed on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mdlens {

struct Box {
  std::array<double, 9> cell;  // cell vectors as rows
  std::array<bool, 3> periodic;
};

struct Neighbor {
  double distance2;
  std::array<double, 3> vector;  // from the central atom to the neighbour's image
  std::int32_t index;
  std::array<std::int32_t, 3> shift;  // image = position[index] + shift . cell, for positions as given (not wrapped)
};

// The atoms around one, one array per quantity, sorted by distance2. The arrays are longer than `count` by at least kSurroundingsPadding; what stands
// there is arbitrary, so a kernel may overwrite it and read past the end.
constexpr std::size_t kSurroundingsPadding = 64;
struct Surroundings {
  std::size_t count = 0;
  double unit = 1.0;  // the length in which everything below is given: a power of two, so that any unit of length fits floats
  float complete2 = 0.0f;  // every image whose squared distance is smaller is listed
  std::vector<float> x, y, z;       // from the central atom to the neighbour's image: a difference of doubles, right to about one part in 10^7
  std::vector<float> distance2;     // x^2 + y^2 + z^2, ascending
  std::vector<std::int32_t> index;  // of the neighbours; only if it was asked for
};

// Atoms sorted into cells of equal population, whatever the volume (see tree.hpp). Immutable once built, so any number of threads may query it; each
// thread remembers the surroundings of its last query, so that walking `spatial_order` is several times faster than jumping about.
class NeighborSearch {
 public:
  // Positions may lie anywhere; a cell vector that is not periodic may be zero. Throws std::invalid_argument for positions that are not finite or too
  // many cells away for a 32-bit shift, and for a periodic cell without volume. threads <= 0 means one per hardware thread; no answer depends on them.
  NeighborSearch(const double* positions, std::size_t n, const Box& box, int threads = 1);
  ~NeighborSearch();
  NeighborSearch(NeighborSearch&&) noexcept;

  std::size_t size() const;

  // An order of the atoms in which successive ones are close in space (cell by cell): walk it and caches stay warm.
  const std::vector<std::int32_t>& spatial_order() const;

  // All images with 0 <= |r| < cutoff but the atom itself (coincident other atoms count), sorted by (distance2, index, shift). Replaces `out`.
  void within(std::size_t atom, double cutoff, std::vector<Neighbor>& out) const;

  // How many neighbours `within` would find.
  std::size_t count_within(std::size_t atom, double cutoff) const;

  // The k nearest images, sorted likewise; fewer only when the system has no more. Replaces `out`.
  void nearest(std::size_t atom, std::size_t k, std::vector<Neighbor>& out) const;

  // The k nearest images (all there are, if the system has fewer) and perhaps some more: for kernels that draw an atom's surroundings and need neither
  // doubles nor shifts. No image that is left out is closer than the last one that is listed, and mostly there is a gap, up to `complete2`: so what is
  // tied with the k-th may be read off, unless the tie reaches `complete2`; then ask for more. How many come back beyond k depends on
  // earlier queries; the images themselves, their order and their bits (but for the unit) do not.
  void surroundings(std::size_t atom, std::size_t k, bool with_index, Surroundings& out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mdlens
