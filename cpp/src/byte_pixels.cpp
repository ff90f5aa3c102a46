// Compiled so that every operation is rounded by itself and the loop becomes vectors (see CMakeLists.txt).
#include <cmath>

#include "byte_builder.hpp"

namespace mdlens::detail {

// A missing pixel is 0: its inverse root is infinite and the byte 0. Adding 1.5 2^23 to a number between 0 and 255 rounds it to the nearest integer.
void bytes_of_pixels(const float* pixels, std::size_t count, ByteScale scale, std::uint8_t* bytes) {
  constexpr float integral = 12582912.0f;
  for (std::size_t i = 0; i < count; ++i) {
    float level = scale.levels * (scale.reach - 1.0f / std::sqrt(pixels[i]));
    level = level > 0.0f ? level : 0.0f;
    level = level < 255.0f ? level : 255.0f;
    bytes[i] = static_cast<std::uint8_t>(static_cast<int>(level + integral - integral));
  }
}

}  // namespace mdlens::detail
