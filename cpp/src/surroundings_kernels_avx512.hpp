// The AVX-512 versions: vectors are compressed as they are found and sorted in registers.
#pragma once

#include "surroundings_kernels.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#define MDLENS_X86_SURROUNDINGS 1

namespace mdlens::avx512 {

constexpr std::size_t kMostSorted = 256;

void place(const double* from, std::size_t n, double origin, double offset, double scale, float* whole, float* rest);
void cull(const Cloud& from, const FloatBox& box, float reach2, Cloud& to);
void pick(const Cloud& cloud, const Center& center, float limit2, bool with_index, Picked& picked);
void arrange(float limit2, bool with_index, Picked& picked, Surroundings& out);  // for up to kMostSorted

}  // namespace mdlens::avx512

#endif
