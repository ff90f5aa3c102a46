#include "surroundings_kernels.hpp"

#include <algorithm>
#include <bit>

#include "surroundings_kernels_avx512.hpp"

namespace mdlens {

namespace {

constexpr std::size_t kBlock = 64;

template <class Vector>
void grow(Vector& values, std::size_t n) {
  if (values.size() < n + kVectorRoom) values.resize(n + n / 4 + kVectorRoom);
}

[[gnu::always_inline]] inline void place_values(const double* from, std::size_t n, double origin, double offset, double scale, float* whole, float* rest) {
  for (std::size_t i = 0; i < n; ++i) {
    const double value = ((from[i] - origin) + offset) * scale;
    whole[i] = static_cast<float>(value);
    rest[i] = static_cast<float>(value - static_cast<double>(whole[i]));
  }
}

[[gnu::always_inline]] inline float beyond(float value, float low, float high) {
  const float below = low - value, above = value - high, gap = below > above ? below : above;
  return gap > 0.0f ? gap : 0.0f;
}

[[gnu::always_inline]] inline void cull_blocks(const Cloud& from, const FloatBox& box, float reach2, Cloud& to) {
  const float *x = from.whole[0].data(), *y = from.whole[1].data(), *z = from.whole[2].data();
  float gap2[kBlock];
  std::size_t kept = 0;
  for (std::size_t begin = 0; begin < from.size; begin += kBlock) {
    const std::size_t n = std::min(kBlock, from.size - begin);
    for (std::size_t i = 0; i < n; ++i) {
      const float dx = beyond(x[begin + i], box.low[0], box.high[0]), dy = beyond(y[begin + i], box.low[1], box.high[1]);
      const float dz = beyond(z[begin + i], box.low[2], box.high[2]);
      gap2[i] = dx * dx + dy * dy + dz * dz;
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t d = 0; d < 3; ++d) {
        to.whole[d][kept] = from.whole[d][begin + i];
        to.rest[d][kept] = from.rest[d][begin + i];
      }
      to.atom[kept] = from.atom[begin + i];
      kept += gap2[i] <= reach2;
    }
  }
  to.size = kept;
}

[[gnu::always_inline]] inline float difference(const Cloud& cloud, const Center& center, std::size_t d, std::size_t i) {
  return (cloud.whole[d][i] - center.whole[d]) + (cloud.rest[d][i] - center.rest[d]);
}

[[gnu::always_inline]] inline void pick_blocks(const Cloud& cloud, const Center& center, float limit2, Picked& picked) {
  float d2[kBlock];
  std::uint64_t* keys = picked.keys.data();
  std::size_t found = 0;
  const float *x = cloud.whole[0].data(), *y = cloud.whole[1].data(), *z = cloud.whole[2].data();
  const float *rx = cloud.rest[0].data(), *ry = cloud.rest[1].data(), *rz = cloud.rest[2].data();
  for (std::size_t begin = 0; begin < cloud.size; begin += kBlock) {
    const std::size_t n = std::min(kBlock, cloud.size - begin);
    for (std::size_t i = 0; i < n; ++i) {
      const float dx = (x[begin + i] - center.whole[0]) + (rx[begin + i] - center.rest[0]);
      const float dy = (y[begin + i] - center.whole[1]) + (ry[begin + i] - center.rest[1]);
      const float dz = (z[begin + i] - center.whole[2]) + (rz[begin + i] - center.rest[2]);
      d2[i] = dx * dx + dy * dy + dz * dz;
    }
    for (std::size_t i = 0; i < n; ++i) {
      keys[found] = std::uint64_t{std::bit_cast<std::uint32_t>(d2[i])} << 32 | (begin + i);
      found += d2[i] < limit2;
    }
  }
  picked.count = found;
}

// Squared distances fill buckets evenly enough that an insertion sort of the bucketed keys is nearly linear.
void sort_packed(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& spare, std::size_t n, float limit2) {
  constexpr int buckets = 128;
  constexpr std::uint32_t crowd = 48;
  if (n > 4 * buckets) return std::sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(n));
  const float scale = buckets / limit2;
  const auto bucket = [scale](std::uint64_t key) {
    return std::min(static_cast<int>(std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32)) * scale), buckets - 1);
  };
  std::uint32_t start[buckets + 1] = {}, fullest = 0;
  for (std::size_t i = 0; i < n; ++i) ++start[bucket(keys[i]) + 1];
  for (int b = 0; b < buckets; ++b) {
    fullest = std::max(fullest, start[b + 1]);
    start[b + 1] += start[b];
  }
  for (std::size_t i = 0; i < n; ++i) spare[start[bucket(keys[i])]++] = keys[i];
  keys.swap(spare);
  if (fullest > crowd) return std::sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(n));
  for (std::size_t i = 1; i < n; ++i) {
    const std::uint64_t key = keys[i];
    std::size_t hole = i;
    for (; hole > 0 && key < keys[hole - 1]; --hole) keys[hole] = keys[hole - 1];
    keys[hole] = key;
  }
}

