#include "surroundings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "surroundings_kernels.hpp"

namespace mdlens {

namespace {

// Atoms near each other share a search, at two levels: a region is taken from the tree; the candidates of each of its cells from the region.
struct Shared {
  std::uint64_t search = 0;
  std::size_t first = 0, last = 0;  // slots that are served
  std::size_t self = 0;             // where slot `first` stands in the cloud; the others follow
  double radius = 0.0;              // every image closer than this to any of them is in the cloud
  Cloud cloud;

  bool serves(std::uint64_t identity, std::size_t slot) const { return search == identity && first <= slot && slot < last; }
  bool serves(std::uint64_t identity, std::size_t slot, double wanted, double widest) const {
    return serves(identity, slot) && wanted * (1 + 1e-5) <= radius && radius <= widest * wanted;
  }
};

struct Workspace {
  Shared region, cell;
  // Of the clouds. One origin for a whole system and a power of two for a unit: a difference of coordinates has the same bits whatever was asked before.
  Vec origin{};
  double unit = 1.0;
  Picked picked;
  double reach = 0.0;  // a little above the last k-th distance
  std::size_t reach_k = 0, next_slot = 0;
};

Workspace& workspace() {
  thread_local Workspace mine;
  constexpr std::size_t keep = std::size_t{1} << 20;
  if (mine.region.cloud.atom.size() > keep) mine = Workspace{};
  return mine;
}

// Branches up to this many radii long share a region (a longer one pays when atoms are asked for in spatial order) and a cell's candidates; an atom whose
// cell is longer than kAlone radii searches alone.
constexpr double kRegion = 2.2, kStray = 0.6, kCell = 0.9, kAlone = 4.0;

// A query looks this much farther than the k-th neighbour of the one before.
constexpr double kReach = 1.05;

// Coordinates have 48 bits: neighbours this much closer than the system is large have no exact distances.
constexpr double kClosest = 4e-8;

// How much wider than the first query a search is, so that it serves the next ones too, and how wide it may be for one to use it.
constexpr double kRegionMargin = 1.12, kCellMargin = 1.04, kWidestRegion = 2.0, kWidestCell = 1.25;

const SurroundingsKernel& kernel() {
  static const SurroundingsKernel best = available_surroundings_kernels().front();
  return best;
}

// Chooses the branch that shares a search with `slot`, at most `longest` long and within the slots [begin, end); returns its bounds.
Bounds choose_branch(const Tree& tree, std::size_t slot, double longest, double alone, std::size_t begin, std::size_t end, Shared& shared) {
  const auto allowed = [&](std::size_t node) { return begin <= tree.begin_of(node) && tree.end_of(node) <= end; };
  std::size_t node = tree.leaf_of(slot);
  while (node > 1 && tree.bounds[node / 2].longest() < longest && allowed(node / 2)) node /= 2;
  shared.first = tree.begin_of(node);
  shared.last = tree.end_of(node);
  if (tree.bounds[node].longest() <= alone && allowed(node)) return tree.bounds[node];
  shared.first = slot;
  shared.last = slot + 1;
  return {tree.point(slot), tree.point(slot)};
}

void gather_region(const SearchIndex& index, Workspace& work, std::size_t slot, double radius) {
  Shared& region = work.region;
  const double longest = slot == work.next_slot ? kRegion : kStray;
  const Bounds around = choose_branch(index.tree, slot, longest * radius, kAlone * radius, 0, index.tree.size(), region);
  region.radius = kRegionMargin * radius;
  int exponent = 0;
  std::frexp(radius, &exponent);
  work.unit = std::ldexp(1.0, exponent);
  const Bounds& all = index.tree.bounds[1];
  for (int d = 0; d < 3; ++d) work.origin[d] = 0.5 * (all.low[d] + all.high[d]);
  Cloud& cloud = region.cloud;
  const std::array<const double*, 3> from{index.tree.x.data(), index.tree.y.data(), index.tree.z.data()};
  const double scale = 1.0 / work.unit;
  cloud.size = 0;
  index.visit_images(around, region.radius, [&](const Cells& image, const Vec& offset, std::size_t begin, std::size_t end) {
    if (image == Cells{} && begin <= region.first && region.first < end) region.self = cloud.size + (region.first - begin);
    const std::size_t n = end - begin;
    cloud.make_room(cloud.size + n);
    for (std::size_t d = 0; d < 3; ++d)
      kernel().place(from[d] + begin, n, work.origin[d], offset[d], scale, cloud.whole[d].data() + cloud.size, cloud.rest[d].data() + cloud.size);
    std::copy_n(index.tree.atom.data() + begin, n, cloud.atom.data() + cloud.size);
    cloud.size += n;
  });
  cloud.close();
  region.search = index.identity;
  work.cell.search = 0;
}

// Where a candidate of `from` stands in `cloud`.
std::size_t find_in(const Cloud& cloud, const Cloud& from, std::size_t number) {
  std::size_t i = 0;
  const auto same = [&](std::size_t d) { return cloud.whole[d][i] == from.whole[d][number] && cloud.rest[d][i] == from.rest[d][number]; };
  while (cloud.atom[i] != from.atom[number] || !same(0) || !same(1) || !same(2)) ++i;
  return i;
}

// The atoms of a cell are among its candidates, in the order of their slots.
void cull_cell(const SearchIndex& index, Workspace& work, std::size_t slot, double radius) {
  Shared& cell = work.cell;
  const Bounds around = choose_branch(index.tree, slot, kCell * radius, kAlone * radius, work.region.first, work.region.last, cell);
  cell.radius = std::min(kCellMargin * radius, work.region.radius);
  const double scale = 1.0 / work.unit;
  FloatBox box;
  for (int d = 0; d < 3; ++d) {
    box.low[d] = static_cast<float>((around.low[d] - work.origin[d]) * scale);
    box.high[d] = static_cast<float>((around.high[d] - work.origin[d]) * scale);
  }
  const double reach = cell.radius * scale;
  const double slack = reach * (1 + 1e-5) + 1e-6 * (index.diagonal * scale + reach);  // far above the rounding of floats
  cell.cloud.make_room(work.region.cloud.size);
  kernel().cull(work.region.cloud, box, static_cast<float>(slack * slack), cell.cloud);
  cell.cloud.close();
  work.picked.make_room(cell.cloud.size);
  cell.self = find_in(cell.cloud, work.region.cloud, work.region.self + (cell.first - work.region.first));
  cell.search = index.identity;
}

void prepare(const SearchIndex& index, Workspace& work, std::size_t slot, double radius) {
  if (work.cell.serves(index.identity, slot, radius, kWidestCell)) return;
  if (!work.region.serves(index.identity, slot, radius, kWidestRegion)) gather_region(index, work, slot, radius);
  cull_cell(index, work, slot, radius);
}

double first_radius(const SearchIndex& index, const Workspace& work, std::size_t slot, std::size_t k) {
  if (work.region.search != index.identity || work.reach_k != k) return index.guess_radius(slot, k);
  if (work.region.serves(index.identity, slot)) return work.reach;
  return std::min(work.reach, 2.0 * index.guess_radius(slot, k));
}

void make_room(Surroundings& out, std::size_t n, bool with_index) {
  const std::size_t room = n + kSurroundingsPadding;
  for (auto* values : {&out.x, &out.y, &out.z, &out.distance2})
    if (values->size() < room) values->resize(room + n / 4);
  if (with_index && out.index.size() < room) out.index.resize(room + n / 4);
}

// An atom is put far away while its own neighbours are looked for.
class Hidden {
 public:
  Hidden(Cloud& cloud, std::size_t number) : x_(cloud.whole[0][number]), value_(x_) { x_ = kFarAway; }
  ~Hidden() { x_ = value_; }
  Hidden(const Hidden&) = delete;
  Hidden& operator=(const Hidden&) = delete;

