// Cells of every kind and atoms to put into them.
#pragma once

#include <random>
#include <vector>

#include "mdlens/neighbors.hpp"

using mdlens::Box;

inline const std::vector<Box> kBoxes = {
    {{10, 0, 0, 0, 10, 0, 0, 0, 10}, {true, true, true}},
    {{9, 0, 0, 3, 8, 0, -2, 1, 11}, {true, true, true}},
    {{5, 0, 0, 43, 6, 0, -31, 57, 7}, {true, true, true}},       // strongly skewed
    {{2.5, 0, 0, 0, 3, 0, 0.4, 0, 2}, {true, true, true}},       // smaller than the cutoff
    {{30, 0, 0, 0, 30, 0, 0, 0, 1.7}, {true, true, true}},       // thin
    {{9, 0, 0, 3, 8, 0, -2, 1, 11}, {true, true, false}},
    {{9, 0, 0, 3, 8, 0, -2, 1, 11}, {false, true, true}},
    {{0, 0, 0, 3, 4, 1, 0, 0, 0}, {false, true, false}},         // zero vectors where not periodic
    {{0, 0, 0, 0, 0, 0, 0, 0, 0}, {false, false, false}},
};

constexpr double kSpread = 6.0;  // atoms lie in [-kSpread, kSpread)^3: outside most of the boxes

inline std::vector<double> random_positions(std::size_t n, unsigned seed, double spread) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> coordinate(-spread, spread);
  std::vector<double> positions(3 * n);
  for (double& x : positions) x = coordinate(random);
  return positions;
}
