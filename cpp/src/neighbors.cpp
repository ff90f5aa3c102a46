#include "mdlens/neighbors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "filter.hpp"
#include "search_index.hpp"
#include "surroundings.hpp"

namespace mdlens {

namespace {

struct Key {
  double distance2;
  std::uint32_t candidate;
};

// A run of candidates that belong to the same periodic image.
struct Segment {
  std::size_t begin, end;
  Vec offset;
  Shift shift;  // the same translation in given cell vectors
};

// What one thread remembers between queries: the atoms around the last cell, so that its other atoms need no new search.
struct Workspace {
  std::uint64_t search = 0;
  std::size_t first = 0, last = 0;  // slots the candidates serve
  double radius = 0.0;              // every image closer than this to any of them is a candidate
  std::vector<double> x, y, z;
  std::vector<std::uint32_t> slot, segment;
  std::vector<Segment> segments;
  std::vector<double> distance2;  // of the candidates found close, and their numbers
  std::vector<std::uint32_t> close;
  std::size_t found = 0;
  std::vector<Key> keys, sorted;
  double reach = 0.0;  // a little above the last k-th distance
  std::size_t reach_k = 0;

  void clear() {
    x.clear();
    y.clear();
    z.clear();
    slot.clear();
    segment.clear();
    segments.clear();
    first = last = 0;
  }
};

Workspace& workspace() {
  thread_local Workspace mine;
  constexpr std::size_t keep = std::size_t{1} << 20;
  if (mine.x.capacity() > keep) mine = Workspace{};
  return mine;
}

// Atoms of one branch share their candidates when it is shorter than kShared radii; an atom whose cell is longer than kAlone radii searches alone.
constexpr double kShared = 1.5, kAlone = 4.0;

constexpr int kBuckets = 128;

template <class Less>
void insertion_sort(Key* begin, Key* end, const Less& less) {
  for (Key* next = begin + 1; next < end; ++next) {
    const Key key = *next;
    Key* hole = next;
    for (; hole != begin && less(key, hole[-1]); --hole) *hole = hole[-1];
    *hole = key;
  }
}

// Squared distances below `limit` fill buckets evenly enough that an insertion sort of the bucketed keys is nearly linear.
template <class Less>
void sort_keys(std::vector<Key>& keys, std::vector<Key>& spare, double limit, const Less& less) {
  const std::size_t n = keys.size();
  const double scale = kBuckets / limit;
  if (n < 16) return insertion_sort(keys.data(), keys.data() + n, less);
  if (n > 4 * kBuckets || !std::isfinite(scale)) return std::sort(keys.begin(), keys.end(), less);
  std::uint32_t start[kBuckets + 1] = {};
  spare.resize(n);
  const auto bucket = [scale](const Key& key) { return std::min(static_cast<int>(key.distance2 * scale), kBuckets - 1); };
  for (const Key& key : keys) ++start[bucket(key) + 1];
  std::uint32_t fullest = 0;
  for (int b = 0; b < kBuckets; ++b) {
    fullest = std::max(fullest, start[b + 1]);
    start[b + 1] += start[b];
  }
  for (const Key& key : keys) spare[start[bucket(key)]++] = key;
  keys.swap(spare);
  if (fullest > 48) return std::sort(keys.begin(), keys.end(), less);
  insertion_sort(keys.data(), keys.data() + n, less);
}

}  // namespace

struct NeighborSearch::Impl : SearchIndex {
  using SearchIndex::SearchIndex;

  static void take(Workspace& work, const Tree& tree, std::size_t begin, std::size_t end) {
    const auto b = static_cast<std::ptrdiff_t>(begin), e = static_cast<std::ptrdiff_t>(end);
    work.x.insert(work.x.end(), tree.x.begin() + b, tree.x.begin() + e);
    work.y.insert(work.y.end(), tree.y.begin() + b, tree.y.begin() + e);
    work.z.insert(work.z.end(), tree.z.begin() + b, tree.z.begin() + e);
    const std::size_t before = work.slot.size();
    work.slot.resize(before + end - begin);
    std::iota(work.slot.begin() + static_cast<std::ptrdiff_t>(before), work.slot.end(), static_cast<std::uint32_t>(begin));
    work.segment.resize(work.x.size(), static_cast<std::uint32_t>(work.segments.size() - 1));
    work.segments.back().end = work.x.size();
  }

  // Collects every image closer than `radius` to any atom of the cells around `slot` (to that atom alone where cells are much larger than that).
  void gather(Workspace& work, std::size_t slot, double radius) const {
    work.clear();
    std::size_t node = tree.leaf_of(slot);
    while (node > 1 && tree.bounds[node / 2].longest() < kShared * radius) node /= 2;
    Bounds around = tree.bounds[node];
    std::size_t first = tree.begin_of(node), last = tree.end_of(node);
    if (around.longest() > kAlone * radius) {
      first = slot;
      last = slot + 1;
      around = {tree.point(slot), tree.point(slot)};
    }
    Cells last_image{};
    visit_images(around, radius, [&](const Cells& image, const Vec& offset, std::size_t begin, std::size_t end) {
      if (work.segments.empty() || image != last_image) {
        const Cells shift = lattice.given_shift(image);
        work.segments.push_back({work.x.size(), work.x.size(), offset, {to_shift(shift[0]), to_shift(shift[1]), to_shift(shift[2])}});
        last_image = image;
      }
      take(work, tree, begin, end);
    });
    work.search = identity;
    work.first = first;
    work.last = last;
    work.radius = radius;
  }

  bool serves(const Workspace& work, std::size_t slot, double radius) const {
    return work.search == identity && work.first <= slot && slot < work.last && radius <= work.radius && work.radius <= 1.5 * radius;
  }