 private:
  float& x_;
  float value_;
};

// Writes the neighbours closer than `radius` if they are at least `wanted`; returns how many there are.
std::size_t search_within(Workspace& work, std::size_t slot, double radius, std::size_t wanted, std::size_t most, bool with_index, Surroundings& out) {
  Cloud& cloud = work.cell.cloud;
  const std::size_t self = work.cell.self + (slot - work.cell.first);
  Center center;
  for (std::size_t d = 0; d < 3; ++d) {
    center.whole[d] = cloud.whole[d][self];
    center.rest[d] = cloud.rest[d][self];
  }
  const Hidden hidden(cloud, self);
  const auto limit = static_cast<float>(radius / work.unit);
  kernel().pick(cloud, center, limit * limit, with_index, work.picked);
  if (work.picked.count < wanted) return work.picked.count;
  make_room(out, work.picked.count, with_index);
  out.unit = work.unit;
  kernel().arrange(cloud, center, limit * limit, most, with_index, work.picked, out);
  out.complete2 = out.count < work.picked.count ? out.distance2[out.count - 1] : limit * limit;
  return work.picked.count;
}

}  // namespace

bool find_surroundings(const SearchIndex& index, std::size_t slot, std::size_t k, bool with_index, Surroundings& out) {
  Workspace& work = workspace();
  double radius = first_radius(index, work, slot, k);
  for (;;) {
    prepare(index, work, slot, radius);
    const bool everything = index.holds_everything(radius);
    const std::size_t found = search_within(work, slot, radius, everything ? 0 : k, k, with_index, out);
    if (everything && out.count == found) out.complete2 = std::numeric_limits<float>::infinity();
    if (everything || found >= k) break;
    radius = SearchIndex::wider(radius, found, k);
  }
  work.next_slot = slot + 1;
  if (out.count == 0) return true;
  const double farthest = std::sqrt(double{out.distance2[std::min(k, out.count) - 1]}) * work.unit;
  if (std::sqrt(double{out.distance2[0]}) * work.unit <= kClosest * (index.diagonal + farthest)) return false;
  if (out.count >= k) {
    work.reach = kReach * farthest;
    work.reach_k = k;
  }
  return true;
}

void to_surroundings(const std::vector<Neighbor>& found, bool is_all, bool with_index, Surroundings& out) {
  out.count = found.size();
  int exponent = 0;
  if (!found.empty()) std::frexp(std::sqrt(found.back().distance2), &exponent);
  out.unit = std::ldexp(1.0, exponent);
  for (auto* values : {&out.x, &out.y, &out.z, &out.distance2}) values->resize(out.count + kSurroundingsPadding);
  if (with_index) out.index.resize(out.count + kSurroundingsPadding);
  const double scale = 1.0 / out.unit;
  for (std::size_t i = 0; i < out.count; ++i) {
    const Vec& vector = found[i].vector;
    out.x[i] = static_cast<float>(vector[0] * scale);
    out.y[i] = static_cast<float>(vector[1] * scale);
    out.z[i] = static_cast<float>(vector[2] * scale);
    out.distance2[i] = static_cast<float>(found[i].distance2 * scale * scale);
    if (with_index) out.index[i] = found[i].index;
  }
  out.complete2 = is_all || found.empty() ? std::numeric_limits<float>::infinity() : out.distance2[out.count - 1];
}

}  // namespace mdlens
