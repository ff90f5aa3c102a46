// Processor time of a piece of work: the median of `repeats` runs, after one that does not count.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <functional>
#include <vector>

inline double median_seconds(const std::function<void()>& work, int repeats) {
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    const std::clock_t start = std::clock();
    work();
    seconds.push_back(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  std::nth_element(seconds.begin() + 1, seconds.begin() + 1 + repeats / 2, seconds.end());
  return seconds[static_cast<std::size_t>(1 + repeats / 2)];
}
