// Data, posterior, frame and maximum likelihood of generalised linear models for Python.
#include <pybind11/eigen.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <Eigen/Cholesky>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "def_framed_density.hpp"
#include "filbert/density/framed_glm.hpp"
#include "filbert/density/glm_mode.hpp"
#include "filbert/density/remainders.hpp"
#include "glm_prior_spec.hpp"

namespace py = pybind11;
using Eigen::Index;
using filbert::Family;
using filbert::FramedGlm;
using filbert::GlmData;
using filbert::GlmPosterior;
using filbert::Link;

namespace {

using SharedData = std::shared_ptr<GlmData>;  // const to all but pybind11
using Matrix = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using Vector = std::optional<Eigen::VectorXd>;

Eigen::VectorXd or_empty(const Vector& vector) { return vector ? *vector : Eigen::VectorXd(); }

/// Keeps a Python object that any thread may let go of.
std::shared_ptr<py::object> hold(py::object object) {
  return std::shared_ptr<py::object>(new py::object(std::move(object)), [](py::object* held) {
    const py::gil_scoped_acquire acquire;
    delete held;
  });
}

/// A family that is a Python object: `auxiliaries`, names, and `log_likelihood(eta, y, trials, auxiliaries)`, which returns two arrays.
filbert::UserLikelihood user_likelihood(const py::object& family, const filbert::GlmResponses& responses) {
  filbert::UserLikelihood likelihood;
  likelihood.auxiliaries = family.attr("auxiliaries").cast<std::vector<std::string>>();
  const auto function = hold(family.attr("log_likelihood"));
  const auto y = hold(py::cast(responses.y));
  const auto trials = hold(responses.trials.size() > 0 ? py::cast(responses.trials) : py::none());
  const std::vector<std::string> names = likelihood.auxiliaries;
  likelihood.evaluate = [function, y, trials, names](const Eigen::Ref<const Eigen::VectorXd>& eta,
                                                     const Eigen::Ref<const Eigen::VectorXd>& auxiliaries,
                                                     Eigen::Ref<Eigen::VectorXd> value,
                                                     Eigen::Ref<Eigen::VectorXd> slope) {
    const py::gil_scoped_acquire acquire;
    py::dict by_name;
    for (std::size_t k = 0; k < names.size(); ++k) by_name[py::str(names[k])] = auxiliaries(static_cast<Index>(k));
    const auto result =
        (*function)(Eigen::VectorXd(eta), *y, *trials, by_name).cast<std::pair<Eigen::VectorXd, Eigen::VectorXd>>();
    filbert::require_size("the log likelihoods that the family returned", result.first.size(), "elements", eta.size());
    filbert::require_size("the slopes that the family returned", result.second.size(), "elements", eta.size());
    value = result.first;
    slope = result.second;
  };
  return likelihood;
}

SharedData make_data(const py::object& family, const std::string& link, const Matrix& X, const Eigen::VectorXd& y,
                     const Vector& trials, const Vector& weights, const Vector& offset,
                     const std::optional<std::pair<Eigen::VectorXd, Eigen::VectorXd>>& units) {
  const filbert::GlmResponses responses = {y, or_empty(trials), or_empty(weights), or_empty(offset)};
  if (!py::isinstance<py::str>(family)) {
    return std::make_shared<GlmData>(user_likelihood(family, responses), X, responses);
  }
  const Family named = filbert::family_named(family.cast<std::string>());
  const Link of_family = filbert::link_named(link, named);
  const py::gil_scoped_release release;  // the arguments keep their arrays alive
  std::optional<filbert::GlmUnits> given;
  if (units) given = {units->first, units->second};
  return std::make_shared<GlmData>(named, of_family, X, responses, filbert::instruction_set(), given);
}

std::shared_ptr<const GlmPosterior> make_posterior(const SharedData& data, bool intercept, bool intercept_at_means,
                                                   const std::vector<PriorSpec>& coefficient_priors,
                                                   const std::vector<AuxiliarySpec>& auxiliary_priors) {
  return std::make_shared<const GlmPosterior>(
      data, make_glm_priors(intercept, intercept_at_means, coefficient_priors, auxiliary_priors));
}

py::dict mode_of(const FramedGlm& framed) {
  const filbert::UnconstrainedGlm& density = framed.unconstrained();
  Eigen::VectorXd estimate(density.dimension());
  density.to_user_scale(framed.mode().q, estimate, false);
  const Eigen::MatrixXd jacobian = density.jacobian(framed.mode().q);
  py::dict result;
  result["estimate"] = estimate;
  result["covariance"] = Eigen::MatrixXd(jacobian * framed.mode().precision.llt().solve(jacobian.transpose()));
  result["iterations"] = framed.mode().iterations;
  return result;
}

py::dict maximum_likelihood(const SharedData& data, bool intercept, const std::vector<std::optional<double>>& fixed) {
  filbert::GlmPriors priors;
  priors.intercept = intercept;
  priors.coefficients.assign(static_cast<std::size_t>(data->predictors() + (intercept ? 1 : 0)),
                             filbert::Prior::flat());
  for (const std::optional<double>& value : fixed) {
    if (value) {
      priors.auxiliaries.emplace_back(*value);
    } else {
      priors.auxiliaries.emplace_back(filbert::Prior::half_flat());
    }
  }
  filbert::GlmMaximumLikelihood found;
  {
    const py::gil_scoped_release release;
    found = filbert::maximum_likelihood(std::make_shared<const GlmPosterior>(data, std::move(priors)));
  }
  py::dict result;
  result["estimate"] = found.estimate;
  result["covariance"] = found.covariance;
  result["expected_covariance"] = found.expected_covariance;
  result["log_likelihood"] = found.log_likelihood;
  result["iterations"] = found.iterations;
  result["linear_predictor"] = found.linear_predictor;
  return result;
}

/// {name: (auxiliaries, links)} of every family.
py::dict families() {
  py::dict result;
  for (const filbert::FamilyFacts& family : filbert::all_families()) {
    py::list auxiliaries, links;
    for (const std::string_view name : family.auxiliaries) auxiliaries.append(py::str(std::string(name)));
    for (const Link link : family.links) links.append(py::str(std::string(filbert::name(link))));
    result[py::str(std::string(family.name))] = py::make_tuple(py::tuple(auxiliaries), py::tuple(links));
  }
  return result;
}

const char* reason_name(filbert::NoModeReason reason) {
  switch (reason) {
    case filbert::NoModeReason::Separated:
      return "separated";
    case filbert::NoModeReason::NotIdentified:
      return "not identified";
    case filbert::NoModeReason::NoStart:
      return "no start";
    case filbert::NoModeReason::AtEdge:
      return "at an edge";
    case filbert::NoModeReason::NotConverged:
      return "not converged";
  }
  return "";
}

/// Functions of `passes`, which whoever has the rows runs with the interpreter's lock held.
filbert::GlmPassFunctions pass_functions(const py::object& passes) {
  using filbert::GlmPoint;
  const auto curvature = hold(passes.attr("curvature")), batch = hold(passes.attr("batch")),
             thirds = hold(passes.attr("third_products")), candidates = hold(passes.attr("candidates"));
  filbert::GlmPassFunctions functions;
  functions.curvature = [curvature](const std::vector<GlmPoint>& points, filbert::Information information) {
    const py::gil_scoped_acquire acquire;
    py::list asked;
    for (const GlmPoint& point : points) asked.append(py::make_tuple(point.columns, point.auxiliaries));
    using AtPoint = std::tuple<double, Eigen::VectorXd, Eigen::VectorXd, Eigen::MatrixXd>;
    std::vector<filbert::GlmCurvature> result;
    for (auto& [value, gradient, of_auxiliaries, hessian] :
         (*curvature)(asked, information == filbert::Information::Expected).cast<std::vector<AtPoint>>()) {
      result.push_back({value, std::move(gradient), std::move(of_auxiliaries), std::move(hessian)});
    }
    return result;
  };
  functions.batch = [batch](const Eigen::MatrixXd& columns, const Eigen::MatrixXd& auxiliaries) {
    const py::gil_scoped_acquire acquire;
    return (*batch)(columns, auxiliaries).cast<Eigen::VectorXd>();
  };
  functions.third_products = [thirds](const GlmPoint& point) {
    const py::gil_scoped_acquire acquire;
    return (*thirds)(point.columns, point.auxiliaries).cast<std::vector<double>>();
  };
  functions.candidates = [candidates](const Eigen::VectorXd& columns, const Eigen::MatrixXd& slopes, double radius,
                                      double times, Index most, std::uint64_t seed) {
    const py::gil_scoped_acquire acquire;
    const py::tuple found = (*candidates)(columns, slopes, radius, times, most, seed);
    filbert::GlmCandidates result;
    if (!found[0].is_none()) result.rows = found[0].cast<SharedData>();
    result.bounds = found[1].cast<Eigen::VectorXd>();
    result.too_many = found[2].cast<bool>();
    return result;
  };
  return functions;
}

py::tuple curvature_of(const GlmData& data, const Eigen::VectorXd& c, const Eigen::VectorXd& auxiliaries,
                       bool expected) {
  filbert::require_size("c", c.size(), "elements", data.columns());
  filbert::require_size("auxiliaries", auxiliaries.size(), "elements", data.auxiliaries());
  Eigen::VectorXd gradient(data.columns()),
      of_auxiliaries = Eigen::VectorXd::Zero(std::max<Index>(data.auxiliaries(), 1));
  Eigen::MatrixXd hessian = Eigen::MatrixXd::Zero(data.columns(), data.columns());
  double value = 0;
  {
    const py::gil_scoped_release release;
    value = data.curvature(c, auxiliaries, expected ? filbert::Information::Expected : filbert::Information::Observed,
                           gradient, of_auxiliaries, hessian);
  }
  return py::make_tuple(value, gradient, Eigen::VectorXd(of_auxiliaries.head(data.auxiliaries())), hessian);
}

void bind_errors(py::module_& module) {
  // Never released: the translator may outlive the interpreter's last chance to do so.
  static PyObject* const no_mode =
      py::exception<filbert::NoMode>(module, "NoModeError", PyExc_ValueError).release().ptr();
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const filbert::NoMode& error) {
      PyErr_SetObject(no_mode, py::make_tuple(error.what(), reason_name(error.reason()), error.direction()).ptr());
    }
  });
}

}  // namespace

