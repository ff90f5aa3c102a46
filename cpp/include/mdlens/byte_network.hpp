// A network of 8-bit layers from byte maps to embeddings, and the whole way from positions to embeddings at once.
//
// An image (rows, columns, channels) of bytes starts as the map, (size, size, 1). Each layer cuts it into patches of (height, width) pixels, and every
// patch p has weights of its own: acc[p][o] = sum_i w[p][o][i] x[p][i] in 32-bit integers, i over (row, column, channel) within the patch, p over the
// patches row by row. The new image (rows / height, columns / width, outputs) is rint(acc scale[p][o] + bias[p][o]) between 0 and 255, rounded to even.
// The last layer gives max(0, acc scale + bias) as it is: the embedding. Sums are of integers and multiplication and addition are rounded one after the
// other, so the answer does not depend on the instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "mdlens/byte_map.hpp"

namespace mdlens {

struct ByteLayer {
  int height, width;            // of a patch
  int patches, outputs, inputs;
  const std::int8_t* weights;   // [patches][outputs][inputs]
  const float *scale, *bias;    // [patches][outputs]
};

class ByteNetwork {
 public:
  // Copies the layers. Throws std::invalid_argument if one does not fit the image before it, if outputs are no multiple of 16, if there are more than
  // 65 000 inputs to a patch (sums would not fit), or a scale or bias is not finite.
  ByteNetwork(int size, const std::vector<ByteLayer>& layers);
  ~ByteNetwork();
  ByteNetwork(ByteNetwork&&) noexcept;

  int size() const;
  int embedding() const;  // numbers per atom

  // Embeddings of maps[count][size][size], row by row, to out[count][embedding].
  void run(const std::uint8_t* maps, std::size_t count, float* out, int threads, Isa isa) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Embeddings of `count` atoms, to out[count][embedding], no map ever leaving the cache. enough[i] is false where the atom has fewer neighbours than a map has
// columns. Throws as byte_maps does, and std::invalid_argument if the sizes of map and network differ.
void embed(const NeighborSearch& search, const MapOptions& options, ByteScale scale, const ByteNetwork& network, const std::int64_t* atoms,
           std::size_t count, float* out, bool* enough, int threads, Isa isa);

}  // namespace mdlens
