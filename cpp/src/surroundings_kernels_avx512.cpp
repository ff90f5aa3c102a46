// A key is the squared distance as a fixed-point number with the number of what was picked in its lowest bits. Keys stand in V vectors, key (lane, v)
// at place lane * V + v of the order to be: columns of V are sorted by Batcher's odd-even merge network within the lanes, then merged with the lanes
// next to them, 2, 4 and 8 away by bitonic merges (Knuth, The Art of Computer Programming, vol. 3, 5.2.2 and 5.3.4), so that most exchanges are
// between registers and none needs a transposition.
#include "surroundings_kernels_avx512.hpp"

#ifdef MDLENS_X86_SURROUNDINGS

#include <immintrin.h>

#include <algorithm>

#define MDLENS_TARGET [[gnu::target("avx512f,avx512vl,avx512dq,avx512bw,avx2,popcnt")]]
#define MDLENS_INLINE MDLENS_TARGET [[gnu::always_inline]] inline

namespace mdlens::avx512 {

namespace {

constexpr std::size_t kLanes = 16;

struct Vector3 {
  __m512 x, y, z;
};

MDLENS_INLINE __m512 square(const Vector3& v) {
  return _mm512_add_ps(_mm512_add_ps(_mm512_mul_ps(v.x, v.x), _mm512_mul_ps(v.y, v.y)), _mm512_mul_ps(v.z, v.z));
}

// Compressed in a register and stored whole: compressing stores are slow on some processors.
MDLENS_INLINE void keep(float* to, __mmask16 mask, __m512 values) { _mm512_storeu_ps(to, _mm512_maskz_compress_ps(mask, values)); }
MDLENS_INLINE void keep(std::int32_t* to, __mmask16 mask, const std::int32_t* from) {
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(mask, _mm512_loadu_si512(from)));
}

MDLENS_INLINE __m512 beyond(__m512 value, float low, float high) {
  const __m512 below = _mm512_sub_ps(_mm512_set1_ps(low), value), above = _mm512_sub_ps(value, _mm512_set1_ps(high));
  return _mm512_max_ps(_mm512_max_ps(below, above), _mm512_setzero_ps());
}

MDLENS_INLINE __m512 axis_difference(const Cloud& cloud, const Center& center, std::size_t d, std::size_t i) {
  return _mm512_add_ps(_mm512_sub_ps(_mm512_loadu_ps(cloud.whole[d].data() + i), _mm512_set1_ps(center.whole[d])),
                       _mm512_sub_ps(_mm512_loadu_ps(cloud.rest[d].data() + i), _mm512_set1_ps(center.rest[d])));
}

template <bool WithIndex>
MDLENS_INLINE void pick_vectors(const Cloud& cloud, const Center& center, float limit2, Picked& picked) {
  float *x = picked.x.data(), *y = picked.y.data(), *z = picked.z.data(), *distance2 = picked.distance2.data();
  std::int32_t* atom = picked.atom.data();
  const __m512 limit = _mm512_set1_ps(limit2);
  std::size_t found = 0;
  for (std::size_t i = 0; i < cloud.size; i += kLanes) {
    const Vector3 v{axis_difference(cloud, center, 0, i), axis_difference(cloud, center, 1, i), axis_difference(cloud, center, 2, i)};
    const __m512 d2 = square(v);
    const __mmask16 close = _mm512_cmp_ps_mask(d2, limit, _CMP_LT_OQ);
    keep(x + found, close, v.x);
    keep(y + found, close, v.y);
    keep(z + found, close, v.z);
    keep(distance2 + found, close, d2);
    if constexpr (WithIndex) keep(atom + found, close, cloud.atom.data() + i);
    found += static_cast<std::size_t>(__builtin_popcount(close));
  }
  picked.count = found;
}

MDLENS_INLINE void exchange(__m512i& a, __m512i& b) {
  const __m512i first = _mm512_min_epu32(a, b);
  b = _mm512_max_epu32(a, b);
  a = first;
}

// The keys of the lanes whose numbers differ by Step in every bit set there.
template <int Step>
MDLENS_INLINE __m512i from_lanes(__m512i keys) {
  if constexpr (Step == 1) return _mm512_shuffle_epi32(keys, _MM_PERM_CDAB);
  if constexpr (Step == 2) return _mm512_shuffle_epi32(keys, _MM_PERM_BADC);
  if constexpr (Step == 3) return _mm512_shuffle_epi32(keys, _MM_PERM_ABCD);
  if constexpr (Step == 4) return _mm512_shuffle_i32x4(keys, keys, 0b10110001);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  return _mm512_permutexvar_epi32(_mm512_xor_si512(lane, _mm512_set1_epi32(Step)), keys);
}

// Lanes with Upper set keep the larger key.
MDLENS_INLINE __m512i choose(__mmask16 upper, __m512i own, __m512i other) {
  return _mm512_mask_max_epu32(_mm512_min_epu32(own, other), upper, own, other);
}

constexpr __mmask16 lanes_with(int bit) {
  unsigned mask = 0;
  for (int lane = 0; lane < 16; ++lane)
    if (lane & bit) mask |= 1u << lane;
  return static_cast<__mmask16>(mask);
}

struct Exchange {
  int a, b;
};

template <int V>
struct ColumnNetwork {
  Exchange steps[4 * V];
  int count = 0;

