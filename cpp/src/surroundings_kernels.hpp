// The inner loops of NeighborSearch::surroundings, for every instruction set this processor has.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mdlens/neighbors.hpp"

namespace mdlens {

// Kernels read and write whole vectors: arrays are this much longer than their contents.
constexpr std::size_t kVectorRoom = 64;

// A coordinate far from everything: its square is finite.
constexpr float kFarAway = 1e15f;

// Candidates about an origin, in a unit that suits floats. A coordinate is the sum of two floats, so that the difference of two coordinates is as right
// as the rounding of a float allows, however close the two are. After the last candidate come some that are far from everything.
struct Cloud {
  std::size_t size = 0;
  std::array<std::vector<float>, 3> whole, rest;
  std::vector<std::int32_t> atom;

  void make_room(std::size_t n);
  void close();  // puts the far ones at the end
};

struct Center {
  float whole[3], rest[3];
};

struct FloatBox {
  float low[3], high[3];
};

// What `pick` leaves for `arrange`; a kernel that compresses vectors fills the arrays, another the keys.
struct Picked {
  std::size_t count = 0;
  std::vector<float> x, y, z, distance2;
  std::vector<std::int32_t> atom;
  std::vector<std::uint64_t> keys, spare;  // (bits of distance2, number of the candidate)

  void make_room(std::size_t n);
};

// All versions give the same bits, in the same order: sorted by squared distance, equal ones as they stand in the cloud.
struct SurroundingsKernel {
  const char* name;
  // whole + rest = ((from - origin) + offset) * scale for n values.
  void (*place)(const double* from, std::size_t n, double origin, double offset, double scale, float* whole, float* rest);
  // Copies the candidates whose squared distance to the box is at most `reach2`, in order.
  void (*cull)(const Cloud& from, const FloatBox& box, float reach2, Cloud& to);
  // Finds the candidates whose squared distance is below `limit2`.
  void (*pick)(const Cloud& cloud, const Center& center, float limit2, bool with_index, Picked& picked);
  // Sorts what was picked; may leave out all but the `most` nearest.
  void (*arrange)(const Cloud& cloud, const Center& center, float limit2, std::size_t most, bool with_index, Picked& picked, Surroundings& out);
};

// The versions this processor can run, the fastest first; "portable" is always the last.
std::vector<SurroundingsKernel> available_surroundings_kernels();

}  // namespace mdlens
