#include "mdlens/shell_mean.hpp"

#include <algorithm>
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

}  // namespace mdlens
