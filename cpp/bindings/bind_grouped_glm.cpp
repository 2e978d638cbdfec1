// GroupedDesign, GroupedGlm and FramedGroupedGlm for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "def_framed_density.hpp"
#include "filbert/groups/framed_grouped_glm.hpp"
#include "glm_prior_spec.hpp"
#include "group_spec.hpp"

namespace py = pybind11;
using Eigen::Index;
using Eigen::VectorXd;
using filbert::FramedGroupedGlm;
using filbert::GlmData;
using filbert::GroupedDesign;
using filbert::GroupedGlm;

namespace {

GroupedGlm make_posterior(const std::shared_ptr<GlmData>& data, const std::shared_ptr<GroupedDesign>& design,
                          bool intercept, bool intercept_at_means, const std::vector<PriorSpec>& coefficient_priors,
                          const std::vector<AuxiliarySpec>& auxiliary_priors, const std::vector<TermSpec>& terms) {
  const filbert::GlmPriors priors =
      make_glm_priors(intercept, intercept_at_means, coefficient_priors, auxiliary_priors);
  const std::vector<filbert::TermModel> models = make_terms(terms);
  const py::gil_scoped_release release;
  return GroupedGlm(data, design, priors, models);
}

}  // namespace

void bind_grouped_glm(py::module_& module) {
  py::class_<GroupedDesign, std::shared_ptr<GroupedDesign>>(module, "GroupedDesign",
                                                            R"(The columns of all group effects, row by row.

Parameters
----------
n_groups : list of int
    Number of groups of each grouping factor.
terms : list of (int, int)
    Of each group term, the number of its factor and of its columns, (factor, columns).
Z : list of array, (rows, columns of the term), or None
    One a term; None for a column of ones.
codes : list of int64 array, (rows,)
    One a factor, from 0.)")
      .def(py::init(&make_grouped<GroupedDesign>), py::arg("n_groups"), py::arg("terms"), py::arg("Z"),
           py::arg("codes"))
      .def_property_readonly("n_rows", &GroupedDesign::rows);

  py::class_<GroupedGlm>(module, "GroupedGlm", R"(The posterior of a generalised linear model with group effects.

A position has, on the line, of each term its deviations and then w of its correlations (canonical partial correlations are tanh(w),
row after row of the lower triangle), the auxiliaries that are not fixed, and the coefficients whose priors have edges (these are
the `outer` ones); then the other coefficients (slopes times their predictors' `sd`, the intercept at the predictors' means); then
the standardised effects v of each factor, column after column, one a group.

Parameters
----------
data : GlmData
design : GroupedDesign
intercept, intercept_at_means, coefficient_priors, auxiliary_priors
    As those of GlmPosterior.
terms
    As those of GroupedGaussian.)")
      .def(py::init(&make_posterior), py::arg("data"), py::arg("design"), py::kw_only(), py::arg("intercept"),
           py::arg("intercept_at_means"), py::arg("coefficient_priors"), py::arg("auxiliary_priors"), py::arg("terms"))
      .def_property_readonly("dimension", &GroupedGlm::dimension, "Number of coordinates of a position.")
      .def_property_readonly("outer", &GroupedGlm::outer, "How many of them come before the other coefficients.")
      .def_property_readonly("parameters", &GroupedGlm::parameters,
                             "Numbers in a draw besides effects: coefficients, auxiliaries that are not fixed, and of "
                             "each term deviations and correlations.")
      .def_property_readonly("effects", &GroupedGlm::effects,
                             "Number of effects: of each term, column after column, one a group.")
      .def("log_density", &log_density_of<GroupedGlm>, py::arg("position"),
           "Log density at a position, with all constants and Jacobians, and its gradient.")
      .def(
          "to_user_scale",
          [](const GroupedGlm& posterior, const VectorXd& position) {
            filbert::require_size("position", position.size(), "elements", posterior.dimension());
            GroupedGlm own = posterior;
            VectorXd draw(posterior.parameters() + posterior.effects());
            own.to_user_scale(position, draw);
            return draw;
          },
          py::arg("position"), "The parameters and the effects at a position, as a draw has them.");

  py::class_<FramedGroupedGlm> framed(module, "FramedGroupedGlm", R"(A GroupedGlm in its frame.

A draw has the coefficients (the intercept first, where every predictor is 0), the auxiliaries that are not fixed, of each term its
deviations (also fixed ones) and its correlations (pairs in the order of itertools.combinations), and then, unless `effects` is False,
the effects of each term, column after column, one a group.

Parameters
----------
posterior : GroupedGlm
effects : bool, default True
    Whether draws hold the effects.)");
  framed
      .def(py::init([](const GroupedGlm& posterior, bool effects) { return FramedGroupedGlm(posterior, effects); }),
           py::arg("posterior"), py::kw_only(), py::arg("effects") = true, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("evaluations", &FramedGroupedGlm::evaluations,
                             "How often Laplace's approximation was evaluated to find the frame.")
      .def(
          "position",
          [](const FramedGroupedGlm& density, const VectorXd& u) {
            filbert::require_size("u", u.size(), "elements", density.dimension());
            FramedGroupedGlm own = density;
            return own.position(u);
          },
          py::arg("u"), "The position of the posterior at a point of the frame.");
  def_framed_density(framed);
}
