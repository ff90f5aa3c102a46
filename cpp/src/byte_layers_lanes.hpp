// Layers of the 8-bit network with one output per lane of a vector: four bytes of input are copied to all lanes and multiplied with the weights of as many
// outputs. Sums of several atoms and several vectors of outputs stay in registers, so that each weight and each input loaded is used several times.
// Included once per instruction set by a file that defines MDLENS_LANES, MDLENS_LAYERS, Pixel and the arithmetic of one vector.
#pragma once

#include "byte_layers.hpp"
#include "sorting_networks.hpp"

namespace mdlens::detail {
namespace {

constexpr int kGroup = 4 / sizeof(Pixel);

MDLENS_INLINE Ints load_weights(const Pixel* from) {
  Ints values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}

MDLENS_INLINE Reals load_reals(const float* from) {
  Reals values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}

// The same four bytes in every lane.
MDLENS_INLINE Ints spread(const Pixel* from) {
  std::int32_t four;
  __builtin_memcpy(&four, from, sizeof four);
  return Ints{} + four;
}

// Sums of one patch: [atom][vector].
template <int Atoms, int Vectors>
MDLENS_INLINE void add_products(const LayerTask& task, const Pixel* input, const Pixel* weights, Ints* sums) {
  unroll<Atoms * Vectors>([&](auto i) __attribute__((always_inline)) { sums[i] = Ints{}; });
  const std::ptrdiff_t stride = task.input_stride;
  for (int run = 0; run < task.runs; ++run, input += task.run_stride) {
    for (int at = 0; at < task.run_length; at += kGroup, weights += Vectors * kLanes * kGroup) {
      Ints weight[Vectors];
      unroll<Vectors>([&](auto v) __attribute__((always_inline)) { weight[v] = load_weights(weights + v * kLanes * kGroup); });
      unroll<Atoms>([&](auto atom) __attribute__((always_inline)) {
        const Ints pixels = spread(input + at + atom * stride);
        unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
          sums[atom * Vectors + v] = dot(sums[atom * Vectors + v], pixels, weight[v]);
        });
      });
    }
  }
}

// What leaves one tile: where its first output goes, and the scale and bias of its outputs.
struct Tile {
  const float *scale, *bias;
  std::ptrdiff_t output;
};

template <int Atoms, int Vectors>
MDLENS_INLINE void finish(const LayerTask& task, const Tile& tile, int first_atom, const Ints* sums) {
  Reals values[Atoms * Vectors];
  unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
    const Reals scale = load_reals(tile.scale + v * kLanes), bias = load_reals(tile.bias + v * kLanes);
    unroll<Atoms>([&](auto atom) __attribute__((always_inline)) {
      values[atom * Vectors + v] = __builtin_convertvector(sums[atom * Vectors + v], Reals) * scale + bias;
    });
  });
  if (task.last) {
    float* out = static_cast<float*>(task.output) + tile.output;
    unroll<Atoms * Vectors>([&](auto i) __attribute__((always_inline)) {
      const Reals kept = values[i] > 0 ? values[i] : Reals{};
      __builtin_memcpy(out + (first_atom + i / Vectors) * std::ptrdiff_t{task.output_stride} + i % Vectors * kLanes, &kept, sizeof kept);
    });
  } else {
    Pixel* out = static_cast<Pixel*>(task.output) + tile.output + first_atom * std::ptrdiff_t{task.output_stride};
    store_pixels<Atoms, Vectors>(values, out, task.output_stride);
  }
}

template <int Atoms, int Vectors>
void run_tile(const LayerTask& task, const Pixel* input, const Pixel* weights, const Tile& tile) {
  for (int atom = 0; atom < kBlock; atom += Atoms) {
    Ints sums[Atoms * Vectors];
    add_products<Atoms, Vectors>(task, input + atom * std::ptrdiff_t{task.input_stride}, weights, sums);
    finish<Atoms, Vectors>(task, tile, atom, sums);
  }
}

void run_layer(const LayerTask& task) {
  const std::ptrdiff_t inputs = std::ptrdiff_t{task.runs} * task.run_length;
  const Pixel* weights = static_cast<const Pixel*>(task.weights);
  std::ptrdiff_t output = 0;
  for (int row = 0; row < task.patch_rows; ++row) {
    for (int column = 0; column < task.patch_columns; ++column) {
      const Pixel* input = static_cast<const Pixel*>(task.input) + row * std::ptrdiff_t{task.row_stride} + column * std::ptrdiff_t{task.column_stride};
      for (int done = 0; done < task.outputs;) {
        const int vectors = tile_vectors(task.outputs - done);
        choose_tile(vectors)(task, input, weights, {task.scale + output, task.bias + output, output});
        done += vectors * kLanes;
        output += vectors * kLanes;
        weights += inputs * vectors * kLanes;
      }
    }
  }
}

}  // namespace

LayerKernel MDLENS_LAYERS() { return {run_layer, sizeof(Pixel), kLanes, tile_vectors}; }

}  // namespace mdlens::detail