  // Finds the candidates closer than `radius`, the atom itself among them.
  void filter(Workspace& work, std::size_t slot, double radius) const {
    static const Filter best = available_filters().front().filter;
    const Vec center = tree.point(slot);
    work.distance2.resize(work.x.size() + 8);
    work.close.resize(work.x.size() + 8);
    work.found = 0;
    for (const Segment& segment : work.segments)
      work.found += best({work.x.data(), work.y.data(), work.z.data()}, segment.begin, segment.end, center, segment.offset, radius * radius,
                         work.distance2.data() + work.found, work.close.data() + work.found);
  }

  Shift shift_of(const Workspace& work, std::uint32_t candidate, const Shift& own) const {
    const Shift wrapped = wraps[work.slot[candidate]];
    const Shift& image = work.segments[work.segment[candidate]].shift;
    return {image[0] + wrapped[0] - own[0], image[1] + wrapped[1] - own[1], image[2] + wrapped[2] - own[2]};
  }

  // Sorts the candidates that the filter found and writes the first `most` of them but the atom itself.
  void emit(Workspace& work, std::size_t slot, double radius, std::size_t most, std::vector<Neighbor>& out) const {
    const auto less = [this, &work](const Key& a, const Key& b) {
      if (a.distance2 != b.distance2) return a.distance2 < b.distance2;
      const std::int32_t p = tree.atom[work.slot[a.candidate]], q = tree.atom[work.slot[b.candidate]];
      return p != q ? p < q : shift_of(work, a.candidate, {}) < shift_of(work, b.candidate, {});
    };
    work.keys.resize(work.found);
    for (std::size_t c = 0; c < work.found; ++c) work.keys[c] = {work.distance2[c], work.close[c]};
    if (work.found / 2 > most) {
      std::nth_element(work.keys.begin(), work.keys.begin() + static_cast<std::ptrdiff_t>(most), work.keys.end(), less);
      work.keys.resize(most + 1);
    }
    sort_keys(work.keys, work.sorted, radius * radius, less);
    const Vec center = tree.point(slot);
    const Shift own = wraps[slot];
    out.clear();
    for (const Key& key : work.keys) {
      const std::size_t c = key.candidate;
      const Shift shift = shift_of(work, key.candidate, own);
      if (work.slot[c] == slot && shift == Shift{}) continue;
      if (out.size() == most) break;
      const Vec& offset = work.segments[work.segment[c]].offset;
      out.push_back({key.distance2,
                     {(work.x[c] - center[0]) + offset[0], (work.y[c] - center[1]) + offset[1], (work.z[c] - center[2]) + offset[2]},
                     tree.atom[work.slot[c]],
                     shift});
    }
  }

  double first_radius(const Workspace& work, std::size_t slot, std::size_t k) const {
    if (work.search != identity || work.reach_k != k) return guess_radius(slot, k);
    if (work.first <= slot && slot < work.last) return work.reach;
    return std::min(work.reach, 2.0 * guess_radius(slot, k));
  }
};

NeighborSearch::NeighborSearch(const double* positions, std::size_t n, const Box& box, int threads) {
  if (n >= std::numeric_limits<std::int32_t>::max()) throw std::invalid_argument("more than 2^31 atoms in one system");
  impl_ = std::make_unique<Impl>(positions, n, box, threads);
}

NeighborSearch::~NeighborSearch() = default;
NeighborSearch::NeighborSearch(NeighborSearch&&) noexcept = default;

std::size_t NeighborSearch::size() const { return impl_->tree.size(); }

const std::vector<std::int32_t>& NeighborSearch::spatial_order() const { return impl_->tree.atom; }

std::size_t NeighborSearch::count_within(std::size_t atom, double cutoff) const {
  Workspace& work = workspace();
  const auto slot = static_cast<std::size_t>(impl_->tree.slot[atom]);
  if (!impl_->serves(work, slot, cutoff)) impl_->gather(work, slot, cutoff);
  impl_->filter(work, slot, cutoff);
  return work.found - 1;
}

void NeighborSearch::within(std::size_t atom, double cutoff, std::vector<Neighbor>& out) const {
  Workspace& work = workspace();
  const auto slot = static_cast<std::size_t>(impl_->tree.slot[atom]);
  if (!impl_->serves(work, slot, cutoff)) impl_->gather(work, slot, cutoff);
  impl_->filter(work, slot, cutoff);
  impl_->emit(work, slot, cutoff, work.found, out);
}

void NeighborSearch::nearest(std::size_t atom, std::size_t k, std::vector<Neighbor>& out) const {
  out.clear();
  if (k == 0) return;
  Workspace& work = workspace();
  const auto slot = static_cast<std::size_t>(impl_->tree.slot[atom]);
  double radius = impl_->first_radius(work, slot, k);
  for (;;) {
    if (!impl_->serves(work, slot, radius)) impl_->gather(work, slot, 1.1 * radius);
    impl_->filter(work, slot, radius);
    const std::size_t found = work.found - 1;
    if (found >= k || impl_->holds_everything(radius)) break;
    radius = SearchIndex::wider(radius, found, k);
  }
  impl_->emit(work, slot, radius, k, out);
  if (out.size() == k && out.back().distance2 > 0.0) {
    work.reach = 1.05 * std::sqrt(out.back().distance2);
    work.reach_k = k;
  }
}

void NeighborSearch::surroundings(std::size_t atom, std::size_t k, bool with_index, Surroundings& out) const {
  out.count = 0;
  if (k == 0 || find_surroundings(*impl_, static_cast<std::size_t>(impl_->tree.slot[atom]), k, with_index, out)) return;
  thread_local std::vector<Neighbor> found;
  nearest(atom, k, found);
  to_surroundings(found, found.size() < k, with_index, out);
}

}  // namespace mdlens