  constexpr ColumnNetwork() : steps{} {
    for (int p = 1; p < V; p *= 2)
      for (int k = p; k >= 1; k /= 2)
        for (int j = k % p; j + k < V; j += 2 * k)
          for (int i = 0; i < k && i + j + k < V; ++i)
            if ((i + j) / (2 * p) == (i + j + k) / (2 * p)) steps[count++] = {i + j, i + j + k};
  }
};

template <int V>
constexpr ColumnNetwork<V> kColumns{};

// Loops over registers are written as recursion: every index is then a constant, whatever the compiler unrolls.
template <int V, int Step = 0>
MDLENS_INLINE void sort_columns(__m512i* keys) {
  if constexpr (Step < kColumns<V>.count) {
    exchange(keys[kColumns<V>.steps[Step].a], keys[kColumns<V>.steps[Step].b]);
    sort_columns<V, Step + 1>(keys);
  }
}

template <int V, int Step = V / 2, int I = 0>
MDLENS_INLINE void clean_columns(__m512i* keys) {
  if constexpr (I < V) {
    if constexpr (!(I & Step)) exchange(keys[I], keys[I + Step]);
    clean_columns<V, Step, I + 1>(keys);
  } else if constexpr (Step > 1) {
    clean_columns<V, Step / 2>(keys);
  }
}

// The first step of a merge: every key against its mirror image in the run of 2 * Half lanes.
template <int V, int Half, int I = 0>
MDLENS_INLINE void mirror_lanes(__m512i* keys) {
  if constexpr (I < V / 2) {
    const __m512i a = keys[I], b = keys[V - 1 - I];
    keys[I] = choose(lanes_with(Half), a, from_lanes<2 * Half - 1>(b));
    keys[V - 1 - I] = choose(lanes_with(Half), b, from_lanes<2 * Half - 1>(a));
    mirror_lanes<V, Half, I + 1>(keys);
  }
}

template <int V, int Step, int I = 0>
MDLENS_INLINE void clean_lanes(__m512i* keys) {
  if constexpr (I < V) {
    keys[I] = choose(lanes_with(Step), keys[I], from_lanes<Step>(keys[I]));
    clean_lanes<V, Step, I + 1>(keys);
  }
}

template <int V>
MDLENS_INLINE void sort_keys(__m512i* keys) {
  sort_columns<V>(keys);
  mirror_lanes<V, 1>(keys);
  clean_columns<V>(keys);
  mirror_lanes<V, 2>(keys);
  clean_lanes<V, 1>(keys);
  clean_columns<V>(keys);
  mirror_lanes<V, 4>(keys);
  clean_lanes<V, 2>(keys);
  clean_lanes<V, 1>(keys);
  clean_columns<V>(keys);
  mirror_lanes<V, 8>(keys);
  clean_lanes<V, 4>(keys);
  clean_lanes<V, 2>(keys);
  clean_lanes<V, 1>(keys);
  clean_columns<V>(keys);
}

MDLENS_INLINE __m512i pack_bytes(const __m512i* keys, __m512i mask) {
  const __m512i a = _mm512_and_si512(keys[0], mask), b = _mm512_slli_epi32(_mm512_and_si512(keys[1], mask), 8);
  const __m512i c = _mm512_slli_epi32(_mm512_and_si512(keys[2], mask), 16), d = _mm512_slli_epi32(keys[3], 24);
  return _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, _mm512_and_si512(d, _mm512_slli_epi32(mask, 24))));
}

MDLENS_INLINE void interleave_dwords(__m512i& a, __m512i& b) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i first = _mm512_permutex2var_epi32(a, low, b);
  b = _mm512_permutex2var_epi32(a, _mm512_add_epi32(low, _mm512_set1_epi32(8)), b);
  a = first;
}

