// EffectColumns, ReweightedGroupedGaussian and its sampling, for Python.
#include <pybind11/eigen.h>
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "filbert/groups/effect_columns.hpp"
#include "filbert/groups/reweighted_grouped_gaussian.hpp"
#include "group_spec.hpp"
#include "independence_result.hpp"

namespace py = pybind11;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::EffectColumns;
using filbert::FramedGroupedGaussian;
using filbert::ReweightedGroupedGaussian;

namespace {

/// Calls into Python from a thread that does not hold its lock.
ReweightedGroupedGaussian::LogRatios with_lock(py::object log_ratios) {
  const std::shared_ptr<py::object> shared(new py::object(std::move(log_ratios)), [](py::object* object) {
    const py::gil_scoped_acquire lock;
    delete object;
  });
  return [shared](const MatrixXd& draws, const MatrixXd& auxiliaries) {
    const py::gil_scoped_acquire lock;
    return (*shared)(draws, auxiliaries).cast<VectorXd>();
  };
}

py::dict sample(const ReweightedGroupedGaussian& density, Index draws, int chains, int cores, std::uint64_t seed,
                bool refuses) {
  const filbert::IndependenceThresholds asked = filbert::thresholds_of_reweighting();
  const filbert::IndependenceSettings settings = make_settings(draws, chains, cores, seed);
  const Index variables = density.variables();
  py::dict result, sampling;
  const IndependenceArrays arrays = new_arrays(sampling, variables, chains, draws);
  std::vector<filbert::IndependenceChain> done;
  std::string complaint;
  {
    const py::gil_scoped_release release;
    const ReweightedGroupedGaussian::Pilot pilot = density.pilot(seed, cores, asked);
    complaint = pilot.refusal;
    if (complaint.empty() || !refuses) {
      FramedGroupedGaussian frame = pilot.frame;
      const filbert::ForeseenProposals proposals = filbert::foresee(pilot.proposal, density.dimension(frame), settings);
      const VectorXd log_density = density.log_densities(frame, proposals.points, cores);
      VectorXd draw(variables);
      const auto record = [&](int chain, Index iteration, const VectorXd& position,
                              const filbert::IndependenceStatistics& statistics) {
        const Index at = chain * draws + iteration;
        if (statistics.accepted || iteration == 0) density.write(frame, position, draw);
        for (Index v = 0; v < variables; ++v) arrays.values[(v * chains + chain) * draws + iteration] = draw(v);
        arrays.log_density[at] = frame.user_log_density(position.head(frame.dimension()), statistics.log_density);
        arrays.record(at, statistics);
      };
      done = filbert::decide(proposals, log_density, settings, record, [](Index, Index) { return true; });
      using Rows = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
      const Index rows = density.parameters() * chains;
      if (complaint.empty()) complaint = filbert::complaint_about(done, Rows(arrays.values, rows, draws), asked, cores);
    }
  }
  result["refusal"] = refuses ? complaint : "";
  if (refuses && !complaint.empty()) return result;
  result["sampling"] = sampling;
  describe(result, done);
  result["sampler"] = "independence";
  result["complaint"] = complaint;
  result["interrupted"] = false;
  return result;
}

}  // namespace

void bind_reweighted(py::module_& module) {
  py::class_<EffectColumns, std::shared_ptr<EffectColumns>>(module, "EffectColumns",
                                                            R"(Which effects of group terms reach each of some rows.

Parameters
----------
n_groups, terms, Z, codes
    As those of GroupedDesign.)")
      .def(py::init(&make_grouped<EffectColumns>), py::arg("n_groups"), py::arg("terms"), py::arg("Z"),
           py::arg("codes"))
      .def("predictors", &EffectColumns::predictors, py::arg("effects"), py::call_guard<py::gil_scoped_release>(),
           "What effects, in the order of draws, add to the linear predictor of each row.")
      .def("batch", &EffectColumns::batch, py::arg("data"), py::arg("c"), py::arg("auxiliaries"), py::arg("effects"),
           py::arg("threads") = 1, py::call_guard<py::gil_scoped_release>(),
           "Log likelihoods as those of GlmData.batch, with effects, (effects, draws), added to the rows.");

  py::class_<ReweightedGroupedGaussian>(module, "ReweightedGroupedGaussian",
                                        R"(The posterior of a mixed model whose rows are elsewhere.

A Gaussian mixed model with the same priors takes its place, times the ratio of the likelihoods.

Parameters
----------
surrogate : FramedGroupedGaussian
    Whose draws hold effects.
log_ratios : callable
    Takes draws of the surrogate, (variables, draws), and of the auxiliaries that are not known, (auxiliaries, draws), and returns the log
    likelihood of each less the surrogate's, with the log prior of the logarithms of auxiliaries, (draws,).
means : array, (columns,) or (0,)
    What the predictors of the surrogate are centred at: the intercept of draws is moved to where every predictor is 0.
auxiliaries : (array, array, array)
    Logarithms of auxiliaries are proposed about centre + slopes · draw: the centre, the lower factor of their covariance, and the slopes,
    (auxiliaries, variables).
effects : bool, default True
    Whether draws hold the effects.)")
      .def(py::init([](const FramedGroupedGaussian& surrogate, py::object log_ratios, VectorXd means,
                       const std::tuple<VectorXd, MatrixXd, MatrixXd>& auxiliaries, bool effects) {
             return ReweightedGroupedGaussian(
                 surrogate, with_lock(std::move(log_ratios)), std::move(means),
                 {std::get<0>(auxiliaries), std::get<1>(auxiliaries), std::get<2>(auxiliaries)}, effects);
           }),
           py::arg("surrogate"), py::arg("log_ratios"), py::kw_only(), py::arg("means"), py::arg("auxiliaries"),
           py::arg("effects") = true)
      .def_property_readonly("variables", &ReweightedGroupedGaussian::variables);

  module.def(
      "sample_reweighted", &sample, py::arg("density"), py::kw_only(), py::arg("draws"), py::arg("chains"),
      py::arg("cores"), py::arg("seed"), py::arg("refuses"),
      R"(Samples a ReweightedGroupedGaussian by independence Metropolis: ratios of a pilot's draws are asked for, and then of those of all chains.

Returns what `sample_glm_by_passes` does; "lp" is the log density of θ under the surrogate plus the log ratio of the likelihoods.)");
}
