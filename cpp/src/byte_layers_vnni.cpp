// Compiled with its own flags (see CMakeLists.txt), called only where the processor has the instructions.
#ifdef __AVX512VNNI__
#include <immintrin.h>

#include "byte_layers.hpp"
#include "sorting_networks.hpp"

namespace mdlens::detail {
namespace {

constexpr int kLanes = 16;
using Pixel = std::uint8_t;
using Reals [[gnu::vector_size(64)]] = float;
using Ints [[gnu::vector_size(64)]] = std::int32_t;

// Four bytes without sign times four with: exact, as nothing saturates.
MDLENS_INLINE Ints dot(Ints sum, Ints pixels, Ints weights) { return (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)pixels, (__m512i)weights); }

MDLENS_INLINE __m512i rounded(Reals value) { return _mm512_cvtps_epi32(_mm512_min_ps((__m512)value, _mm512_set1_ps(255.0f))); }

// Four vectors become one of bytes, which belong to one, two or four atoms. What is negative is raised to 0 by packing.
template <int Atoms, int Vectors>
MDLENS_INLINE void store_pixels(const Reals* values, Pixel* out, std::ptrdiff_t stride) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  constexpr int parts = 4 / Vectors;
  unroll<Atoms / parts>([&](auto i) __attribute__((always_inline)) {
    const Reals* four = values + 4 * i;
    const __m512i low = _mm512_packs_epi32(rounded(four[0]), rounded(four[1])), high = _mm512_packs_epi32(rounded(four[2]), rounded(four[3]));
    const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high));
    Pixel* to = out + i * parts * stride;
    if constexpr (Vectors == 4) {
      _mm512_storeu_si512(to, bytes);
    } else if constexpr (Vectors == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(bytes));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + stride), _mm512_extracti64x4_epi64(bytes, 1));
    } else {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(bytes));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + stride), _mm512_extracti32x4_epi32(bytes, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 2 * stride), _mm512_extracti32x4_epi32(bytes, 2));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 3 * stride), _mm512_extracti32x4_epi32(bytes, 3));
    }
  });
}

struct Tile;
template <int Atoms, int Vectors>
void run_tile(const LayerTask& task, const Pixel* input, const Pixel* weights, const Tile& tile);
using RunTile = void (*)(const LayerTask&, const Pixel*, const Pixel*, const Tile&);

int tile_vectors(int outputs_left) { return outputs_left >= 64 ? 4 : outputs_left >= 32 ? 2 : 1; }

// Always 24 sums, of the 32 registers.
RunTile choose_tile(int vectors) { return vectors == 4 ? run_tile<6, 4> : vectors == 2 ? run_tile<12, 2> : run_tile<24, 1>; }

}  // namespace
}  // namespace mdlens::detail

#define MDLENS_LAYERS vnni_layers
#include "byte_layers_lanes.hpp"
#endif
