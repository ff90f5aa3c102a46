// Makes byte maps one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "byte_rows.hpp"
#include "map_builder.hpp"
#include "mdlens/byte_map.hpp"

namespace mdlens::detail {

// Elementwise from the pixels of a float map; rounded as separate operations in single precision, so the same everywhere.
void bytes_of_pixels(const float* pixels, std::size_t count, ByteScale scale, std::uint8_t* bytes);

// out[column][row] = in[row][column], both size x size.
void transpose_bytes(const std::uint8_t* in, int size, std::uint8_t* out);

// Throws std::invalid_argument for a map that has no bytes.
void check_bytes(const MapOptions& options, ByteScale scale);

// One per thread, so that its buffers are reused.
class ByteMapBuilder {
 public:
  ByteMapBuilder(const NeighborSearch& search, const MapOptions& options, ByteScale scale, Isa isa);

  // Draws the map of an atom column by column: out[column][row] and kMapSlack bytes more. Tells whether no column is missing.
  bool build(std::size_t atom, std::uint8_t* out);

 private:
  void draw_rows(std::uint8_t* out);
  void draw_pixels(std::uint8_t* out);

  MapBuilder pixels_;
  ByteScale scale_;
  ByteRowKernel kernel_ = nullptr;
  int size_;
  std::vector<float> distance_, alpha_, map_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace mdlens::detail
