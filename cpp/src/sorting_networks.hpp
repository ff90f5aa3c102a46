// Sorting networks as lists of comparators known to the compiler, and loops that it unrolls. Private to the including file, as that may be compiled for
// a newer processor than others.
#pragma once

#include <utility>

#define MDLENS_INLINE [[gnu::always_inline]] inline

namespace mdlens::detail {
namespace {

struct Pair {
  unsigned char a, b;
};

template <int Count>
struct Network {
  Pair pairs[Count];
};

template <class Emit>
constexpr void batcher(int size, Emit emit) {
  for (int p = 1; p < size; p *= 2)
    for (int k = p; k >= 1; k /= 2)
      for (int j = k % p; j + k < size; j += 2 * k)
        for (int i = j; i < j + k && i + k < size; ++i)
          if (i / (2 * p) == (i + k) / (2 * p)) emit(i, i + k);
}

// Sorts what rises and then falls. Where the size is no power of two, it is as if minus infinities stood in front: they never move.
template <class Emit>
constexpr void half_cleaners(int size, Emit emit) {
  int power = 1;
  while (power < size) power *= 2;
  const int front = power - size;
  for (int k = power / 2; k >= 1; k /= 2)
    for (int i = front; i < power; ++i)
      if (!(i & k)) emit(i - front, i + k - front);
}

constexpr int count_batcher(int size) {
  int count = 0;
  batcher(size, [&](int, int) { ++count; });
  return count;
}

constexpr int count_half_cleaners(int size) {
  int count = 0;
  half_cleaners(size, [&](int, int) { ++count; });
  return count;
}

template <int Size>
constexpr auto make_sorter() {
  Network<count_batcher(Size)> network{};
  int count = 0;
  batcher(Size, [&](int a, int b) { network.pairs[count++] = {static_cast<unsigned char>(a), static_cast<unsigned char>(b)}; });
  return network;
}

template <int Size>
constexpr auto make_merger() {
  Network<count_half_cleaners(Size)> network{};
  int count = 0;
  half_cleaners(Size, [&](int a, int b) { network.pairs[count++] = {static_cast<unsigned char>(a), static_cast<unsigned char>(b)}; });
  return network;
}

template <int Size>
constexpr auto kSorter = make_sorter<Size>();
template <int Size>
constexpr auto kMerger = make_merger<Size>();

// Calls body(0), body(1) ... with constants: indices known to the compiler keep arrays of vectors in registers. Sanitizers add checks to every step,
// and that many take minutes to compile; there it is a loop.
#ifdef __SANITIZE_ADDRESS__
template <int Count, class Body>
void unroll(Body&& body) {
  for (int i = 0; i < Count; ++i) body(i);
}
#else
template <class Body, int... I>
MDLENS_INLINE void unroll(Body&& body, std::integer_sequence<int, I...>) {
  (body(std::integral_constant<int, I>{}), ...);
}
template <int Count, class Body>
MDLENS_INLINE void unroll(Body&& body) {
  unroll(body, std::make_integer_sequence<int, Count>{});
}
#endif

}  // namespace
}  // namespace mdlens::detail