void arrange_keys(const Cloud& cloud, const Center& center, float limit2, std::size_t most, bool with_index, Picked& picked, Surroundings& out) {
  std::size_t n = picked.count;
  if (n / 2 > most) {
    const auto begin = picked.keys.begin();
    std::nth_element(begin, begin + static_cast<std::ptrdiff_t>(most), begin + static_cast<std::ptrdiff_t>(n));
    n = most;
  }
  sort_packed(picked.keys, picked.spare, n, limit2);
  out.count = n;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t key = picked.keys[i];
    const auto number = static_cast<std::uint32_t>(key);
    out.x[i] = difference(cloud, center, 0, number);
    out.y[i] = difference(cloud, center, 1, number);
    out.z[i] = difference(cloud, center, 2, number);
    out.distance2[i] = std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32));
    if (with_index) out.index[i] = cloud.atom[number];
  }
}

void place_portable(const double* from, std::size_t n, double origin, double offset, double scale, float* whole, float* rest) {
  place_values(from, n, origin, offset, scale, whole, rest);
}
void cull_portable(const Cloud& from, const FloatBox& box, float reach2, Cloud& to) { cull_blocks(from, box, reach2, to); }
void pick_portable(const Cloud& cloud, const Center& center, float limit2, bool, Picked& picked) { pick_blocks(cloud, center, limit2, picked); }

#ifdef MDLENS_X86_SURROUNDINGS

[[gnu::target("avx2")]] void place_avx2(const double* from, std::size_t n, double origin, double offset, double scale, float* whole, float* rest) {
  place_values(from, n, origin, offset, scale, whole, rest);
}
[[gnu::target("avx2")]] void cull_avx2(const Cloud& from, const FloatBox& box, float reach2, Cloud& to) { cull_blocks(from, box, reach2, to); }
[[gnu::target("avx2")]] void pick_avx2(const Cloud& cloud, const Center& center, float limit2, bool, Picked& picked) {
  pick_blocks(cloud, center, limit2, picked);
}

void arrange_avx512(const Cloud& cloud, const Center& center, float limit2, std::size_t most, bool with_index, Picked& picked, Surroundings& out) {
  if (picked.count <= avx512::kMostSorted) return avx512::arrange(limit2, with_index, picked, out);
  pick_avx2(cloud, center, limit2, with_index, picked);
  arrange_keys(cloud, center, limit2, most, with_index, picked, out);
}

#endif

}  // namespace

void Cloud::make_room(std::size_t n) {
  for (std::size_t d = 0; d < 3; ++d) {
    grow(whole[d], n);
    grow(rest[d], n);
  }
  grow(atom, n);
}

void Cloud::close() {
  make_room(size);
  for (std::size_t d = 0; d < 3; ++d) {
    std::fill_n(whole[d].begin() + static_cast<std::ptrdiff_t>(size), kVectorRoom, kFarAway);
    std::fill_n(rest[d].begin() + static_cast<std::ptrdiff_t>(size), kVectorRoom, 0.0f);
  }
}

void Picked::make_room(std::size_t n) {
  constexpr std::size_t least = 256;  // what the widest sorting network reads
  for (auto* values : {&x, &y, &z, &distance2}) grow(*values, std::max(n, least));
  grow(atom, std::max(n, least));
  grow(keys, n);
  grow(spare, n);
}

std::vector<SurroundingsKernel> available_surroundings_kernels() {
  std::vector<SurroundingsKernel> kernels;
#ifdef MDLENS_X86_SURROUNDINGS
  const bool avx2 = __builtin_cpu_supports("avx2");
  const bool wide = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512bw");
  if (wide) kernels.push_back({"avx512", avx512::place, avx512::cull, avx512::pick, arrange_avx512});
  if (avx2) kernels.push_back({"avx2", place_avx2, cull_avx2, pick_avx2, arrange_keys});
#endif
  kernels.push_back({"portable", place_portable, cull_portable, pick_portable, arrange_keys});
  return kernels;
}

}  // namespace mdlens