MDLENS_INLINE void interleave_qwords(__m512i& a, __m512i& b) {
  const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
  const __m512i first = _mm512_permutex2var_epi64(a, low, b);
  b = _mm512_permutex2var_epi64(a, _mm512_add_epi64(low, _mm512_set1_epi64(4)), b);
  a = first;
}

// The numbers in the lowest bits of the sorted keys, one byte each, in order.
template <int V>
MDLENS_INLINE void write_numbers(const __m512i* keys, unsigned char* numbers) {
  const __m512i mask = _mm512_set1_epi32(V * static_cast<int>(kLanes) - 1);
  __m512i bytes[V / 4];
#pragma GCC unroll 4
  for (int i = 0; i < V / 4; ++i) bytes[i] = pack_bytes(keys + 4 * i, mask);
  if constexpr (V == 8) interleave_dwords(bytes[0], bytes[1]);
  if constexpr (V == 16) {
    interleave_dwords(bytes[0], bytes[1]);
    interleave_dwords(bytes[2], bytes[3]);
    interleave_qwords(bytes[0], bytes[2]);
    interleave_qwords(bytes[1], bytes[3]);
    std::swap(bytes[1], bytes[2]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < V / 4; ++i) _mm512_storeu_si512(numbers + 64 * i, bytes[i]);
}

template <int V>
MDLENS_INLINE void order_of(const Picked& picked, float limit2, unsigned char* numbers) {
  constexpr unsigned range = static_cast<unsigned>((std::uint64_t{1} << 32) / (V * kLanes));
  const __m512 scale = _mm512_set1_ps(static_cast<float>(range) / limit2);
  const __m512i most = _mm512_set1_epi32(static_cast<int>(range - 1)), factor = _mm512_set1_epi32(V * static_cast<int>(kLanes));
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i count = _mm512_set1_epi32(static_cast<int>(picked.count));
  __m512i keys[V];
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) {
    const __m512i number = _mm512_add_epi32(lane, _mm512_set1_epi32(v * static_cast<int>(kLanes)));
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(picked.distance2.data() + v * kLanes), scale);
    const __m512i fixed = _mm512_min_epu32(_mm512_cvttps_epu32(scaled), most);
    const __m512i key = _mm512_or_si512(_mm512_mullo_epi32(fixed, factor), number);
    keys[v] = _mm512_mask_mov_epi32(_mm512_set1_epi32(-1), _mm512_cmplt_epi32_mask(number, count), key);
  }
  sort_keys<V>(keys);
  write_numbers<V>(keys, numbers);
}

// Values of a table of 16 V entries; numbers of more bits are cut off.
template <int V>
MDLENS_INLINE __m512 look_up(const float* table, __m512i number) {
  if constexpr (V == 16) return _mm512_i32gather_ps(number, table, 4);
  const __m512 a = _mm512_permutex2var_ps(_mm512_loadu_ps(table), number, _mm512_loadu_ps(table + 16));
  const __m512 b = _mm512_permutex2var_ps(_mm512_loadu_ps(table + 32), number, _mm512_loadu_ps(table + 48));
  const __m512 lower = _mm512_mask_blend_ps(_mm512_test_epi32_mask(number, _mm512_set1_epi32(32)), a, b);
  if constexpr (V == 4) {
    return lower;
  } else {
    const __m512 c = _mm512_permutex2var_ps(_mm512_loadu_ps(table + 64), number, _mm512_loadu_ps(table + 80));
    const __m512 d = _mm512_permutex2var_ps(_mm512_loadu_ps(table + 96), number, _mm512_loadu_ps(table + 112));
    const __m512 upper = _mm512_mask_blend_ps(_mm512_test_epi32_mask(number, _mm512_set1_epi32(32)), c, d);
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(number, _mm512_set1_epi32(64)), lower, upper);
  }
}

void swap_entries(Surroundings& out, std::size_t a, std::size_t b, bool with_index) {
  for (auto* values : {&out.x, &out.y, &out.z, &out.distance2}) std::swap((*values)[a], (*values)[b]);
  if (with_index) std::swap(out.index[a], out.index[b]);
}

