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

// Per group of rows: where they are, and what takes a squared distance d^2 to its level: top - factor * 2 d.
template <int Groups>
struct Rows {
  __m512 x[Groups], y[Groups], z[Groups], factor[Groups], top[Groups];
  __m512 least, edge;  // the shortest squared distance, and how far from a whole level a value may lie that is rounded here
};

// Rows that are not there have a factor and a top of 0, which makes all their bytes 0.
//
// What is computed here and what `byte_of_pair` computes differ by less than 16 roundings of the largest number on the way, which is the top.
template <int Groups>
MDLENS_INLINE void load_rows(const ByteTask& task, Rows<Groups>& rows) {
  const float highest = task.reach * task.levels;
  const __m512 half = _mm512_set1_ps(0.5f * task.levels);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  rows.least = _mm512_set1_ps(task.floor2);
  rows.edge = _mm512_set1_ps(0.5f - 0x1p-20f * highest);
  for (int g = 0; g < Groups; ++g) {
    const int at = 16 * g;
    const __mmask16 there = _mm512_cmplt_epi32_mask(lane, _mm512_set1_epi32(task.rows - at));
    rows.x[g] = _mm512_loadu_ps(task.x + at);
    rows.y[g] = _mm512_loadu_ps(task.y + at);
    rows.z[g] = _mm512_loadu_ps(task.z + at);
    rows.factor[g] = _mm512_maskz_div_ps(there, half, _mm512_sqrt_ps(_mm512_loadu_ps(task.alpha + at)));
    rows.top[g] = _mm512_maskz_mov_ps(there, _mm512_set1_ps(highest));
  }
}

// Levels before they are rounded. The root is an estimate of the inverse root to 14 bits and one Newton step, which gives twice the root.
template <int Groups>
MDLENS_INLINE __m512 levels(const Rows<Groups>& rows, int g, __m512 x, __m512 y, __m512 z) {
  if (g >= Groups) return _mm512_setzero_ps();
  const __m512 dx = _mm512_sub_ps(rows.x[g], x), dy = _mm512_sub_ps(rows.y[g], y), dz = _mm512_sub_ps(rows.z[g], z);
  __m512 s = _mm512_mul_ps(dx, dx);
  s = _mm512_fmadd_ps(dy, dy, s);
  s = _mm512_fmadd_ps(dz, dz, s);
  s = _mm512_max_ps(s, rows.least);
  const __m512 inverse = _mm512_rsqrt14_ps(s), root = _mm512_mul_ps(s, inverse);
  const __m512 correction = _mm512_fnmadd_ps(root, inverse, _mm512_set1_ps(3.0f));
  return _mm512_fnmadd_ps(_mm512_mul_ps(root, rows.factor[g]), correction, rows.top[g]);
}

// The larger of two absolute values.
MDLENS_INLINE __m512 larger_size(__m512 a, __m512 b) { return _mm512_range_ps(a, b, 0b1011); }

// Does the pairs of a node again that lie so near the edge between two levels that it takes care to tell the side.
template <int Groups>
[[gnu::noinline]] void settle_edges(const ByteTask& task, const __m512* off, __m512 edge, int node, __m512i* bytes) {
  for (int g = 0; g < Groups; ++g)
    for (unsigned left = _mm512_cmp_ps_mask(_mm512_abs_ps(off[g]), edge, _CMP_GE_OQ); left; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      if (16 * g + lane < task.rows) reinterpret_cast<std::uint8_t*>(bytes)[16 * (lane / 4) + 4 * g + lane % 4] = byte_of_pair(task, 16 * g + lane, node);
    }
}

// The bytes of the nodes begin .. begin + 16 Groups - 1. A node's distance to itself becomes 0, which comes last.
template <int Groups>
MDLENS_INLINE void load_nodes(const ByteTask& task, const Rows<Groups>& rows, int begin, __m512i* bytes) {
  for (int i = 0; i < 16 * Groups; ++i) {
    const int node = begin + i;
    const __m512 x = _mm512_set1_ps(task.x[node]), y = _mm512_set1_ps(task.y[node]), z = _mm512_set1_ps(task.z[node]);
    __m512 level[4], off[4];
    __m512i whole[4];
    for (int g = 0; g < 4; ++g) {
      level[g] = levels(rows, g, x, y, z);
      whole[g] = _mm512_cvtps_epi32(level[g]);
      off[g] = _mm512_reduce_ps(level[g], 0);
    }
    bytes[i] = _mm512_packus_epi16(_mm512_packs_epi32(whole[0], whole[1]), _mm512_packs_epi32(whole[2], whole[3]));
    const __m512 largest = larger_size(larger_size(off[0], off[1]), larger_size(off[2], off[3]));
    if (_mm512_cmp_ps_mask(largest, rows.edge, _CMP_GE_OQ)) [[unlikely]] settle_edges<Groups>(task, off, rows.edge, node, bytes + i);
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
