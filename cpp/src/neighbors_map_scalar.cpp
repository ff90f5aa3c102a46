// Rows one by one, with care: any size, any number of kinds, every tie settled.
#include <algorithm>
#include <bit>
#include <vector>

#include "neighbors_map_rows.hpp"

namespace mdlens::detail {
namespace {

// A squared distance and a kind that sort together as one number (positive floats sort like their bits).
std::uint64_t make_key(float distance2, std::int32_t kind) {
  return std::uint64_t{std::bit_cast<std::uint32_t>(distance2)} << 32 | static_cast<std::uint32_t>(kind);
}
float distance2_of(std::uint64_t key) { return std::bit_cast<float>(static_cast<std::uint32_t>(key >> 32)); }
std::int32_t kind_of(std::uint64_t key) { return static_cast<std::int32_t>(key & 0xffffffffu); }

void fill_keys(const RowTask& task, int row, std::vector<std::uint64_t>& keys) {
  keys.clear();
  for (int node = 0; node < task.nodes; ++node) {
    if (node == row) continue;
    const float dx = task.x[row] - task.x[node], dy = task.y[row] - task.y[node], dz = task.z[row] - task.z[node];
    keys.push_back(make_key(std::max(dx * dx + dy * dy + dz * dz, task.floor2), task.kind[node]));
  }
}

// Within each run of tied distances the kinds ascend; the distances stay where they are.
void settle_ties(std::vector<std::uint64_t>& keys, std::vector<std::int32_t>& kinds) {
  for (std::size_t begin = 0, end; begin < keys.size(); begin = end) {
    for (end = begin + 1; end < keys.size() && distance2_of(keys[end]) <= distance2_of(keys[end - 1]) * (1 + kTie);) ++end;
    if (end - begin == 1) continue;
    kinds.clear();
    for (std::size_t i = begin; i < end; ++i) kinds.push_back(kind_of(keys[i]));
    std::sort(kinds.begin(), kinds.end());
    for (std::size_t i = begin; i < end; ++i) keys[i] = make_key(distance2_of(keys[i]), kinds[i - begin]);
  }
}

void write_row(const RowTask& task, int row, const std::vector<std::uint64_t>& keys, std::vector<float>& values) {
  const int columns = std::min(task.size, static_cast<int>(keys.size()));
  values.resize(static_cast<std::size_t>(columns));
  for (int l = 0; l < columns; ++l) values[l] = 1.0f / distance2_of(keys[l]);
  if (task.power) task.power(values.data(), columns, task.half_gamma);
  for (int c = 0; c < task.channels; ++c) {
    const float scale = task.scale[c * task.scale_stride + row];
    float* out = task.out + c * task.channel_stride + row * task.row_stride;
    for (int l = 0; l < columns; ++l) out[l] = scale * task.weights[kind_of(keys[l]) * task.channels + c] * values[l];
  }
}

}  // namespace

void careful_row(const RowTask& task, int row) {
  thread_local std::vector<std::uint64_t> keys;
  thread_local std::vector<std::int32_t> kinds;
  thread_local std::vector<float> values;
  fill_keys(task, row, keys);
  std::sort(keys.begin(), keys.end());
  if (task.kinds > 1) settle_ties(keys, kinds);
  write_row(task, row, keys, values);
}

void careful_rows(const RowTask& task) {
  for (int row = 0; row < task.rows; ++row) careful_row(task, row);
}

}  // namespace mdlens::detail
