// Compiled so that every operation is rounded by itself and the loop becomes vectors (see CMakeLists.txt).
#include <cmath>

#include "byte_builder.hpp"

namespace mdlens::detail {

namespace {

// A missing pixel is 0: its inverse root is infinite and the byte 0. Adding 1.5 2^23 to a number between 0 and 255 rounds it to the nearest integer.
inline std::uint8_t byte_of_pixel(float pixel, float reach, float levels) {
  constexpr float integral = 12582912.0f;
  float level = levels * (reach - 1.0f / std::sqrt(pixel));
  level = level > 0.0f ? level : 0.0f;
  level = level < 255.0f ? level : 255.0f;
  return static_cast<std::uint8_t>(static_cast<int>(level + integral - integral));
}

}  // namespace

void bytes_of_pixels(const float* pixels, std::size_t count, ByteScale scale, std::uint8_t* bytes) {
  for (std::size_t i = 0; i < count; ++i) bytes[i] = byte_of_pixel(pixels[i], scale.reach, scale.levels);
}

std::uint8_t byte_of_pair(const ByteTask& task, int row, int node) {
  const float dx = task.x[row] - task.x[node], dy = task.y[row] - task.y[node], dz = task.z[row] - task.z[node];
  const float distance2 = dx * dx + dy * dy + dz * dz;
  return byte_of_pixel(task.alpha[row] * (1.0f / (distance2 < task.floor2 ? task.floor2 : distance2)), task.reach, task.levels);
}

}  // namespace mdlens::detail
