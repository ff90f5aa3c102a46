// The search behind NeighborSearch::surroundings.
#pragma once

#include <cstddef>
#include <vector>

#include "mdlens/neighbors.hpp"
#include "search_index.hpp"

namespace mdlens {

// False where floats cannot tell the neighbours apart (some are ten million times closer than the system is large): `out` is then worth nothing.
bool find_surroundings(const SearchIndex& index, std::size_t slot, std::size_t k, bool with_index, Surroundings& out);

// What a search in doubles found, as floats; `is_all` if there is nothing beyond it.
void to_surroundings(const std::vector<Neighbor>& found, bool is_all, bool with_index, Surroundings& out);

}  // namespace mdlens
