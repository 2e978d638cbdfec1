// The frame is an exact change of variables, and makes Gaussian posteriors standard normal.
#include "filbert/density/framed_linear_gaussian.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>
#include <vector>

#include "regressions.hpp"

using filbert::FramedLinearGaussian;
using filbert::LinearGaussian;
using filbert::Prior;
using namespace regressions;

namespace {

VectorXd random_position(Index dimension, std::uint64_t seed) {
  filbert::Rng rng(seed, 2);
  VectorXd position(dimension);
  for (double& coordinate : position) coordinate = rng.normal();
  return position;
}

/// (β, log σ) of a position in the frame.
VectorXd user_position(FramedLinearGaussian& framed, const VectorXd& position) {
  MatrixXd draw(position.size(), 1);
  framed.to_user_scale(position, draw);
  draw(position.size() - 1, 0) = std::log(draw(position.size() - 1, 0));
  return draw.col(0);
}

double log_jacobian(FramedLinearGaussian& framed, const VectorXd& position) {
  const Index dimension = position.size();
  MatrixXd jacobian(dimension, dimension);
  constexpr double step = 1e-5;
  for (Index k = 0; k < dimension; ++k) {
    VectorXd above = position;
    VectorXd below = position;
    above(k) += step;
    below(k) -= step;
    jacobian.col(k) = (user_position(framed, above) - user_position(framed, below)) / (2 * step);
  }
  return std::log(std::abs(jacobian.fullPivLu().determinant()));
}

void check_change_of_variables(const Rows& rows, const Specification& model) {
  const LinearGaussian direct = posterior(rows, model);
  FramedLinearGaussian framed(direct);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const VectorXd position = random_position(framed.dimension(), seed);
    VectorXd gradient(position.size());
    VectorXd unused(position.size());
    const double value = framed(position, gradient);
    const double expected = direct(user_position(framed, position), unused);
    CHECK(framed.user_log_density(position, value) == doctest::Approx(expected).epsilon(1e-9));
    CHECK(value - log_jacobian(framed, position) == doctest::Approx(expected).epsilon(1e-7));
    for (Index k = 0; k < position.size(); ++k) {
      VectorXd above = position;
      VectorXd below = position;
      above(k) += 1e-5;
      below(k) -= 1e-5;
      const double slope = (framed(above, unused) - framed(below, unused)) / 2e-5;
      CHECK(gradient(k) == doctest::Approx(slope).epsilon(1e-5).scale(1));
    }
  }
}

}  // namespace

TEST_CASE("the density in the frame is that of the posterior times the Jacobian, for any shape of data") {
  for (const auto& [n, p] : std::vector<std::pair<Index, Index>>{{300, 3}, {12, 8}, {5, 9}, {40, 0}, {3, 1}}) {
    CAPTURE(n);
    CAPTURE(p);
    check_change_of_variables(make_rows(n, p, 1), with_priors(p + 1, Prior::normal(0.5, 3)));
  }
}

TEST_CASE("the frame is exact for every prior, alone and mixed") {
  const Rows rows = make_rows(25, 2, 2);
  for (const Prior& prior : {Prior::flat(), Prior::student_t(4, 0.1, 1), Prior::cauchy(0, 1), Prior::laplace(0.1, 2),
                             Prior::uniform(-300, 400)}) {
    check_change_of_variables(rows, with_priors(3, prior));
    Specification mixed = with_priors(3, Prior::normal(0, 1));
    mixed.coefficient_priors[1] = prior;
    check_change_of_variables(rows, mixed);
  }
  for (const Prior& prior : {Prior::half_normal(2), Prior::half_flat(), Prior::exponential(2), Prior::gamma(2, 2),
                             Prior::inverse_gamma(2, 1), Prior::uniform(0, 30)}) {
    check_change_of_variables(rows, with_priors(3, Prior::normal(0, 5), prior));
  }
}

TEST_CASE("weights, no intercept, and an intercept prior at zero are exact too") {
  check_change_of_variables(make_rows(60, 3, 3, true), with_priors(4, Prior::normal(0, 2)));
  Specification no_intercept = with_priors(3, Prior::normal(0, 2));
  no_intercept.intercept = false;
  check_change_of_variables(make_rows(60, 3, 4), no_intercept);
  Specification at_zero = with_priors(4, Prior::normal(0, 2));
  at_zero.about = filbert::InterceptPrior::AtZero;
  check_change_of_variables(make_rows(60, 3, 5), at_zero);
}

