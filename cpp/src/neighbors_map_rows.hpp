// What the row kernels of Neighbors Maps share. Plain data and no standard containers: some kernels are compiled for newer processors, and an inline
// function of the standard library emitted there could be the copy the linker keeps for everyone.
#pragma once

#include <cstdint>

namespace mdlens::detail {

// Squared distances that agree to this fraction count as equal.
constexpr float kTie = 1e-5f;

// Lanes and blocks of a kernel may reach this far beyond `nodes` or `rows`.
constexpr int kPadding = 64;

// Coordinate of the padding nodes: far from everything, its square still finite.
constexpr float kFar = 1e15f;

// Rows 0..rows-1 of one map before missing columns are cleared: out[c * channel_stride + k * row_stride + l].
struct RowTask {
  const float *x, *y, *z;     // nodes relative to node 0, in units of the local length; kPadding more at kFar
  const std::int32_t* kind;   // per node
  const float* weights;       // [kinds][channels]
  const float* scale;         // [channels][scale_stride]: everything that multiplies a row as a whole
  int nodes, rows, size, channels, kinds, scale_stride;
  float floor2;               // smaller squared distances are raised to this
  float half_gamma;           // pixel = scale * w * (1 / d^2)^half_gamma
  void (*power)(float* values, int count, float exponent);  // applied to 1 / d^2; nullptr when half_gamma is 1
  void (*careful)(const RowTask& task, int row);            // writes one row, every tie settled; lane kernels leave to it what they cannot settle
  float* scratch;             // room for (nodes + kPadding) * kPadding values
  float* out;
  int channel_stride, row_stride;
};

// Fills task.out. Columns from min(size, nodes - 1) to the width of the kernel are left with arbitrary values.
using RowKernel = void (*)(const RowTask& task);

// The RowTask::careful of this build, and a kernel that uses nothing else: any size, any number of kinds.
void careful_row(const RowTask& task, int row);
void careful_rows(const RowTask& task);

// The narrowest kernel at least `size` wide, or nullptr if there is none; `width` receives its width.
RowKernel portable_kernel(int size, int* width);
RowKernel avx2_kernel(int size, int* width);
RowKernel avx512_kernel(int size, int* width);

}  // namespace mdlens::detail
