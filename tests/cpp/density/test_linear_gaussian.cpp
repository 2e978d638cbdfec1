// The posterior from the summary equals the sum over rows, and its gradient equals finite differences.
#include "filbert/density/linear_gaussian.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "regressions.hpp"

using filbert::InterceptPrior;
using filbert::LinearGaussian;
using filbert::Prior;
using namespace regressions;

namespace {

/// Near the posterior mode, where the data put it; moved about a little by `seed`.
VectorXd plausible_position(const Rows& rows, bool intercept, std::uint64_t seed) {
  filbert::Rng rng(seed, 1);
  const Index first = intercept ? 1 : 0;
  VectorXd position = VectorXd::Zero(rows.X.cols() + first + 1);
  for (Index j = 0; j < rows.X.cols(); ++j)
    position(first + j) = (0.3 + 0.1 * rng.normal()) / (1 + rows.X.col(j).norm());
  if (intercept) position(0) = 2 + 0.1 * rng.normal();
  position(position.size() - 1) = std::log(0.7) + 0.2 * rng.normal();
  return position;
}

void check_against_rows(const Rows& rows, const Specification& model) {
  const LinearGaussian density = posterior(rows, model);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const VectorXd position = plausible_position(rows, model.intercept, seed);
    VectorXd gradient(position.size());
    const double value = density(position, gradient);
    CHECK(value == doctest::Approx(naive_log_density(rows, model, position)).epsilon(1e-10));
    for (Index k = 0; k < position.size(); ++k) {
      const double step = 1e-5 * std::max(1e-2, std::abs(position(k)));
      VectorXd above = position;
      VectorXd below = position;
      above(k) += step;
      below(k) -= step;
      const double slope =
          (naive_log_density(rows, model, above) - naive_log_density(rows, model, below)) / (above(k) - below(k));
      CHECK(gradient(k) == doctest::Approx(slope).epsilon(1e-5).scale(1 + std::abs(value)));
    }
  }
}

}  // namespace

TEST_CASE("the density equals the sum over rows, for many rows, few rows and fewer rows than columns") {
  for (const auto& [n, p] : std::vector<std::pair<Index, Index>>{{500, 3}, {9, 8}, {5, 20}, {40, 0}}) {
    CAPTURE(n);
    CAPTURE(p);
    check_against_rows(make_rows(n, p, 1), with_priors(p + 1, Prior::normal(0.5, 3)));
  }
}

TEST_CASE("the density equals the sum over rows for every prior") {
  const Rows rows = make_rows(30, 2, 2);
  for (const Prior& prior : {Prior::normal(0, 2), Prior::flat(), Prior::student_t(4, 0.1, 1), Prior::cauchy(0, 1),
                             Prior::laplace(0.1, 2), Prior::uniform(-30, 40)}) {
    check_against_rows(rows, with_priors(3, prior));
  }
  for (const Prior& prior :
       {Prior::half_normal(2), Prior::half_student_t(4, 1), Prior::half_flat(), Prior::exponential(2),
        Prior::gamma(2, 2), Prior::inverse_gamma(2, 1), Prior::uniform(0, 10)}) {
    check_against_rows(rows, with_priors(3, Prior::normal(0, 5), prior));
  }
}

TEST_CASE("weights multiply the log likelihood of their rows") {
  check_against_rows(make_rows(60, 3, 3, true), with_priors(4, Prior::normal(0, 2)));
}

TEST_CASE("without an intercept no column is centred") {
  Specification model = with_priors(3, Prior::normal(0, 2));
  model.intercept = false;
  check_against_rows(make_rows(60, 3, 4), model);
}

TEST_CASE("the prior of the intercept may be about the response at zero") {
  Specification model = with_priors(4, Prior::normal(0, 2));
  model.about = InterceptPrior::AtZero;
  check_against_rows(make_rows(60, 3, 5), model);
}

TEST_CASE("the density is the same where the intercept's prior has an edge") {
  const Rows rows = make_rows(30, 2, 6);
  for (const auto about : {InterceptPrior::AtZero, InterceptPrior::AtMeans}) {
    Specification model = with_priors(3, Prior::normal(0, 5));
    model.about = about;
    model.coefficient_priors[0] = Prior::half_normal(2);
    check_against_rows(rows, model);
  }
}

TEST_CASE("columns far from zero and nearly collinear keep the density right") {
  Rows rows = make_rows(200, 2, 6);
  rows.X.col(0).array() += 1e4;
  rows.X.col(1) = rows.X.col(0).array().square();
  Specification model = with_priors(3, Prior::flat());
  const LinearGaussian density = posterior(rows, model);
  const filbert::LeastSquares fit = summarise(rows).least_squares(true);
  VectorXd position(4);
  position << fit.estimate, std::log(fit.sigma);
  VectorXd gradient(4);
  // At the least-squares estimate the residual sum of squares is known without cancellation.
  const double expected = std::log(fit.sigma) + model.sigma_prior(fit.sigma).value -
                          200 * (std::log(fit.sigma) + 0.5 * std::log(2 * std::numbers::pi)) -
                          0.5 * fit.residual_sum_of_squares / (fit.sigma * fit.sigma);
  CHECK(density(position, gradient) == doctest::Approx(expected).epsilon(1e-10));
}

TEST_CASE("a wrong number of priors and a prior on negative sigma are refused") {
  const Rows rows = make_rows(10, 2, 7);
  CHECK_THROWS_AS(posterior(rows, with_priors(2, Prior::flat())), std::invalid_argument);
  CHECK_THROWS_AS(posterior(rows, with_priors(3, Prior::flat(), Prior::normal(0, 1))), std::invalid_argument);
}