// Short distances can differ by less than the fixed point resolves.
MDLENS_INLINE void settle(Surroundings& out, bool with_index) {
  const float* distance2 = out.distance2.data();
  unsigned wrong = 0;
  for (std::size_t i = 0; i + 1 < out.count; i += kLanes) {
    const std::size_t left = out.count - 1 - i;
    const auto there = static_cast<__mmask16>(left >= kLanes ? 0xffffu : (1u << left) - 1u);
    wrong |= _mm512_mask_cmp_ps_mask(there, _mm512_loadu_ps(distance2 + i), _mm512_loadu_ps(distance2 + i + 1), _CMP_GT_OQ);
  }
  if (!wrong) return;
  for (std::size_t i = 1; i < out.count; ++i)
    for (std::size_t j = i; j > 0 && distance2[j] < distance2[j - 1]; --j) swap_entries(out, j - 1, j, with_index);
}

template <int V>
MDLENS_INLINE void arrange_vectors(float limit2, bool with_index, const Picked& picked, Surroundings& out) {
  alignas(64) unsigned char numbers[V * kLanes];
  order_of<V>(picked, limit2, numbers);
  out.count = picked.count;
  for (std::size_t i = 0; i < picked.count; i += kLanes) {
    const __m512i number = _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(numbers + i)));
    const Vector3 v{look_up<V>(picked.x.data(), number), look_up<V>(picked.y.data(), number), look_up<V>(picked.z.data(), number)};
    _mm512_storeu_ps(out.x.data() + i, v.x);
    _mm512_storeu_ps(out.y.data() + i, v.y);
    _mm512_storeu_ps(out.z.data() + i, v.z);
    _mm512_storeu_ps(out.distance2.data() + i, square(v));
    if (with_index) _mm512_storeu_si512(out.index.data() + i, _mm512_i32gather_epi32(number, picked.atom.data(), 4));
  }
  settle(out, with_index);
}

}  // namespace

MDLENS_TARGET void place(const double* from, std::size_t n, double origin, double offset, double scale, float* whole, float* rest) {
  constexpr std::size_t lanes = kLanes / 2;
  for (std::size_t i = 0; i < n; i += lanes) {
    const auto there = static_cast<__mmask8>(n - i >= lanes ? 0xffu : (1u << (n - i)) - 1u);
    const __m512d relative = _mm512_add_pd(_mm512_sub_pd(_mm512_maskz_loadu_pd(there, from + i), _mm512_set1_pd(origin)), _mm512_set1_pd(offset));
    const __m512d value = _mm512_mul_pd(relative, _mm512_set1_pd(scale));
    const __m256 first = _mm512_cvtpd_ps(value);
    _mm256_storeu_ps(whole + i, first);
    _mm256_storeu_ps(rest + i, _mm512_cvtpd_ps(_mm512_sub_pd(value, _mm512_cvtps_pd(first))));
  }
}

MDLENS_TARGET void cull(const Cloud& from, const FloatBox& box, float reach2, Cloud& to) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < from.size; i += kLanes) {
    const __m512 x = _mm512_loadu_ps(from.whole[0].data() + i), y = _mm512_loadu_ps(from.whole[1].data() + i);
    const __m512 z = _mm512_loadu_ps(from.whole[2].data() + i);
    const Vector3 gap{beyond(x, box.low[0], box.high[0]), beyond(y, box.low[1], box.high[1]), beyond(z, box.low[2], box.high[2])};
    const __mmask16 near = _mm512_cmp_ps_mask(square(gap), _mm512_set1_ps(reach2), _CMP_LE_OQ);
    keep(to.whole[0].data() + kept, near, x);
    keep(to.whole[1].data() + kept, near, y);
    keep(to.whole[2].data() + kept, near, z);
    for (std::size_t d = 0; d < 3; ++d) keep(to.rest[d].data() + kept, near, _mm512_loadu_ps(from.rest[d].data() + i));
    keep(to.atom.data() + kept, near, from.atom.data() + i);
    kept += static_cast<std::size_t>(__builtin_popcount(near));
  }
  to.size = kept;
}

MDLENS_TARGET void pick(const Cloud& cloud, const Center& center, float limit2, bool with_index, Picked& picked) {
  if (with_index) return pick_vectors<true>(cloud, center, limit2, picked);
  pick_vectors<false>(cloud, center, limit2, picked);
}

MDLENS_TARGET void arrange(float limit2, bool with_index, Picked& picked, Surroundings& out) {
  if (picked.count <= 4 * kLanes) return arrange_vectors<4>(limit2, with_index, picked, out);
  if (picked.count <= 8 * kLanes) return arrange_vectors<8>(limit2, with_index, picked, out);
  arrange_vectors<16>(limit2, with_index, picked, out);
}

}  // namespace mdlens::avx512

#endif
