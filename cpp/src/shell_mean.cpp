#include "mdlens/shell_mean.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mdlens/parallel.hpp"

namespace mdlens {

namespace {

constexpr std::size_t kGrain = 512;
constexpr double kTie = 1e-5;  // squares of distances this close are tied, as in a Neighbors Map

// The k nearest and those tied with the last of them: asks for more until one comes that is not tied.
void nearest_with_ties(const NeighborSearch& search, std::size_t atom, std::size_t k, std::vector<Neighbor>& found) {
  for (std::size_t asked = k + 1;; asked *= 2) {
    search.nearest(atom, asked, found);
    if (k == 0 || found.size() <= k) break;
    const double limit = found[k - 1].distance2 * (1.0 + kTie);
    const auto beyond = std::find_if(found.begin() + static_cast<std::ptrdiff_t>(k), found.end(),
                                     [limit](const Neighbor& neighbor) { return neighbor.distance2 > limit; });
    const bool complete = beyond != found.end() || found.size() < asked;
    found.erase(beyond, found.end());
    if (complete) return;
  }
  if (found.size() > k) found.resize(k);
}

// How many of the atoms around are the k nearest or tied with the last of them.
std::size_t look_around(const NeighborSearch& search, std::size_t atom, std::size_t k, Surroundings& found) {
  for (std::size_t asked = k + 1;; asked = 2 * std::max(asked, found.count)) {
    search.surroundings(atom, asked, false, found);
    std::size_t kept = std::min(k, found.count);
    if (kept == 0) return 0;
    const double limit = found.distance2[kept - 1] * (1.0 + kTie);
    while (kept < found.count && found.distance2[kept] <= limit) ++kept;
    if (kept < found.count || found.complete2 > limit || found.count < asked) return kept;
  }
}

}  // namespace

void shell_mean(const NeighborSearch& search, const float* values, std::size_t columns, std::size_t k, int threads, float* out) {
  const auto& order = search.spatial_order();
  parallel_for(order.size(), kGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    std::vector<Neighbor> found;
    std::vector<double> sum(columns);
    for (std::size_t s = begin; s < end; ++s) {
      const auto atom = static_cast<std::size_t>(order[s]);
      nearest_with_ties(search, atom, k, found);
      std::copy(values + atom * columns, values + (atom + 1) * columns, sum.begin());
      for (const Neighbor& neighbor : found) {
        const float* row = values + static_cast<std::size_t>(neighbor.index) * columns;
        for (std::size_t c = 0; c < columns; ++c) sum[c] += row[c];
      }
      for (std::size_t c = 0; c < columns; ++c) out[atom * columns + c] = static_cast<float>(sum[c] / static_cast<double>(found.size() + 1));
    }
  });
}

void off_center(const NeighborSearch& search, std::size_t k, int threads, float* out) {
  const auto& order = search.spatial_order();
  parallel_for(order.size(), kGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    Surroundings found;
    for (std::size_t s = begin; s < end; ++s) {
      const auto atom = static_cast<std::size_t>(order[s]);
      const std::size_t count = look_around(search, atom, k, found);
      double x = 0, y = 0, z = 0, away = 0;
      for (std::size_t i = 0; i < count; ++i) {
        x += found.x[i];
        y += found.y[i];
        z += found.z[i];
        away += std::sqrt(double{found.distance2[i]});
      }
      out[atom] = away > 0 ? static_cast<float>(std::sqrt(x * x + y * y + z * z) / away) : 0.0F;
    }
  });
}

}  // namespace mdlens
