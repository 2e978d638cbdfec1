// How many processors there are to use, for Python.
#include <pybind11/pybind11.h>

#include "filbert/threads/available_processors.hpp"

void bind_threads(pybind11::module_& module) {
  module.def(
      "available_processors", &filbert::available_processors,
      "The number of processors that this process may use: the least of the machine's, those it is bound to, and the "
      "quota of its container, rounded up.");
}
