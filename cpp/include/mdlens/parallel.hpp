// Static work sharing over std::thread: deterministic blocks, exceptions carried to the caller.
#pragma once

#include <cstddef>
#include <functional>

namespace mdlens {

// threads <= 0 means one per hardware thread; never more than the work has items.
int resolve_threads(int threads, std::size_t items);

// Calls body(begin, end, thread) for blocks of at most `grain` consecutive items of [0, items). Blocks are handed out in order from a shared
// counter; body must not depend on which thread takes which block.
void parallel_for(std::size_t items, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t, int)>& body);

}  // namespace mdlens
