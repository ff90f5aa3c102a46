#include "filter.hpp"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define MDLENS_X86 1
#include <immintrin.h>
#endif

namespace mdlens {

namespace {

// Distances of a block first, for the vectoriser; then the choice, without branches.
[[gnu::always_inline]] inline std::size_t filter_blocks(const Points& points, std::size_t begin, std::size_t end, const Vec& center, const Vec& offset,
                                                        double limit2, double* distance2, std::uint32_t* number) {
  constexpr std::size_t block = 64;
  double d2[block];
  std::size_t found = 0;
  for (std::size_t from = begin; from < end; from += block) {
    const std::size_t n = std::min(block, end - from);
    for (std::size_t c = 0; c < n; ++c) {
      const double dx = (points.x[from + c] - center[0]) + offset[0];
      const double dy = (points.y[from + c] - center[1]) + offset[1];
      const double dz = (points.z[from + c] - center[2]) + offset[2];
      d2[c] = dx * dx + dy * dy + dz * dz;
    }
    for (std::size_t c = 0; c < n; ++c) {
      distance2[found] = d2[c];
      number[found] = static_cast<std::uint32_t>(from + c);
      found += d2[c] < limit2;
    }
  }
  return found;
}

std::size_t filter_portable(const Points& points, std::size_t begin, std::size_t end, const Vec& center, const Vec& offset, double limit2,
                            double* distance2, std::uint32_t* number) {
  return filter_blocks(points, begin, end, center, offset, limit2, distance2, number);
}

#ifdef MDLENS_X86

[[gnu::target("avx2")]] std::size_t filter_avx2(const Points& points, std::size_t begin, std::size_t end, const Vec& center, const Vec& offset,
                                                double limit2, double* distance2, std::uint32_t* number) {
  return filter_blocks(points, begin, end, center, offset, limit2, distance2, number);
}

[[gnu::target("avx512f,avx512vl")]] std::size_t filter_avx512(const Points& points, std::size_t begin, std::size_t end, const Vec& center,
                                                              const Vec& offset, double limit2, double* distance2, std::uint32_t* number) {
  const __m512d cx = _mm512_set1_pd(center[0]), cy = _mm512_set1_pd(center[1]), cz = _mm512_set1_pd(center[2]);
  const __m512d ox = _mm512_set1_pd(offset[0]), oy = _mm512_set1_pd(offset[1]), oz = _mm512_set1_pd(offset[2]);
  const __m512d limit = _mm512_set1_pd(limit2);
  __m256i numbers = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(begin)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  std::size_t found = 0;
  for (std::size_t from = begin; from < end; from += 8) {
    const __mmask8 there = end - from >= 8 ? static_cast<__mmask8>(0xff) : static_cast<__mmask8>((1u << (end - from)) - 1u);
    const __m512d dx = _mm512_add_pd(_mm512_sub_pd(_mm512_maskz_loadu_pd(there, points.x + from), cx), ox);
    const __m512d dy = _mm512_add_pd(_mm512_sub_pd(_mm512_maskz_loadu_pd(there, points.y + from), cy), oy);
    const __m512d dz = _mm512_add_pd(_mm512_sub_pd(_mm512_maskz_loadu_pd(there, points.z + from), cz), oz);
    const __m512d d2 = _mm512_add_pd(_mm512_add_pd(_mm512_mul_pd(dx, dx), _mm512_mul_pd(dy, dy)), _mm512_mul_pd(dz, dz));
    const __mmask8 close = _mm512_mask_cmp_pd_mask(there, d2, limit, _CMP_LT_OQ);
    // Compressed in a register and stored whole: compressing stores are slow on some processors.
    _mm512_storeu_pd(distance2 + found, _mm512_maskz_compress_pd(close, d2));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(number + found), _mm256_maskz_compress_epi32(close, numbers));
    numbers = _mm256_add_epi32(numbers, _mm256_set1_epi32(8));
    found += static_cast<std::size_t>(__builtin_popcount(close));
  }
  return found;
}

#endif

}  // namespace

std::vector<NamedFilter> available_filters() {
  std::vector<NamedFilter> filters;
#ifdef MDLENS_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) filters.push_back({"avx512", filter_avx512});
  if (__builtin_cpu_supports("avx2")) filters.push_back({"avx2", filter_avx2});
#endif
  filters.push_back({"portable", filter_portable});
  return filters;
}

}  // namespace mdlens
