// Averages over the nearest neighbours against what `nearest` finds, with ties, few atoms and threads.
#include <cmath>
#include <random>
#include <vector>

#include "check.hpp"
#include "mdlens/shell_mean.hpp"

namespace {

using mdlens::Box;
using mdlens::Neighbor;
using mdlens::NeighborSearch;

const Box kBox{{9, 0, 0, 3, 8, 0, -2, 1, 11}, {true, true, false}};

std::vector<float> numbers(std::size_t n, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> value(0.0F, 9.0F);
  std::vector<float> out(n);
  for (float& x : out) x = value(random);
  return out;
}

void test_against_nearest() {
  for (const std::size_t n : {0, 1, 5, 200}) {
    const Box box = n == 5 ? Box{{}, {false, false, false}} : kBox;  // so few atoms in a periodic cell tie with their images
    const auto coordinates = numbers(3 * n, 1);
    const std::vector<double> positions(coordinates.begin(), coordinates.end());
    const NeighborSearch search(positions.data(), n, box);
    const auto values = numbers(2 * n, 2);
    std::vector<float> one(2 * n), three(2 * n);
    mdlens::shell_mean(search, values.data(), 2, 12, 1, one.data());
    mdlens::shell_mean(search, values.data(), 2, 12, 3, three.data());
    CHECK(one == three);
    std::vector<Neighbor> found;
    for (std::size_t atom = 0; atom < n; ++atom) {
      search.nearest(atom, 12, found);
      for (std::size_t c = 0; c < 2; ++c) {
        double sum = values[2 * atom + c];
        for (const Neighbor& neighbor : found) sum += values[2 * static_cast<std::size_t>(neighbor.index) + c];
        CHECK(std::abs(one[2 * atom + c] - sum / static_cast<double>(found.size() + 1)) < 1e-5);
      }
    }
  }
}

void test_ties_and_coincident_atoms() {
  const std::vector<double> row{0, 0, 0, 1, 0, 0, -1, 0, 0};
  const std::vector<float> values{0, 3, 6};
  std::vector<float> out(3);
  mdlens::shell_mean(NeighborSearch(row.data(), 3, {{}, {false, false, false}}), values.data(), 1, 1, 1, out.data());
  CHECK(out[0] == 3.0F && out[1] == 1.5F && out[2] == 3.0F);
  const std::vector<double> place(9, 1.0);
  mdlens::shell_mean(NeighborSearch(place.data(), 3, {{}, {false, false, false}}), values.data(), 1, 1, 1, out.data());
  CHECK(out[0] == 3.0F && out[1] == 3.0F && out[2] == 3.0F);
  mdlens::shell_mean(NeighborSearch(place.data(), 3, {{}, {false, false, false}}), values.data(), 1, 0, 1, out.data());
  CHECK(out == values);
}

void test_off_center() {
  const std::vector<double> row{0, 0, 0, 1, 0, 0, -1, 0, 0};
  std::vector<float> out(3);
  mdlens::off_center(NeighborSearch(row.data(), 3, {{}, {false, false, false}}), 48, 2, out.data());
  CHECK(out[0] == 0.0F && out[1] == 1.0F && out[2] == 1.0F);
  mdlens::off_center(NeighborSearch(row.data(), 3, {{}, {false, false, false}}), 1, 1, out.data());  // the middle one's nearest is tied
  CHECK(out[0] == 0.0F && out[1] == 1.0F && out[2] == 1.0F);
  mdlens::off_center(NeighborSearch(row.data(), 3, {{}, {false, false, false}}), 0, 1, out.data());
  CHECK(out[0] == 0.0F && out[1] == 0.0F && out[2] == 0.0F);
}

}  // namespace

int main() {
  test_against_nearest();
  test_ties_and_coincident_atoms();
  test_off_center();
}