void bind_glm(py::module_& module) {
  bind_errors(module);
  module.def(
      "instruction_set", [] { return std::string(filbert::name(filbert::instruction_set())); },
      "The instruction set of the row kernels: draws of a seed may differ between two.");
  module.def("glm_families", &families, "{family: (auxiliaries, links)}, the default link first.");

  py::class_<GlmData, SharedData>(module, "GlmData", R"(The rows of a generalised linear model.

Parameters
----------
family : str or object
    A name, or an object with ``auxiliaries``, names of positive parameters, and ``log_likelihood(eta, y, trials, auxiliaries)``, which
    returns the log likelihood of each row and its slope in eta; auxiliaries come as a dict.
link : str
    Of the family; not read where the family is an object.
X : (n, p)
    Predictors, without a column for the intercept.
y, trials, weights, offset : (n,)
    All but y may be None.
units : (means, scales)
    What predictors are centred at and divided by, a number a predictor each; by default means and deviations of the rows.)")
      .def(py::init(&make_data), py::arg("family"), py::arg("link"), py::arg("X"), py::arg("y"),
           py::arg("trials") = py::none(), py::arg("weights") = py::none(), py::arg("offset") = py::none(),
           py::arg("units") = py::none())
      .def_property_readonly("auxiliaries", &GlmData::auxiliary_names)
      .def_property_readonly("n_rows", &GlmData::rows)
      .def_static(
          "elsewhere",
          [](const SharedData& sample, Index rows, double total_weight, const py::object& passes) {
            return std::make_shared<GlmData>(GlmData::elsewhere(sample, rows, total_weight, pass_functions(passes)));
          },
          py::arg("sample"), py::kw_only(), py::arg("rows"), py::arg("total_weight"), py::arg("passes"),
          R"(Rows that are visited in passes; `sample` has some of them, in the units of all.

`passes` has the methods curvature, batch and third_products of this class, the first of a list of points (c, auxiliaries) at once, whose
results are sums over all rows.)")
      .def("curvature", &curvature_of, py::arg("c"), py::arg("auxiliaries"), py::arg("expected") = false,
           "Log likelihood at an intercept and slopes in the units of the predictors, with its gradients in these and "
           "in the logarithms of the auxiliaries, and the lower triangle of its Hessian in the first.")
      .def(
          "batch",
          [](const GlmData& data, const Eigen::MatrixXd& columns, const Eigen::MatrixXd& auxiliaries, int threads) {
            const py::gil_scoped_release release;
            return data.batch(columns, auxiliaries, threads);
          },
          py::arg("c"), py::arg("auxiliaries"), py::arg("threads") = 1,
          "Log likelihoods of many parameters, (columns, draws) and (auxiliaries, draws).")
      .def("starting_predictors", &GlmData::starting_predictors, py::call_guard<py::gil_scoped_release>(),
           "A linear predictor of each row at which it alone is near its most likely.")
      .def("starting_auxiliaries", &GlmData::starting_auxiliaries, py::call_guard<py::gil_scoped_release>(),
           "First guesses of the auxiliaries.")
      .def(
          "working",
          [](const GlmData& data, const Eigen::VectorXd& eta, const Eigen::VectorXd& auxiliaries) {
            filbert::require_size("eta", eta.size(), "elements", data.rows());
            filbert::require_size("auxiliaries", auxiliaries.size(), "elements", data.auxiliaries());
            const py::gil_scoped_release release;
            Eigen::VectorXd slopes(data.rows()), weights(data.rows());
            data.working(eta, auxiliaries, slopes, weights);
            return std::make_pair(slopes, weights);
          },
          py::arg("eta"), py::arg("auxiliaries"),
          "Of each row, times its weight, the slope of its log likelihood in eta, and a positive stand-in for its "
          "curvature.")
      .def(
          "third_products",
          [](const GlmData& data, const Eigen::VectorXd& c, const Eigen::VectorXd& auxiliaries) {
            const py::gil_scoped_release release;
            const std::vector<double> products = data.third_products(c, auxiliaries);
            return Eigen::VectorXd(
                Eigen::Map<const Eigen::VectorXd>(products.data(), static_cast<Index>(products.size())));
          },
          py::arg("c"), py::arg("auxiliaries"), "Third derivatives of the log likelihood in c, packed.")
      .def(
          "remainder_bounds",
          [](const GlmData& data, const Eigen::VectorXd& columns, const Eigen::MatrixXd& slopes, double radius) {
            filbert::require_size("c", columns.size(), "elements", data.columns());
            filbert::require_size("slopes", slopes.rows(), "rows", data.columns());
            const auto third = filbert::ThirdDerivativeBound::of(data.family().value(), data.link());
            if (!third) throw std::invalid_argument("no bound of the third derivatives is known");
            const py::gil_scoped_release release;
            Eigen::VectorXd bounds(data.rows());
            filbert::bound_remainders(data, *third, {columns, slopes}, radius, 0, data.rows(), bounds);
            return bounds;
          },
          py::arg("c"), py::arg("slopes"), py::arg("radius"),
          "Of each row a bound of what its log likelihood leaves of a Taylor polynomial of second order at c, over "
          "|z|³:"
          " slopes · z is added to c, and |z| is at most the radius.")
      .def_property_readonly("mean", &GlmData::mean, "Weighted mean of each predictor.")
      .def_property_readonly("sd", &GlmData::scale, "Weighted standard deviation of each predictor.");

  py::class_<GlmPosterior, std::shared_ptr<GlmPosterior>>(module, "GlmPosterior",
                                                          "The posterior over (β, log auxiliaries that are not fixed).")
      .def(py::init([](const SharedData& data, bool intercept, bool at_means,
                       const std::vector<PriorSpec>& coefficients, const std::vector<AuxiliarySpec>& auxiliaries) {
             return std::const_pointer_cast<GlmPosterior>(
                 make_posterior(data, intercept, at_means, coefficients, auxiliaries));
           }),
           py::arg("data"), py::kw_only(), py::arg("intercept"), py::arg("intercept_at_means"),
           py::arg("coefficient_priors"), py::arg("auxiliary_priors"),
           "Auxiliary priors are one a auxiliary: a number fixes it.")
      .def_property_readonly("dimension", &GlmPosterior::dimension)
      .def("log_density", &log_density_of<GlmPosterior>, py::arg("position"),
           "Log density at (β, log auxiliaries), with all constants and the Jacobian of the logarithms, and its "
           "gradient.");

  py::class_<FramedGlm> framed(module, "FramedGlm", "A GlmPosterior in its Laplace frame.");
  def_framed_density(framed);
  framed
      .def(py::init([](const std::shared_ptr<GlmPosterior>& posterior) {
             const py::gil_scoped_release release;
             return FramedGlm(posterior);
           }),
           py::arg("posterior"))
      .def_property_readonly(
          "by_passes", [](const FramedGlm& density) { return density.unconstrained().data().passes() != nullptr; },
          "Whether each look at the rows is a pass over them.")
      .def("mode", &mode_of,
           "The mode over coordinates without edges, as (β, auxiliaries), and the covariance of (β, log auxiliaries) "
           "there.")
      .def(
          "batch",
          [](const FramedGlm& density, const Eigen::MatrixXd& positions) {
            filbert::require_size("positions", positions.rows(), "rows", density.dimension());
            const py::gil_scoped_release release;
            FramedGlm own = density;
            Eigen::VectorXd values(positions.cols());
            for (Index first = 0; first < positions.cols(); first += filbert::max_batch) {
              const Index count = std::min<Index>(filbert::max_batch, positions.cols() - first);
              own.batch(positions.middleCols(first, count), values.segment(first, count));
            }
            return values;
          },
          py::arg("positions"), "Log densities in the frame of many positions, a column each.");

  module.def("glm_maximum_likelihood", &maximum_likelihood, py::arg("data"), py::kw_only(), py::arg("intercept"),
             py::arg("fixed"),
             R"(The maximum of the likelihood; `fixed` is one number or None for each auxiliary.

Returns estimate (β, free auxiliaries), covariance (of β and their logarithms, from observed information), expected_covariance (of β),
log_likelihood, iterations and linear_predictor. Raises NoModeError(message, reason, direction).)");
}
