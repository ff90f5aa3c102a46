#include "mdlens/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace mdlens {

int resolve_threads(int threads, std::size_t items) {
  const int wanted = threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(wanted), std::max<std::size_t>(items, 1)));
}

void parallel_for(std::size_t items, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t, int)>& body) {
  if (items == 0) return;
  grain = std::max<std::size_t>(grain, 1);
  const int workers = resolve_threads(threads, (items + grain - 1) / grain);
  if (workers == 1) {
    for (std::size_t begin = 0; begin < items; begin += grain) body(begin, std::min(begin + grain, items), 0);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_lock;
  const auto work = [&](int thread) {
    try {
      for (std::size_t begin = next.fetch_add(grain); begin < items; begin = next.fetch_add(grain))
        body(begin, std::min(begin + grain, items), thread);
    } catch (...) {
      next.store(items);
      const std::scoped_lock lock(failure_lock);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> pool;
  pool.reserve(static_cast<std::size_t>(workers - 1));
  try {
    for (int t = 1; t < workers; ++t) pool.emplace_back(work, t);
  } catch (const std::exception&) {  // no more threads, or no memory for one: those there are do the work
  }
  work(0);
  for (auto& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mdlens
