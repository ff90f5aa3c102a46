// The arithmetic of the 8-bit network with pixels and weights widened to 16 bits, in vectors of MDLENS_LANES 32-bit sums: exact as well, since the sum of
// two products of 16-bit numbers that came from 8 bits fits by far.
#pragma once

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "byte_layers.hpp"
#include "sorting_networks.hpp"

namespace mdlens::detail {
namespace {

constexpr int kLanes = MDLENS_LANES;
using Pixel = std::int16_t;
using Reals [[gnu::vector_size(4 * kLanes)]] = float;
using Ints [[gnu::vector_size(4 * kLanes)]] = std::int32_t;
using Shorts [[gnu::vector_size(2 * kLanes)]] = std::int16_t;

// sum + the products of both 16-bit halves of each lane.
MDLENS_INLINE Ints dot(Ints sum, Ints pixels, Ints weights) {
#if defined(__AVX2__)
  return sum + (Ints)_mm256_madd_epi16((__m256i)pixels, (__m256i)weights);
#elif defined(__SSE2__)
  return sum + (Ints)_mm_madd_epi16((__m128i)pixels, (__m128i)weights);
#else
  return sum + (pixels << 16 >> 16) * (weights << 16 >> 16) + (pixels >> 16) * (weights >> 16);
#endif
}

// Adding 1.5 2^23 to a number between 0 and 255 rounds it to the nearest integer.
MDLENS_INLINE Shorts rounded(Reals value) {
  const Reals integral = Reals{} + 12582912.0f, most = Reals{} + 255.0f;
  value = value > 0 ? value : Reals{};
  value = value < most ? value : most;
  return __builtin_convertvector((Ints)(value + integral) & 255, Shorts);
}

template <int Atoms, int Vectors>
MDLENS_INLINE void store_pixels(const Reals* values, Pixel* out, std::ptrdiff_t stride) {
  unroll<Atoms * Vectors>([&](auto i) __attribute__((always_inline)) {
    const Shorts pixels = rounded(values[i]);
    __builtin_memcpy(out + i / Vectors * stride + i % Vectors * kLanes, &pixels, sizeof pixels);
  });
}

struct Tile;
template <int Atoms, int Vectors>
void run_tile(const LayerTask& task, const Pixel* input, const Pixel* weights, const Tile& tile);
using RunTile = void (*)(const LayerTask&, const Pixel*, const Pixel*, const Tile&);

int tile_vectors(int) { return 2; }

// Twelve sums, of the 16 registers.
RunTile choose_tile(int) { return run_tile<6, 2>; }

}  // namespace
}  // namespace mdlens::detail

#include "byte_layers_lanes.hpp"
