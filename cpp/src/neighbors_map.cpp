#include "mdlens/neighbors_map.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "map_builder.hpp"
#include "mdlens/parallel.hpp"

namespace mdlens {
namespace {

constexpr std::size_t kGrain = 64;  // atoms per piece of work: their maps stay in the second-level cache

void require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument(message);
}

}  // namespace

namespace detail {

void check_map(const MapOptions& options, const MapWeights& weights) {
  require(options.size >= 1, "the size of a map must be at least 1");
  require(options.gamma > 0 && std::isfinite(options.gamma), "gamma must be positive");
  require(options.beta > 0 && std::isfinite(options.beta), "beta must be positive");
  require(options.candidates >= 0 && options.scale_neighbors >= 0, "numbers of neighbours must not be negative");
  require(options.candidates > 0 || (options.cutoff > 0 && std::isfinite(options.cutoff)), "give a number of candidates or a positive cutoff");
  require(weights.channels >= 1 && weights.kinds >= 1, "a map has at least one channel and atoms are of at least one kind");
  require(weights.kinds == 1 || (weights.table && weights.kind), "several kinds of atoms need a table of weights");
}

void check_atoms(const NeighborSearch& search, const std::int64_t* atoms, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (atoms[i] < 0 || atoms[i] >= static_cast<std::int64_t>(search.size()))
      throw std::out_of_range("there is no atom " + std::to_string(atoms[i]) + " among " + std::to_string(search.size()));
}

Isa resolve_isa(Isa isa) {
  const std::vector<Isa> supported = supported_isas();
  if (isa == Isa::automatic) isa = supported.back();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(), std::string("this processor has no ") + isa_name(isa));
  return isa;
}

Kernel choose_kernel(int size, Isa isa) {
  isa = resolve_isa(isa);
  Kernel kernel{};
#ifdef __x86_64__
  if (isa == Isa::avx2) kernel.rows = avx2_kernel(size, &kernel.width);
  if (isa == Isa::avx512) kernel.rows = avx512_kernel(size, &kernel.width);
#endif
  if (isa == Isa::portable) kernel.rows = portable_kernel(size, &kernel.width);
  return kernel.rows ? kernel : Kernel{careful_rows, size};
}

}  // namespace detail

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::portable: return "portable";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    default: return "automatic";
  }
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas{Isa::portable};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isas.push_back(Isa::avx2);
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw");
  if (avx512 && isas.back() == Isa::avx2) isas.push_back(Isa::avx512);
#endif
  return isas;
}

void neighbors_maps(const NeighborSearch& search, const MapOptions& options, const MapWeights& weights,
                    const std::int64_t* atoms, std::size_t count, float* out, int threads, Isa isa) {
  detail::check_map(options, weights);
  detail::check_atoms(search, atoms, count);
  const detail::Kernel kernel = detail::choose_kernel(options.size, isa);
  const std::size_t stride = static_cast<std::size_t>(weights.channels) * options.size * options.size;
  const int workers = resolve_threads(threads, (count + kGrain - 1) / kGrain);
  std::vector<detail::MapBuilder> builders(static_cast<std::size_t>(workers), detail::MapBuilder(search, options, weights, kernel));
  parallel_for(count, kGrain, workers, [&](std::size_t begin, std::size_t end, int thread) {
    for (std::size_t i = begin; i < end; ++i) builders[thread].build(static_cast<std::size_t>(atoms[i]), out + i * stride);
  });
}

}  // namespace mdlens