TEST_CASE("coefficients with an edge nearby have coordinates that cannot cross it, and the frame stays exact") {
  const Rows rows = make_rows(25, 3, 14);
  const Prior others = Prior::normal(0, 2);
  for (const Prior& prior :
       {Prior::half_normal(0.1), Prior::half_cauchy(0.05), Prior::exponential(30), Prior::uniform(-0.05, 0.02),
        Prior::gamma(2, 40), Prior::inverse_gamma(2, 0.05), Prior::half_flat()}) {
    for (const Prior& free_prior : {others, Prior::cauchy(0, 1)}) {
      for (const auto about : {filbert::InterceptPrior::AtMeans, filbert::InterceptPrior::AtZero}) {
        Specification model = with_priors(4, free_prior);
        model.about = about;
        model.coefficient_priors[2] = prior;
        CHECK(FramedLinearGaussian(posterior(rows, model)).frame().bounded() == 1);
        check_change_of_variables(rows, model);
        model.coefficient_priors[3] = prior;
        check_change_of_variables(rows, model);
      }
    }
  }
  for (const Prior& prior : {Prior::half_normal(1), Prior::uniform(0.5, 3), Prior::half_cauchy(0.05)}) {
    Specification intercept = with_priors(4, others);
    intercept.about = filbert::InterceptPrior::AtZero;
    intercept.coefficient_priors[0] = prior;
    CHECK(FramedLinearGaussian(posterior(rows, intercept)).frame().bounded() == 1);
    check_change_of_variables(rows, intercept);
  }
  Specification all_bounded = with_priors(3, Prior::half_normal(0.01));
  all_bounded.intercept = false;
  check_change_of_variables(rows, all_bounded);
}

TEST_CASE("an edge far from the posterior changes nothing") {
  const Rows rows = make_rows(200, 2, 15);
  Specification model = with_priors(3, Prior::flat());
  model.coefficient_priors[1] = Prior::uniform(-1e6, 1e6);
  const FramedLinearGaussian framed(posterior(rows, model));
  CHECK(framed.frame().bounded() == 0);
}

TEST_CASE("with Gaussian priors the coordinates of the coefficients are standard normal at every sigma") {
  const Rows rows = make_rows(6, 9, 8);
  FramedLinearGaussian framed(posterior(rows, with_priors(10, Prior::normal(0, 1))));
  VectorXd gradient(framed.dimension());
  for (const double zeta : {-2.0, 0.0, 3.0}) {
    VectorXd position = random_position(framed.dimension(), 9);
    position(10) = zeta;
    framed(position, gradient);
    CHECK((gradient.head(10) + position.head(10)).norm() < 1e-12);
    const double at_position = gradient(10);
    position.head(10).setZero();
    framed(position, gradient);
    CHECK(gradient(10) == doctest::Approx(at_position));  // u and σ are independent
  }
}

TEST_CASE("the coordinate of sigma is standard normal too, however few the rows and wherever its prior ends") {
  for (const Index n : {3, 6, 50, 5000}) {
    for (const Prior& prior : {Prior::half_cauchy(2), Prior::uniform(0, 0.8), Prior::inverse_gamma(1, 1)}) {
      FramedLinearGaussian framed(posterior(make_rows(n, 1, 10), with_priors(2, Prior::normal(0, 1), prior)));
      VectorXd gradient(3);
      const double at_zero = framed(VectorXd::Zero(3), gradient);
      for (double zeta = -4; zeta <= 4; zeta += 0.5) {
        const double value = framed(VectorXd::Unit(3, 2) * zeta, gradient);
        CHECK(value - at_zero == doctest::Approx(-0.5 * zeta * zeta).epsilon(5e-3).scale(1));
      }
    }
  }
}

TEST_CASE("a posterior that does not exist is refused") {
  Rows rows = make_rows(20, 2, 11);
  rows.X.col(1) = 2 * rows.X.col(0);
  CHECK_THROWS_AS(FramedLinearGaussian(posterior(rows, with_priors(3, Prior::flat()))), filbert::ImproperPosterior);
  Specification half = with_priors(3, Prior::flat());
  half.coefficient_priors[2] = Prior::normal(0, 1);
  CHECK_NOTHROW(FramedLinearGaussian(posterior(rows, half)));
  CHECK_THROWS_AS(
      FramedLinearGaussian(posterior(make_rows(3, 1, 12), with_priors(2, Prior::flat(), Prior::half_flat()))),
      filbert::ImproperPosterior);
}

