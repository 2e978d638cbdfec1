// Convergence diagnostics for Python.
#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "filbert/draws/diagnostics.hpp"

namespace py = pybind11;

namespace {

using Draws = py::array_t<double, py::array::c_style | py::array::forcecast>;
using ChainsMap = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

void check_dimensions(const Draws& draws, py::ssize_t expected, const char* axes) {
  if (draws.ndim() == expected) return;
  throw std::invalid_argument("draws must have the dimensions " + std::string(axes) + ", but the array has " +
                              std::to_string(draws.ndim()));
}

/// A diagnostic of one quantity as a Python function. The argument keeps the array alive while the GIL is released.
template <typename Diagnostic>
auto of_chains(Diagnostic diagnostic) {
  return [diagnostic](const Draws& draws) {
    check_dimensions(draws, 2, "(chains, draws)");
    const ChainsMap chains(draws.data(), draws.shape(0), draws.shape(1));
    const py::gil_scoped_release release;
    return diagnostic(chains);
  };
}

/// The diagnostics of many quantities, which threads compute while Python goes on.
class ChainSummaries {
 public:
  ChainSummaries(const Draws& draws, int threads)
      : draws_(checked(draws)), summaries_(rows(draws_), draws.shape(1), threads) {}

  py::tuple result() {
    const std::vector<filbert::ChainSummary>* found = nullptr;
    {
      const py::gil_scoped_release release;
      found = &summaries_.result();
    }
    const py::ssize_t quantities = draws_.shape(0);
    py::array_t<double> rhat(quantities), ess_bulk(quantities), ess_tail(quantities);
    for (py::ssize_t i = 0; i < quantities; ++i) {
      const filbert::ChainSummary& summary = (*found)[static_cast<std::size_t>(i)];
      rhat.mutable_at(i) = summary.rhat;
      ess_bulk.mutable_at(i) = summary.ess_bulk;
      ess_tail.mutable_at(i) = summary.ess_tail;
    }
    return py::make_tuple(rhat, ess_bulk, ess_tail);
  }

 private:
  static const Draws& checked(const Draws& draws) {
    check_dimensions(draws, 3, "(quantities, chains, draws)");
    return draws;
  }

  static ChainsMap rows(const Draws& draws) { return {draws.data(), draws.shape(0) * draws.shape(1), draws.shape(2)}; }

  Draws draws_;  // kept while threads read them
  filbert::ChainSummaries summaries_;
};

}  // namespace

void bind_diagnostics(py::module_& module) {
  module.def("split_rhat", of_chains(&filbert::split_rhat), py::arg("draws"),
             "Rank-normalised split R-hat of (chains, draws).");
  module.def("ess_bulk", of_chains(&filbert::ess_bulk), py::arg("draws"),
             "Bulk effective sample size of (chains, draws).");
  module.def("ess_mean", of_chains(&filbert::ess_mean), py::arg("draws"),
             "Effective sample size of (chains, draws) for the Monte Carlo error of their mean.");
  module.def("ess_tail", of_chains(&filbert::ess_tail), py::arg("draws"),
             "Effective sample size of the 5% or the 95% quantile of (chains, draws), whichever is smaller.");
  module.def("e_bfmi", of_chains(&filbert::e_bfmi), py::arg("energy"),
             "Estimated Bayesian fraction of missing information of each chain of (chains, draws).");
  py::class_<ChainSummaries>(module, "ChainSummaries",
                             "R-hat, bulk and tail effective sample size of each quantity of (quantities, chains, "
                             "draws), which other threads begin to compute.")
      .def(py::init<const Draws&, int>(), py::arg("draws"), py::arg("threads") = 1)
      .def("result", &ChainSummaries::result, "The three arrays; this thread computes what is left, too.");
}
