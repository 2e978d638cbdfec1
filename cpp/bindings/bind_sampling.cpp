// Runs the chains for Python: arrays filled in place, signals and progress polled while the workers run.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "callable_density.hpp"
#include "def_framed_density.hpp"
#include "filbert/density/framed_glm.hpp"
#include "filbert/density/framed_linear_gaussian.hpp"
#include "filbert/groups/framed_grouped_gaussian.hpp"
#include "filbert/groups/framed_grouped_glm.hpp"
#include "filbert/sampler/sample.hpp"
#include "poll.hpp"
#include "transition_arrays.hpp"

namespace py = pybind11;
using Eigen::Index;

namespace {

template <filbert::FramedDensity Density>
py::dict sample(const Density& density, Index draws, Index tune, int chains, int cores, std::uint64_t seed,
                double target_accept, int max_treedepth, bool keep_warmup, py::object report) {
  filbert::SampleSettings settings;
  settings.draws = draws;
  settings.tune = tune;
  settings.chains = chains;
  settings.cores = cores;
  settings.seed = seed;
  settings.nuts.target_accept = target_accept;
  settings.nuts.max_treedepth = max_treedepth;
  settings.validate();

  py::dict result, sampling_arrays, warmup_arrays;
  const filbert::PhaseArrays sampling = new_transition_arrays(sampling_arrays, density.variables(), chains, draws);
  filbert::PhaseArrays warmup;
  warmup.iterations = tune;
  if (keep_warmup) {
    warmup = new_transition_arrays(warmup_arrays, density.variables(), chains, tune);
    result["warmup"] = warmup_arrays;
  }
  result["sampling"] = sampling_arrays;

  filbert::Progress progress(chains);
  Poll poll(progress, tune + draws, std::move(report));
  std::vector<Index> iterations;
  {
    // The arrays above stay alive through `result`; workers write to their memory and touch no Python object, or take the lock.
    const py::gil_scoped_release release;
    iterations = fill_arrays(density, chains, warmup, sampling, [&](const auto& record) {
      return filbert::sample(density, settings, record, progress, poll);
    });
  }
  result["iterations"] = iterations;
  return result;
}

template <filbert::FramedDensity Density>
void def_sample(py::module_& module) {
  module.def("sample", &sample<Density>, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("tune"),
             py::arg("chains"), py::arg("cores"), py::arg("seed"), py::arg("target_accept"), py::arg("max_treedepth"),
             py::arg("keep_warmup"), py::arg("report"),
             R"(Samples a framed posterior by NUTS.

Calls ``report([(iterations, divergences), ...], iterations)``, with those of each chain and those that each is to make, every 50 ms
unless it is None. Returns the arrays of "sampling" (and of "warmup"), and the "iterations" that each chain completed: fewer than asked
for if Ctrl-C stopped it.)");
}

}  // namespace

void bind_sampling(py::module_& module) {
  py::class_<CallableDensity> callable(module, "CallableDensity", R"(A density that Python functions compute.

Parameters
----------
dimension : int
    Number of coordinates to sample; chains start in (-2, 2) in each.
variables : int
    Number of values that make up a draw.
log_density : callable
    Takes a position, (dimension,), and returns the log density there and its gradient, (dimension,).
to_user_scale : callable
    Takes positions, (dimension, draws), and returns the variables at each, (variables, draws).)");
  callable.def(py::init<Index, Index, py::object, py::object>(), py::arg("dimension"), py::arg("variables"),
               py::arg("log_density"), py::arg("to_user_scale"));
  def_framed_density(callable);

  // Every density that can be sampled.
  def_sample<filbert::FramedLinearGaussian>(module);
  def_sample<filbert::FramedGlm>(module);
  def_sample<filbert::FramedGroupedGaussian>(module);
  def_sample<filbert::FramedGroupedGlm>(module);
  def_sample<CallableDensity>(module);
}
