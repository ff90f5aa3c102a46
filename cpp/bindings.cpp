// The one door between Python and the core: nouns only, no policy. Arguments are validated in the typed Python layer above.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace {

// ---- neighbors ----------------------------------------------------------------------------------------------------------------------

void bind_neighbors(nb::module_&) {}

// ---- descriptors --------------------------------------------------------------------------------------------------------------------

void bind_neighbors_map(nb::module_&) {}

// ---- io -----------------------------------------------------------------------------------------------------------------------------

void bind_text(nb::module_&) {}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "Native core of mdlens.";
  bind_neighbors(m);
  bind_neighbors_map(m);
  bind_text(m);
}
