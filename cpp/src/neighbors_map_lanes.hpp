// Row kernel with one map row per lane of a vector: the distances from all rows of a group to one node are computed at once, and sorting networks work
// on whole vectors. Included once per instruction set by a file that defines MDLENS_LANES and MDLENS_KERNEL and is compiled with that set's flags;
// therefore everything here is private to the including file.
//
// Nodes come in blocks as wide as the map. Each block is sorted by Batcher's odd-even merge network (Knuth, The Art of Computer Programming, vol. 3,
// 5.2.2M); the smallest of two sorted blocks are the element-wise minima of one and the reversed other, a bitonic sequence that half-cleaners sort.
#pragma once

#include <cstddef>
#include <cstdint>

#include "neighbors_map_rows.hpp"
#include "sorting_networks.hpp"

namespace mdlens::detail {
namespace {

constexpr int kLanes = MDLENS_LANES;
constexpr float kSelf = 3e38f;  // the distance of a node from itself: last in every row

using Reals [[gnu::vector_size(4 * kLanes)]] = float;
using Ints [[gnu::vector_size(4 * kLanes)]] = std::int32_t;

// Keys are squared distances: positive floats, which sort like integers of the same bits. Integers have the faster minimum from SSE4.1 on, and they can
// carry the node's kind in their lowest bits.
#ifdef __SSE4_1__
using Keys = Ints;
#else
using Keys = Reals;
#endif

MDLENS_INLINE Reals splat(float value) { return Reals{} + value; }
MDLENS_INLINE Reals load(const float* from) {
  Reals values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}
template <class Vector>
MDLENS_INLINE void store(float* to, Vector values) {
  __builtin_memcpy(to, &values, sizeof values);
}
MDLENS_INLINE Reals lesser(Reals a, Reals b) { return a < b ? a : b; }
MDLENS_INLINE Reals larger(Reals a, Reals b) { return a < b ? b : a; }
MDLENS_INLINE Ints lesser(Ints a, Ints b) { return a < b ? a : b; }
MDLENS_INLINE Ints larger(Ints a, Ints b) { return a < b ? b : a; }

MDLENS_INLINE void exchange(Keys& a, Keys& b) {
  const Keys first = lesser(a, b);
  b = larger(a, b);
  a = first;
}

template <const auto& Network, int Count>
MDLENS_INLINE void run_network(Keys* keys) {
  unroll<Count>([&](auto step) __attribute__((always_inline)) { exchange(keys[Network.pairs[step].a], keys[Network.pairs[step].b]); });
}

template <int Width>
MDLENS_INLINE void sort_block(Keys* keys) {
  run_network<kSorter<Width>, count_batcher(Width)>(keys);
}

// The Width smallest of two sorted blocks, sorted.
template <int Width>
MDLENS_INLINE void merge_blocks(Keys* best, const Keys* block) {
  unroll<Width>([&](auto i) __attribute__((always_inline)) { best[i] = lesser(best[i], block[Width - 1 - i]); });
  run_network<kMerger<Width>, count_half_cleaners(Width)>(best);
}

// The lowest bits of a key that hold the kind.
MDLENS_INLINE std::int32_t kind_mask(const RowTask& task) {
  std::int32_t mask = 1;
  while (mask < task.kinds - 1) mask = 2 * mask + 1;
  return mask;
}

// Squared distances from the rows group..group+kLanes-1 to the nodes begin..begin+Width-1, as keys.
template <int Width, bool Weighted>
MDLENS_INLINE void load_block(const RowTask& task, int group, int begin, Keys* keys) {
  const Reals x = load(task.x + group), y = load(task.y + group), z = load(task.z + group);
  const bool holds_self = begin < group + kLanes && group < begin + Width;
  Ints lane{};
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
  unroll<Width>([&](auto i) __attribute__((always_inline)) {
    const int node = begin + i;
    const Reals dx = x - task.x[node], dy = y - task.y[node], dz = z - task.z[node];
    Reals distance2 = dx * dx + dy * dy + dz * dz;
    if constexpr (Weighted) distance2 = larger(distance2, splat(task.floor2));
    keys[i] = (Keys)distance2;
  });
  if (holds_self)
    unroll<Width>([&](auto i) __attribute__((always_inline)) { keys[i] = lane == begin - group + i ? (Keys)splat(kSelf) : keys[i]; });
  if constexpr (Weighted) {
    const std::int32_t mask = kind_mask(task);
    unroll<Width>([&](auto i) __attribute__((always_inline)) {
      store(task.scratch + (begin + i) * kLanes, keys[i]);
      keys[i] = (Keys)(((Ints)keys[i] & ~mask) | task.kind[begin + i]);
    });
  }
}

// The rows that have tied distances which rounding may have put in the wrong order of kinds, or a tie of different kinds across the last column.
template <int Width>
MDLENS_INLINE Ints need_care(const RowTask& task, const Keys* keys) {
  const Ints mask = Ints{} + kind_mask(task);
  const int columns = task.size < task.nodes - 1 ? task.size : task.nodes - 1;
  const Reals slack = splat(1 + kTie);
  Ints wrong{};
  for (int i = 1; i < columns; ++i) {
    const Ints before = (Ints)keys[i - 1], after = (Ints)keys[i];
    const Ints is_tied = (Reals)(after & ~mask) <= (Reals)(before & ~mask) * slack;
    wrong |= is_tied & ((before & mask) > (after & mask));
  }
  const Reals limit = (Reals)((Ints)keys[columns - 1] | mask) * slack, wide = splat(1 + 8 * kTie);
  const Ints last_kind = (Ints)keys[columns - 1] & mask;
  Ints near{}, strangers{};
  for (int node = 0; node < task.nodes; ++node) {
    const Reals distance2 = load(task.scratch + node * kLanes);
    near -= distance2 <= limit;
    strangers |= (distance2 <= limit * wide) & (distance2 * wide >= limit) & (last_kind != task.kind[node]);
  }
  return wrong | ((near > columns) & strangers);
}

template <int Step, int... I>
MDLENS_INLINE void exchange_halves(Reals& a, Reals& b, std::integer_sequence<int, I...>) {
  const Reals first = __builtin_shufflevector(a, b, ((I & Step) ? I - Step + kLanes : I)...);
  b = __builtin_shufflevector(a, b, ((I & Step) ? I + kLanes : I + Step)...);
  a = first;
}

// Transposes the square of kLanes vectors.
template <int Step = kLanes / 2>
MDLENS_INLINE void transpose(Reals* square) {
  unroll<kLanes>([&](auto i) __attribute__((always_inline)) {
    if (!(i & Step)) exchange_halves<Step>(square[i], square[i + Step], std::make_integer_sequence<int, kLanes>{});
  });
  if constexpr (Step > 1) transpose<Step / 2>(square);
}

// Weights of the nodes in one column, one per row of the group.
MDLENS_INLINE Reals look_up(const RowTask& task, int channel, Ints kind) {
  Reals found = splat(task.weights[channel]);
  for (int k = 1; k < task.kinds; ++k) found = kind == k ? splat(task.weights[k * task.channels + channel]) : found;
  return found;
}

// Writes one channel of a group of rows.
template <int Width, bool Weighted>
MDLENS_INLINE void write_channel(const RowTask& task, int group, int channel, const Reals* values, const Ints* kinds) {
  const Reals scale = load(task.scale + channel * task.scale_stride + group);
  float* out = task.out + channel * task.channel_stride + group * task.row_stride;
  const int rows = task.rows - group < kLanes ? task.rows - group : kLanes;
  for (int begin = 0; begin < Width; begin += kLanes) {
    Reals square[kLanes];
    unroll<kLanes>([&](auto i) __attribute__((always_inline)) {
      square[i] = scale * values[begin + i];
      if constexpr (Weighted) square[i] *= look_up(task, channel, kinds[begin + i]);
    });
    transpose(square);
    if (rows == kLanes) {
      unroll<kLanes>([&](auto i) __attribute__((always_inline)) { store(out + i * task.row_stride + begin, square[i]); });
    } else {
      for (int i = 0; i < rows; ++i) store(out + i * task.row_stride + begin, square[i]);
    }
  }
}

template <int Width, bool Weighted>
MDLENS_INLINE void write_group(const RowTask& task, int group, const Keys* keys) {
  Reals values[Width];
  Ints kinds[Weighted ? Width : 1];
  const std::int32_t mask = Weighted ? kind_mask(task) : 0;
  unroll<Width>([&](auto i) __attribute__((always_inline)) {
    Reals distance2 = (Reals)keys[i];
    if constexpr (Weighted) {
      kinds[i] = (Ints)keys[i] & mask;
      distance2 = (Reals)(((Ints)keys[i] & ~mask) | (mask + 1) / 2);  // the middle of what the bits may have been
    }
    values[i] = 1.0f / larger(distance2, splat(task.floor2));
  });
  if (task.power) task.power(reinterpret_cast<float*>(values), Width * kLanes, task.half_gamma);
  for (int c = 0; c < task.channels; ++c) write_channel<Width, Weighted>(task, group, c, values, kinds);
}

template <int Width, bool Weighted>
void lane_rows(const RowTask& task) {
  for (int group = 0; group < task.rows; group += kLanes) {
    Keys best[Width];
    load_block<Width, Weighted>(task, group, 0, best);
    sort_block<Width>(best);
    for (int begin = Width; begin < task.nodes; begin += Width) {
      Keys block[Width];
      load_block<Width, Weighted>(task, group, begin, block);
      sort_block<Width>(block);
      merge_blocks<Width>(best, block);
    }
    write_group<Width, Weighted>(task, group, best);
    if constexpr (Weighted) {
      const Ints wrong = need_care<Width>(task, best);
      for (int i = 0; i < kLanes && group + i < task.rows; ++i)
        if (wrong[i]) task.careful(task, group + i);
    }
  }
}

template <int Width>
void choose_rows(const RowTask& task) {
  if (task.kinds == 1) {
    lane_rows<Width, false>(task);
  } else if (task.kinds <= 16) {
    lane_rows<Width, true>(task);
  } else {
    for (int row = 0; row < task.rows; ++row) task.careful(task, row);
  }
}

}  // namespace

RowKernel MDLENS_KERNEL(int size, int* width) {
  *width = (size + 15) / 16 * 16;
  switch (*width) {
    case 16: return choose_rows<16>;
    case 32: return choose_rows<32>;
    case 48: return choose_rows<48>;
    case 64: return choose_rows<64>;
    default: return nullptr;
  }
}

}  // namespace mdlens::detail
