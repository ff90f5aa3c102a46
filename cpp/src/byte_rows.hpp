// What the kernels of byte maps share. Plain data and no standard containers, as in neighbors_map_rows.hpp.
#pragma once

#include <cstdint>

namespace mdlens::detail {

// Bytes that a kernel may write beyond the end of a map.
constexpr int kMapSlack = 64;

// One byte map: out[column * size + row] = rint(levels * (reach - d alpha^(-1/2))), at least 0 and at most 255.
struct ByteTask {
  const float *x, *y, *z;  // nodes relative to node 0, in units of the local length; kPadding more at kFar
  const float* alpha;      // per row, d_0k^(-1/3); any positive number in kPadding more
  int nodes, rows, size;
  float floor2;            // smaller squared distances are raised to this
  float reach, levels;
  std::uint8_t* out;       // kMapSlack more than size * size
};

using ByteRowKernel = void (*)(const ByteTask& task);

// A kernel that draws maps of this size, nullptr if there is none. Its bytes are those of `byte_of_pair`.
ByteRowKernel byte_rows_avx512(int size);

// One byte, by the operations of the float maps and of `bytes_of_pixels`, each rounded by itself: the same everywhere, to the last bit.
std::uint8_t byte_of_pair(const ByteTask& task, int row, int node);

}  // namespace mdlens::detail
