// What the kernels of the 8-bit network share. Plain data and no standard containers, as in neighbors_map_rows.hpp.
//
// Inputs are taken four bytes at a time: four pixels of 8 bits where the processor multiplies those, two pixels widened to 16 bits elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mdlens::detail {

// Atoms that a kernel works on at once, so that weights are read once for all of them.
constexpr int kBlock = 24;

// One layer for kBlock images. A patch is a number of runs of consecutive pixels; strides count pixels.
struct LayerTask {
  const void* input;                 // kBlock images
  void* output;                      // kBlock images, [patch][output]: pixels, or floats where it is the last layer
  const void* weights;               // [patch][tile of outputs][run][pixels / group][vector of the tile][lane][group]
  const float *scale, *bias;         // [patch][output]
  int patch_rows, patch_columns;     // how many patches
  int row_stride, column_stride;     // from one patch to the next
  int runs, run_length, run_stride;  // within a patch; the length is a multiple of 4
  int outputs;                       // per patch, a multiple of 16
  int input_stride, output_stride;   // from one image to the next
  bool last;
};

struct LayerKernel {
  void (*run)(const LayerTask& task);
  int pixel_bytes;       // of its images: 1 or 2
  int lanes;             // outputs in one vector
  int (*vectors)(int outputs_left);  // of the next tile
};

LayerKernel portable_layers();
LayerKernel avx2_layers();
LayerKernel vnni_layers();

}  // namespace mdlens::detail
