// The one door between Python and the core: nouns only, no policy. Arguments are validated in the typed Python layer above.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "mdlens/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <limits>
#include <new>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "mdlens/byte_map.hpp"
#include "mdlens/byte_network.hpp"
#include "mdlens/neighbors.hpp"
#include "mdlens/neighbors_map.hpp"
#include "mdlens/pairs.hpp"
#include "mdlens/shell_mean.hpp"

namespace nb = nanobind;

namespace {

template <class T, std::size_t Dims>
using Input = nb::ndarray<const T, nb::ndim<Dims>, nb::c_contig, nb::device::cpu>;

// A new array that Python owns, not initialised. Large ones ask for huge pages: first touching gigabytes in 4 kB pages costs more than the work.
template <class T>
class Output {
 public:
  explicit Output(std::initializer_list<std::size_t> shape) : shape_(shape) {
    constexpr std::size_t huge = std::size_t{2} << 20;
    std::size_t bytes = sizeof(T);
    for (const std::size_t extent : shape) {
      if (extent > 0 && bytes > std::numeric_limits<std::size_t>::max() / 2 / extent) throw std::bad_alloc();
      bytes *= extent;
    }
    const bool large = bytes >= 2 * huge;
    data_ = static_cast<T*>(large ? std::aligned_alloc(huge, (bytes + huge - 1) / huge * huge) : std::malloc(bytes > 0 ? bytes : 1));
    if (data_ == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (large) madvise(data_, bytes, MADV_HUGEPAGE);
#endif
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { std::free(data_); }

  T* data() { return data_; }

  nb::ndarray<nb::numpy, T> release() {
    nb::capsule owner(data_, [](void* data) noexcept { std::free(data); });
    T* const data = std::exchange(data_, nullptr);
    return nb::ndarray<nb::numpy, T>(data, shape_.size(), shape_.data(), owner);
  }

 private:
  std::vector<std::size_t> shape_;
  T* data_ = nullptr;
};

// ---- neighbors ----------------------------------------------------------------------------------------------------------------------

using mdlens::NeighborSearch;

void new_search(NeighborSearch* self, Input<double, 2> positions, Input<double, 2> cell, Input<bool, 1> pbc, int threads) {
  if (positions.shape(1) != 3 || cell.shape(0) != 3 || cell.shape(1) != 3 || pbc.shape(0) != 3)
    throw nb::value_error("positions must be (N, 3), cell (3, 3) and pbc (3,)");
  mdlens::Box box{};
  std::copy(cell.data(), cell.data() + 9, box.cell.begin());
  std::copy(pbc.data(), pbc.data() + 3, box.periodic.begin());
  const nb::gil_scoped_release no_gil;
  new (self) NeighborSearch(positions.data(), positions.shape(0), box, threads);
}

nb::tuple pairs(const NeighborSearch& search, double cutoff, int threads) {
  std::vector<std::int64_t> starts(search.size() + 1, 0);
  {
    const nb::gil_scoped_release no_gil;
    mdlens::count_pairs(search, cutoff, threads, starts.data() + 1);
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
  }
  const auto n = static_cast<std::size_t>(starts.back());
  Output<std::int64_t> i({n}), j({n});
  Output<std::int32_t> shift({n, 3});
  Output<double> vector({n, 3}), distance({n});
  {
    const nb::gil_scoped_release no_gil;
    mdlens::fill_pairs(search, cutoff, threads, starts.data(), {i.data(), j.data(), shift.data(), vector.data(), distance.data()});
  }
  return nb::make_tuple(i.release(), j.release(), shift.release(), vector.release(), distance.release());
}

nb::tuple nearest(const NeighborSearch& search, std::size_t k, int threads) {
  const std::size_t n = search.size();
  Output<std::int64_t> index({n, k});
  Output<std::int32_t> shift({n, k, 3});
  Output<double> vector({n, k, 3}), distance({n, k});
  {
    const nb::gil_scoped_release no_gil;
    mdlens::fill_nearest(search, k, threads, {index.data(), shift.data(), vector.data(), distance.data()});
  }
  return nb::make_tuple(index.release(), shift.release(), vector.release(), distance.release());
}

nb::ndarray<nb::numpy, float> nearest_vectors(const NeighborSearch& search, std::size_t k, Input<std::int64_t, 1> atoms, int threads) {
  Output<float> out({atoms.shape(0), k, 3});
  {
    const nb::gil_scoped_release no_gil;
    mdlens::fill_vectors(search, k, atoms.data(), atoms.shape(0), threads, out.data());
  }
  return out.release();
}

nb::ndarray<nb::numpy, float> shell_mean(const NeighborSearch& search, Input<float, 2> values, std::size_t k, int threads) {
  if (values.shape(0) != search.size()) throw nb::value_error("values must have one row per atom");
  Output<float> out({values.shape(0), values.shape(1)});
  {
    const nb::gil_scoped_release no_gil;
    mdlens::shell_mean(search, values.data(), values.shape(1), k, threads, out.data());
  }
  return out.release();
}

nb::ndarray<nb::numpy, float> off_center(const NeighborSearch& search, std::size_t k, int threads) {
  Output<float> out({search.size()});
  {
    const nb::gil_scoped_release no_gil;
    mdlens::off_center(search, k, threads, out.data());
  }
  return out.release();
}

// A view: the search lives as long as it.
nb::object spatial_order(const nb::handle& self) {
  const auto& order = nb::cast<const NeighborSearch&>(self).spatial_order();
  return nb::cast(nb::ndarray<nb::numpy, const std::int32_t, nb::ndim<1>>(order.data(), {order.size()}, self));
}

void bind_neighbors(nb::module_& m) {
  nb::class_<NeighborSearch>(m, "NeighborSearch")
      .def("__init__", &new_search, nb::arg("positions"), nb::arg("cell"), nb::arg("pbc"), nb::arg("threads") = 1)
      .def("__len__", &NeighborSearch::size)
      .def_prop_ro("spatial_order", &spatial_order)
      .def("pairs", &pairs, nb::arg("cutoff"), nb::arg("threads"))
      .def("nearest", &nearest, nb::arg("k"), nb::arg("threads"))
      .def("nearest_vectors", &nearest_vectors, nb::arg("k"), nb::arg("atoms"), nb::arg("threads"))
      .def("shell_mean", &shell_mean, nb::arg("values"), nb::arg("k"), nb::arg("threads"))
      .def("off_center", &off_center, nb::arg("k"), nb::arg("threads"));
}

// ---- descriptors --------------------------------------------------------------------------------------------------------------------

mdlens::Isa parse_isa(const std::string& name) {
  for (const auto isa : {mdlens::Isa::automatic, mdlens::Isa::portable, mdlens::Isa::avx2, mdlens::Isa::avx512})
    if (name == mdlens::isa_name(isa)) return isa;
  throw std::invalid_argument("there is no instruction set \"" + name + "\": choose automatic, portable, avx2 or avx512");
}

void fill_maps(const NeighborSearch& search, const mdlens::MapOptions& options, Input<float, 2> table, Input<std::int32_t, 1> kinds,
               Input<std::int64_t, 1> atoms, nb::ndarray<float, nb::ndim<4>, nb::c_contig, nb::device::cpu> out, int threads,
               const std::string& isa) {
  const bool fits = kinds.shape(0) == search.size() && out.shape(0) == atoms.shape(0) && out.shape(1) == table.shape(1) &&
                    out.shape(2) == static_cast<std::size_t>(options.size) && out.shape(3) == out.shape(2);
  if (!fits) throw std::invalid_argument("the arrays of a Neighbors Map do not fit together");
  const int channels = static_cast<int>(table.shape(1)), kind_count = static_cast<int>(table.shape(0));
  for (std::size_t i = 0; i < kinds.shape(0); ++i)
    if (kinds(i) < 0 || kinds(i) >= kind_count) throw std::invalid_argument("an atom is of a kind that has no weights");
  const mdlens::MapWeights weights{.channels = channels, .kinds = kind_count, .table = table.data(), .kind = kinds.data()};
  const auto chosen = parse_isa(isa);
  const nb::gil_scoped_release no_gil;
  mdlens::neighbors_maps(search, options, weights, atoms.data(), atoms.shape(0), out.data(), threads, chosen);
}

void bind_neighbors_map(nb::module_& m) {
  nb::class_<mdlens::MapOptions>(m, "MapOptions", "How a Neighbors Map is drawn; 0 stands for no cutoff, no candidates or no scale.")
      .def("__init__",
           [](mdlens::MapOptions* self, int size, double gamma, double beta, int candidates, double cutoff, int scale_neighbors) {
             new (self) mdlens::MapOptions{size, gamma, beta, candidates, cutoff, scale_neighbors};
           },
           nb::arg("size"), nb::arg("gamma"), nb::arg("beta"), nb::arg("candidates"), nb::arg("cutoff"), nb::arg("scale_neighbors"));
  m.def("neighbors_maps", &fill_maps, nb::arg("search"), nb::arg("options"), nb::arg("weights"), nb::arg("kinds"), nb::arg("atoms"), nb::arg("out").noconvert(), nb::arg("threads"), nb::arg("isa"),
        "Draw the maps of `atoms` into `out` (M, C, n, n); weights (kinds, C) of the kinds (N,) of all atoms.");
  m.def("supported_isas", [] {
    std::vector<std::string> names;
    for (const auto isa : mdlens::supported_isas()) names.emplace_back(mdlens::isa_name(isa));
    return names;
  }, "Name the instruction sets that this processor and this build both have, slowest first.");
}

using mdlens::ByteNetwork;
using LayerArrays = std::tuple<int, int, Input<std::int8_t, 3>, Input<float, 2>, Input<float, 2>>;

nb::ndarray<nb::numpy, std::uint8_t> byte_maps(const NeighborSearch& search, const mdlens::MapOptions& options, float reach, float levels,
                                               Input<std::int64_t, 1> atoms, int threads, const std::string& isa) {
  const auto size = static_cast<std::size_t>(std::max(options.size, 0));
  Output<std::uint8_t> out({atoms.shape(0), size, size});
  {
    const auto chosen = parse_isa(isa);
    const nb::gil_scoped_release no_gil;
    mdlens::byte_maps(search, options, {reach, levels}, atoms.data(), atoms.shape(0), out.data(), threads, chosen);
  }
  return out.release();
}

mdlens::ByteLayer byte_layer(const LayerArrays& arrays) {
  const auto& [height, width, weights, scale, bias] = arrays;
  const std::size_t patches = weights.shape(0), outputs = weights.shape(1);
  for (const auto* array : {&scale, &bias})
    if (array->shape(0) != patches || array->shape(1) != outputs) throw std::invalid_argument("scale and bias of a layer must be (patches, outputs)");
  if (weights.size() > (std::size_t{1} << 30)) throw std::invalid_argument("a layer has at most 2^30 weights");
  return {height, width, static_cast<int>(patches), static_cast<int>(outputs), static_cast<int>(weights.shape(2)), weights.data(), scale.data(), bias.data()};
}

void new_byte_network(ByteNetwork* self, int size, const std::vector<LayerArrays>& arrays) {
  std::vector<mdlens::ByteLayer> layers;
  for (const LayerArrays& layer : arrays) layers.push_back(byte_layer(layer));
  new (self) ByteNetwork(size, layers);
}

nb::ndarray<nb::numpy, float> run_byte_network(const ByteNetwork& network, Input<std::uint8_t, 3> maps, int threads, const std::string& isa) {
  const auto size = static_cast<std::size_t>(network.size());
  if (maps.shape(1) != size || maps.shape(2) != size) throw std::invalid_argument("maps must be (M, size, size), of the network's size");
  Output<float> out({maps.shape(0), static_cast<std::size_t>(network.embedding())});
  {
    const auto chosen = parse_isa(isa);
    const nb::gil_scoped_release no_gil;
    network.run(maps.data(), maps.shape(0), out.data(), threads, chosen);
  }
  return out.release();
}

nb::tuple embed(const ByteNetwork& network, const NeighborSearch& search, const mdlens::MapOptions& options, float reach, float levels,
                Input<std::int64_t, 1> atoms, int threads, const std::string& isa) {
  Output<float> out({atoms.shape(0), static_cast<std::size_t>(network.embedding())});
  Output<bool> enough({atoms.shape(0)});
  {
    const auto chosen = parse_isa(isa);
    const nb::gil_scoped_release no_gil;
    mdlens::embed(search, options, {reach, levels}, network, atoms.data(), atoms.shape(0), out.data(), enough.data(), threads, chosen);
  }
  return nb::make_tuple(out.release(), enough.release());
}

void bind_byte_network(nb::module_& m) {
  m.def("byte_maps", &byte_maps, nb::arg("search"), nb::arg("options"), nb::arg("reach"), nb::arg("levels"), nb::arg("atoms"), nb::arg("threads"), nb::arg("isa"),
        "Draw the maps of `atoms` in bytes, (M, n, n).");
  nb::class_<ByteNetwork>(m, "ByteNetwork", "8-bit layers (h, w, weights (P, O, I), scale (P, O), bias (P, O)) over byte maps.")
      .def("__init__", &new_byte_network, nb::arg("size"), nb::arg("layers"))
      .def_prop_ro("size", &ByteNetwork::size)
      .def_prop_ro("embedding", &ByteNetwork::embedding)
      .def("run", &run_byte_network, nb::arg("maps"), nb::arg("threads"), nb::arg("isa"))
      .def("embed", &embed, nb::arg("search"), nb::arg("options"), nb::arg("reach"), nb::arg("levels"), nb::arg("atoms"), nb::arg("threads"), nb::arg("isa"));
}

// ---- io -----------------------------------------------------------------------------------------------------------------------------

nb::object take_column(mdlens::TableReader& table, std::size_t column) {
  const auto rows = static_cast<std::size_t>(table.rows());
  const bool is_real = table.kind(column) == mdlens::Kind::real;
  mdlens::Cells cells = table.release(column);
  if (!cells && rows > 0) throw std::invalid_argument("this column was taken before");
  void* memory = cells.release();
  nb::capsule owner(memory, [](void* data) noexcept { std::free(data); });
  if (is_real) return nb::cast(nb::ndarray<nb::numpy, double, nb::ndim<1>>(memory, {rows}, owner));
  return nb::cast(nb::ndarray<nb::numpy, std::int64_t, nb::ndim<1>>(memory, {rows}, owner));
}

using TextArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

using TextColumn = std::tuple<TextArray, int, std::optional<TextArray>>;  // values, decimals, the words that values stand for

void set_words(mdlens::OutputColumn& column, const TextArray& words, const TextArray& codes, std::size_t rows) {
  if (words.ndim() != 2 || words.dtype() != nb::dtype<std::uint32_t>() || column.type != mdlens::OutputColumn::Type::narrow)
    throw std::invalid_argument("coded words must be int32 places in a table of uint32 code points with two dimensions");
  column.type = mdlens::OutputColumn::Type::coded;
  column.words = words.data();
  column.word_count = words.shape(0);
  column.width = words.shape(1);
  const auto* places = static_cast<const std::int32_t*>(codes.data());
  const auto within = [&column](std::int32_t place) { return place >= 0 && static_cast<std::size_t>(place) < column.word_count; };
  if (!std::all_of(places, places + rows, within)) throw std::invalid_argument("a coded word is outside its table");
}

mdlens::OutputColumn output_column(const TextColumn& input, std::size_t rows) {
  using Type = mdlens::OutputColumn::Type;
  const auto& [array, decimals, words] = input;
  if (array.ndim() == 0 || array.ndim() > 2 || array.shape(0) != rows) throw std::invalid_argument("columns must have one row per line");
  mdlens::OutputColumn column;
  column.data = array.data();
  column.decimals = decimals;
  if (array.ndim() == 2 && array.dtype() == nb::dtype<std::uint32_t>()) {
    column.type = Type::ucs4;
    column.width = array.shape(1);
  } else if (array.ndim() == 1 && array.dtype() == nb::dtype<double>()) {
    column.type = Type::real;
  } else if (array.ndim() == 1 && array.dtype() == nb::dtype<float>()) {
    column.type = Type::single;
  } else if (array.ndim() == 1 && array.dtype() == nb::dtype<std::int64_t>()) {
    column.type = Type::integer;
  } else if (array.ndim() == 1 && array.dtype() == nb::dtype<std::int32_t>()) {
    column.type = Type::narrow;
  } else {
    throw std::invalid_argument("a column must be float64, float32, int64, int32, or uint32 code points with two dimensions");
  }
  if (words) set_words(column, *words, array, rows);
  return column;
}

nb::bytes format_rows(const std::vector<TextColumn>& columns, std::size_t rows) {
  std::vector<mdlens::OutputColumn> output;
  output.reserve(columns.size());
  for (const TextColumn& column : columns) output.push_back(output_column(column, rows));
  std::string text;
  {
    const nb::gil_scoped_release no_gil;
    text = mdlens::format_rows(output, rows);
  }
  return nb::bytes(text.data(), text.size());
}

std::string_view tail(const nb::bytes& bytes, std::size_t offset) {
  return std::string_view(bytes.c_str(), bytes.size()).substr(offset);
}

void bind_text(nb::module_& m) {
  using mdlens::Fault, mdlens::Kind, mdlens::Rule, mdlens::TableReader;
  nb::enum_<Rule>(m, "Rule")
      .value("coordinate", Rule::coordinate).value("real", Rule::real).value("integer", Rule::integer)
      .value("text", Rule::text).value("any", Rule::any);
  nb::enum_<Kind>(m, "Kind").value("real", Kind::real).value("integer", Kind::integer).value("text", Kind::text);
  nb::enum_<Fault>(m, "Fault")
      .value("none", Fault::none).value("too_few", Fault::too_few).value("too_many", Fault::too_many)
      .value("not_number", Fault::not_number).value("not_finite", Fault::not_finite).value("not_integer", Fault::not_integer)
      .value("not_word", Fault::not_word).value("changed_kind", Fault::changed_kind).value("next_item", Fault::next_item)
      .value("cut", Fault::cut);
  nb::class_<mdlens::Issue>(m, "Issue")
      .def_ro("fault", &mdlens::Issue::fault)
      .def_ro("row", &mdlens::Issue::row)
      .def_ro("column", &mdlens::Issue::column)
      .def_prop_ro("token", [](const mdlens::Issue& issue) { return nb::bytes(issue.token.data(), issue.token.size()); });
  nb::class_<TableReader>(m, "TableReader")
      .def(nb::init<const std::vector<Rule>&, std::int64_t>(), nb::arg("rules"), nb::arg("rows"))
      .def("feed", [](TableReader& self, const nb::bytes& bytes, std::size_t offset, bool last) {
        const std::string_view text = tail(bytes, offset);
        const nb::gil_scoped_release no_gil;
        return self.feed(text, last);
      }, nb::arg("data"), nb::arg("offset"), nb::arg("last"))
      .def_prop_ro("complete", &TableReader::complete)
      .def_prop_ro("rows", &TableReader::rows)
      .def_prop_ro("issue", &TableReader::issue)
      .def("kind", &TableReader::kind, nb::arg("column"))
      .def("words", [](const TableReader& self, std::size_t column) {
        nb::list words;
        for (const std::string& word : self.words(column)) words.append(nb::bytes(word.data(), word.size()));
        return words;
      }, nb::arg("column"))
      .def("take", &take_column, nb::arg("column"));
  m.def("skip_lines", [](const nb::bytes& bytes, std::size_t offset, std::int64_t lines, bool last) {
    const std::string_view text = tail(bytes, offset);
    const nb::gil_scoped_release no_gil;
    const mdlens::Skipped skipped = mdlens::skip_lines(text, lines, last);
    return std::pair(skipped.bytes, skipped.lines);
  }, nb::arg("data"), nb::arg("offset"), nb::arg("lines"), nb::arg("last"));
  m.def("format_rows", &format_rows, nb::arg("columns"), nb::arg("rows"));
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "Native core of mdlens.";
  bind_neighbors(m);
  bind_neighbors_map(m);
  bind_byte_network(m);
  bind_text(m);
}
