// Byte maps with one row per byte of a vector. Distances are computed for 16 rows at a time, rounded to bytes and put side by side, one vector per node;
// sorting then takes two instructions per comparator for all rows at once. Compiled with its own flags, called only where the processor has them.
//
// Groups of 16 rows are put side by side by packing, which interleaves them: row 16 g + 4 q + j stands at byte 16 q + 4 g + j until the map is written.
#ifdef __AVX512BW__
#include <immintrin.h>

#include "byte_rows.hpp"
#include "sorting_networks.hpp"

namespace mdlens::detail {
namespace {

// Per group of rows: what makes four multiplications of x, y, z and the square of a node the scaled squared distance to it.
template <int Groups>
struct Rows {
  __m512 scale[Groups], x[Groups], y[Groups], z[Groups], rest[Groups], least[Groups], top[Groups];
};

// Rows that are not there have scale 0 and a top of 0, which makes all their bytes 0.
template <int Groups>
MDLENS_INLINE void load_rows(const ByteTask& task, Rows<Groups>& rows) {
  const __m512 quarter = _mm512_set1_ps(0.25f * task.levels * task.levels), top = _mm512_set1_ps(task.reach * task.levels);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int g = 0; g < Groups; ++g) {
    const int at = 16 * g;
    const __mmask16 there = _mm512_cmplt_epi32_mask(lane, _mm512_set1_epi32(task.rows - at));
    rows.scale[g] = _mm512_maskz_div_ps(there, quarter, _mm512_loadu_ps(task.alpha + at));
    const __m512 twice = _mm512_mul_ps(rows.scale[g], _mm512_set1_ps(-2.0f));
    rows.x[g] = _mm512_mul_ps(twice, _mm512_loadu_ps(task.x + at));
    rows.y[g] = _mm512_mul_ps(twice, _mm512_loadu_ps(task.y + at));
    rows.z[g] = _mm512_mul_ps(twice, _mm512_loadu_ps(task.z + at));
    rows.rest[g] = _mm512_mul_ps(rows.scale[g], _mm512_loadu_ps(task.square + at));
    rows.least[g] = _mm512_mask_mul_ps(_mm512_set1_ps(1.0f), there, rows.scale[g], _mm512_set1_ps(task.floor2));
    rows.top[g] = _mm512_maskz_mov_ps(there, top);
  }
}

// top - sqrt(4 s) as integers: an estimate of the inverse root to 14 bits and one Newton step. The scale holds the 4, as that saves a multiplication.
template <int Groups>
MDLENS_INLINE __m512i levels(const Rows<Groups>& rows, int g, __m512 x, __m512 y, __m512 z, __m512 square) {
  if (g >= Groups) return _mm512_setzero_si512();
  __m512 s = _mm512_fmadd_ps(rows.scale[g], square, rows.rest[g]);
  s = _mm512_fmadd_ps(rows.x[g], x, s);
  s = _mm512_fmadd_ps(rows.y[g], y, s);
  s = _mm512_fmadd_ps(rows.z[g], z, s);
  s = _mm512_max_ps(s, rows.least[g]);
  const __m512 inverse = _mm512_rsqrt14_ps(s), root = _mm512_mul_ps(s, inverse);
  const __m512 correction = _mm512_fnmadd_ps(root, inverse, _mm512_set1_ps(3.0f));
  return _mm512_cvtps_epi32(_mm512_fnmadd_ps(root, correction, rows.top[g]));
}

// The bytes of the nodes begin .. begin + 16 Groups - 1. A node's distance to itself becomes 0, which comes last.
template <int Groups>
MDLENS_INLINE void load_nodes(const ByteTask& task, const Rows<Groups>& rows, int begin, __m512i* bytes) {
  for (int i = 0; i < 16 * Groups; ++i) {
    const int node = begin + i;
    const __m512 x = _mm512_set1_ps(task.x[node]), y = _mm512_set1_ps(task.y[node]), z = _mm512_set1_ps(task.z[node]);
    const __m512 square = _mm512_set1_ps(task.square[node]);
    const __m512i low = _mm512_packs_epi32(levels(rows, 0, x, y, z, square), levels(rows, 1, x, y, z, square));
    const __m512i high = Groups > 2 ? _mm512_packs_epi32(levels(rows, 2, x, y, z, square), levels(rows, 3, x, y, z, square)) : low;
    bytes[i] = _mm512_packus_epi16(low, high);
  }
  if (begin > 0) return;
  for (int i = 0; i < 16 * Groups; ++i) {
    const int place = 16 * (i % 16 / 4) + 4 * (i / 16) + i % 4;
    bytes[i] = _mm512_mask_mov_epi8(bytes[i], __mmask64{1} << place, _mm512_setzero_si512());
  }
}

MDLENS_INLINE void exchange(__m512i& a, __m512i& b) {
  const __m512i first = _mm512_max_epu8(a, b);
  b = _mm512_min_epu8(a, b);
  a = first;
}

template <const auto& Network, int Count>
MDLENS_INLINE void run_network(__m512i* bytes) {
  unroll<Count>([&](auto step) __attribute__((always_inline)) { exchange(bytes[Network.pairs[step].a], bytes[Network.pairs[step].b]); });
}

// The Width largest of two sorted blocks, sorted.
template <int Width>
MDLENS_INLINE void merge_blocks(__m512i* best, const __m512i* block) {
  unroll<Width>([&](auto i) __attribute__((always_inline)) { best[i] = _mm512_max_epu8(best[i], block[Width - 1 - i]); });
  run_network<kMerger<Width>, count_half_cleaners(Width)>(best);
}

template <int Groups>
MDLENS_INLINE void write_columns(const ByteTask& task, const __m512i* bytes) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  for (int column = 0; column < 16 * Groups; ++column)  // what is written too far is overwritten by the next column
    _mm512_storeu_si512(task.out + column * 16 * Groups, _mm512_permutexvar_epi32(order, bytes[column]));
}

template <int Groups>
void draw(const ByteTask& task) {
  constexpr int Width = 16 * Groups;
  Rows<Groups> rows;
  load_rows(task, rows);
  __m512i best[Width];
  load_nodes(task, rows, 0, best);
  run_network<kSorter<Width>, count_batcher(Width)>(best);
  for (int begin = Width; begin < task.nodes; begin += Width) {
    __m512i block[Width];
    load_nodes(task, rows, begin, block);
    run_network<kSorter<Width>, count_batcher(Width)>(block);
    merge_blocks<Width>(best, block);
  }
  write_columns<Groups>(task, best);
}

}  // namespace

ByteRowKernel byte_rows_avx512(int size) {
  switch (size) {
    case 16: return draw<1>;
    case 32: return draw<2>;
    case 48: return draw<3>;
    case 64: return draw<4>;
    default: return nullptr;
  }
}

}  // namespace mdlens::detail
#endif
