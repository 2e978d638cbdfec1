// Estimates are those of lme4, and no neighbour has a higher dense likelihood.
#include "filbert/groups/maximum_likelihood.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "mixed_models.hpp"

using namespace mixed_models;

namespace {

/// Dyestuff of lme4: Davies and Goldsmith (1972).
Data dyestuff() {
  const std::vector<double> y = {1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495,
                                 1595, 1550, 1605, 1510, 1560, 1445, 1440, 1595, 1465, 1545,
                                 1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445};
  Data data = make_data({.n = 30, .p = 0, .n_groups = {6}, .terms = {{0, 1}}}, 1);
  for (Index i = 0; i < 30; ++i) {
    data.y(i) = y[static_cast<std::size_t>(i)];
    data.codes[0](i) = i / 5;
  }
  return data;
}

/// The largest rise of the dense log likelihood among neighbours of an estimate.
double largest_rise(const Data& data, const std::vector<MatrixXd>& factors, double sigma,
                    const VectorXd& coefficients) {
  const double here = log_likelihood(data, factors, sigma, coefficients);
  double rise = 0;
  const auto look = [&](const std::vector<MatrixXd>& f, double s, const VectorXd& c) {
    rise = std::max(rise, log_likelihood(data, f, s, c) - here);
  };
  for (const double step : {-1e-2, 1e-2}) {
    look(factors, sigma * (1 + step), coefficients);
    for (Index k = 0; k < coefficients.size(); ++k) {
      VectorXd moved = coefficients;
      moved(k) += step;
      look(factors, sigma, moved);
    }
    for (std::size_t f = 0; f < factors.size(); ++f) {
      for (Index i = 0; i < factors[f].rows(); ++i) {
        for (Index j = 0; j <= i; ++j) {
          std::vector<MatrixXd> moved = factors;
          moved[f](i, j) += step;
          look(moved, sigma, coefficients);
        }
      }
    }
  }
  return rise;
}

}  // namespace

TEST_CASE("Dyestuff has the estimates that lme4 prints, restricted or not") {
  const filbert::GroupedSummary summary = dyestuff().summary();
  const filbert::MixedModelFit reml = filbert::maximum_likelihood(summary, true, {false}, true);
  CHECK(reml.converged);
  CHECK(reml.deviations[0](0) == doctest::Approx(42.00).epsilon(5e-5));
  CHECK(reml.sigma == doctest::Approx(49.51).epsilon(5e-5));
  CHECK(reml.coefficients(0) == doctest::Approx(1527.5).epsilon(1e-9));
  CHECK(reml.standard_errors(0) == doctest::Approx(19.38).epsilon(5e-4));
  CHECK(-2 * reml.log_likelihood == doctest::Approx(319.6543).epsilon(1e-6));
  const filbert::MixedModelFit ml = filbert::maximum_likelihood(summary, true, {false}, false);
  CHECK(ml.deviations[0](0) == doctest::Approx(37.26).epsilon(5e-5));
  CHECK(ml.sigma == doctest::Approx(49.51).epsilon(5e-5));
  CHECK(ml.log_likelihood == doctest::Approx(-163.6635).epsilon(1e-6));
  const VectorXd shrunk = (VectorXd(6) << -17.60, 0.39, 28.56, -23.08, 56.73, -44.99).finished();  // ranef, REML
  CHECK((reml.effects - shrunk).cwiseAbs().maxCoeff() < 0.02);
}

TEST_CASE("the likelihood at the estimate is the dense one, and no neighbour has a higher one, for every structure") {
  for (const Data& data : every_structure()) {
    if (data.structure.terms.size() == 3 && data.structure.factors() == 1)
      continue;  // repeated columns: not identified
    const std::vector<bool> correlated(data.structure.terms.size(), true);
    const filbert::MixedModelFit fit = filbert::maximum_likelihood(data.summary(), true, correlated, false);
    if (data.structure.groups(0) == data.y.size()) continue;  // σ or the deviation, but not both
    std::vector<MatrixXd> factors;
    for (Index f = 0; f < data.structure.factors(); ++f) {
      factors.push_back(MatrixXd::Zero(data.structure.effects(f), data.structure.effects(f)));
    }
    bool singular = false;
    for (std::size_t t = 0; t < data.structure.terms.size(); ++t) {
      const filbert::GroupTerm& term = data.structure.terms[t];
      MatrixXd R = MatrixXd::Identity(term.columns, term.columns);
      Index next = 0;
      for (Index i = 0; i < term.columns; ++i) {
        for (Index j = i + 1; j < term.columns; ++j) R(i, j) = R(j, i) = fit.correlations[t](next++);
      }
      singular = singular || !R.allFinite() ||
                 Eigen::LLT<MatrixXd>(R - 1e-6 * MatrixXd::Identity(R.rows(), R.rows())).info() != Eigen::Success;
      const Index first = data.structure.first_column(static_cast<Index>(t));
      factors[static_cast<std::size_t>(term.factor)].block(first, first, term.columns, term.columns) =
          fit.deviations[t].asDiagonal() * MatrixXd(Eigen::LLT<MatrixXd>(R).matrixL());
    }
    if (singular) continue;
    CHECK(fit.converged);
    CHECK(fit.log_likelihood ==
          doctest::Approx(log_likelihood(data, factors, fit.sigma, fit.coefficients)).epsilon(1e-8));
    CHECK(largest_rise(data, factors, fit.sigma, fit.coefficients) < 1e-6);
  }
}