TEST_CASE("a coefficient that no row uses has its prior for a marginal, edge or none") {
  Rows rows = make_rows(40, 2, 14);
  rows.X.col(1).setZero();
  for (const Prior& prior : {Prior::half_student_t(4, 2), Prior::half_cauchy(1e-30), Prior::uniform(-1, 3),
                             Prior::inverse_gamma(3, 2), Prior::student_t(4, 1, 2), Prior::laplace(1, 2)}) {
    Specification model = with_priors(3, Prior::normal(0, 5));
    model.intercept = false;
    model.coefficient_priors = {Prior::normal(0, 5), prior};
    check_change_of_variables(rows, model);
  }
}

TEST_CASE("without coefficients sigma alone is sampled") {
  Rows rows = make_rows(20, 0, 16);
  Specification model = with_priors(0, Prior::flat());
  model.intercept = false;
  check_change_of_variables(rows, model);
}

TEST_CASE("a prior that doubles cannot bring together with the data is refused, and named") {
  const Rows rows = make_rows(40, 2, 15);
  const auto culprit = [&](const Prior& slope, const Prior& sigma) {
    Specification model = with_priors(3, Prior::normal(0, 5), sigma);
    model.coefficient_priors[2] = slope;
    try {
      FramedLinearGaussian framed(posterior(rows, model));
    } catch (const filbert::UncomputablePosterior& error) {
      return static_cast<int>(error.coefficient().value_or(-1));
    }
    return -2;
  };
  const Prior harmless = Prior::normal(0, 5);
  CHECK(culprit(harmless, Prior::half_normal(1)) == -2);
  CHECK(culprit(Prior::half_normal(1e-200), Prior::half_normal(1)) == 2);
  CHECK(culprit(Prior::uniform(1e200, 1e201), Prior::half_normal(1)) == 2);
  CHECK(culprit(harmless, Prior::uniform(0, 1e-200)) == -1);
}

TEST_CASE("a prior that pulls hard is measured in standard errors of least squares") {
  const Rows rows = make_rows(200, 1, 13);
  const filbert::LeastSquares fit = summarise(rows).least_squares(true);
  Specification model = with_priors(2, Prior::flat());
  const double narrow = 0.01 * fit.standard_error(1);
  model.coefficient_priors[1] = Prior::normal(fit.estimate(1) + 5 * fit.standard_error(1), narrow);
  const LinearGaussian direct = posterior(rows, model);
  const FramedLinearGaussian framed(direct);
  const VectorXd shifts = framed.frame().prior_shifts(fit.sigma / direct.response_scale());
  CHECK(shifts.maxCoeff() == doctest::Approx(5).epsilon(0.01));
  Index direction = 0;
  shifts.maxCoeff(&direction);
  CHECK(framed.frame().prior_shares()(1, direction) == doctest::Approx(1));
}

TEST_CASE("arguments of the wrong size are refused, not read beyond") {
  const LinearGaussian direct = posterior(make_rows(20, 2, 3), with_priors(3, Prior::normal(0, 2)));
  FramedLinearGaussian framed(direct);
  VectorXd short_one = VectorXd::Zero(3), right = VectorXd::Zero(4);
  MatrixXd draws(4, 2);
  CHECK_THROWS_WITH_AS(framed(short_one, right), "position must have 4 elements, not 3", std::invalid_argument);
  CHECK_THROWS_WITH_AS(framed(right, short_one), "gradient must have 4 elements, not 3", std::invalid_argument);
  CHECK_THROWS_AS(framed.user_log_density(short_one, 0), std::invalid_argument);
  CHECK_THROWS_AS(framed.to_user_scale(MatrixXd::Zero(3, 2), draws), std::invalid_argument);
  CHECK_THROWS_AS(framed.to_user_scale(MatrixXd::Zero(4, 3), draws), std::invalid_argument);
  CHECK_THROWS_AS(framed.to_user_scale(MatrixXd::Zero(4, 2), draws.topRows(3)), std::invalid_argument);
  CHECK_THROWS_AS(framed.frame().prior_shifts(0), std::invalid_argument);
  CHECK_THROWS_AS(framed.frame().prior_shifts(std::nan("")), std::invalid_argument);
  CHECK_THROWS_AS(direct(short_one, right), std::invalid_argument);
  CHECK_THROWS_AS(direct.to_user_scale(draws), std::invalid_argument);
}
