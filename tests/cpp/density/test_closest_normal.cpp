#include "filbert/density/closest_normal.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "filbert/density/glm_sampling.hpp"
#include "filbert/draws/diagnostics.hpp"

using namespace filbert;

namespace {

constexpr Eigen::Index groups = 70, rows_of_group = 60;
constexpr double prior_sd = 2.5;

double successes(Eigen::Index group) { return static_cast<double>(6 + group % (rows_of_group - 11)); }

/// A logit of its own for each of many groups: the posterior is a product of densities that quadrature knows.
std::shared_ptr<const GlmPosterior> logits_by_group(const Prior& prior = Prior::normal(0, prior_sd),
                                                    const Prior& of_first = Prior::normal(0, prior_sd),
                                                    bool separates = false) {
  Eigen::MatrixXd X = Eigen::MatrixXd::Zero(groups * rows_of_group, groups);
  GlmResponses responses;
  responses.y.resize(X.rows());
  for (Eigen::Index i = 0; i < X.rows(); ++i) {
    X(i, i / rows_of_group) = 1;
    responses.y(i) = static_cast<double>(i % rows_of_group) < successes(i / rows_of_group) ? 1 : 0;
    if (separates && i < rows_of_group) responses.y(i) = 1;
  }
  GlmPriors priors;
  priors.intercept = false;
  priors.coefficients.assign(groups, prior);
  if (separates) priors.coefficients[0] = of_first;
  return std::make_shared<const GlmPosterior>(
      std::make_shared<const GlmData>(Family::Bernoulli, Link::Logit, X, responses), priors);
}

/// The log density of one logit, up to a constant, with two derivatives.
struct OneLogit {
  double value, first, second;
};

OneLogit one_logit(Eigen::Index group, double beta) {
  const double n = rows_of_group, p = 1 / (1 + std::exp(-beta)), k = successes(group);
  const double precision = 1 / (prior_sd * prior_sd);
  return {k * beta - n * std::log1p(std::exp(beta)) - 0.5 * precision * beta * beta, k - n * p - precision * beta,
          -n * p * (1 - p) - precision};
}

template <typename Of>
double integral(const Of& of) {
  constexpr double step = 0.002;
  double sum = 0;
  for (double beta = -15; beta < 15; beta += step) sum += step * of(beta);
  return sum;
}

struct Moments {
  double mean, variance;
};

Moments by_quadrature(Eigen::Index group) {
  const auto density = [&](double beta) { return std::exp(one_logit(group, beta).value); };
  const double mass = integral(density);
  const double mean = integral([&](double beta) { return beta * density(beta); }) / mass;
  const double square = integral([&](double beta) { return (beta - mean) * (beta - mean) * density(beta); });
  return {mean, square / mass};
}

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Draws of every logit: (chains, draws) each.
template <typename Rules>
std::vector<RowMajor> run(const FramedGlm& density) {
  IndependenceSettings settings;
  settings.draws = 12000;
  settings.seed = 5;
  std::vector<RowMajor> draws(groups, RowMajor(settings.chains, settings.draws));
  FramedGlm own = density;
  Eigen::MatrixXd user(groups, 1);
  Progress progress(settings.chains);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const IndependenceStatistics&) {
    own.to_user_scale(position, user);
    for (Eigen::Index j = 0; j < groups; ++j) draws[static_cast<std::size_t>(j)](chain, iteration) = user(j, 0);
  };
  sample_independence<Rules>(density, normal_of_many(groups), settings, record, progress);
  return draws;
}

/// How far means and variances are from the exact ones, in Monte Carlo standard errors: the mean square, which is 1 for exact draws.
double mean_squared_score(const std::vector<RowMajor>& draws) {
  double sum = 0;
  for (Eigen::Index j = 0; j < groups; ++j) {
    const Moments exact = by_quadrature(j);
    const RowMajor& values = draws[static_cast<std::size_t>(j)];
    const RowMajor squares = (values.array() - exact.mean).square();
    const auto score = [&](const RowMajor& of, double expected) {
      const double spread = std::sqrt((of.array() - of.mean()).square().mean());
      sum += std::pow((of.mean() - expected) / spread, 2) * ess_mean(of);
    };
    score(values, exact.mean);
    score(squares, exact.variance);
  }
  return sum / (2 * groups);
}

struct AcceptsAll : IndependenceRules {
  static bool accepts(double log_ratio, double) { return !std::isnan(log_ratio); }
};

}  // namespace

TEST_CASE("Under the closest normal the gradient has mean 0, and its precision is the mean of less the Hessian") {
  UnconstrainedGlm density(logits_by_group());
  const GlmMode mode = find_mode(density);
  const auto normal = closest_normal(density, mode);
  REQUIRE(normal.has_value());
  CHECK(normal->iterations <= 4);
  const Eigen::MatrixXd jacobian = density.jacobian(normal->centre);
  const Eigen::MatrixXd covariance = jacobian * normal->precision.llt().solve(Eigen::MatrixXd(jacobian.transpose()));
  Eigen::VectorXd user(groups), user_mode(groups);
  density.to_user_scale(normal->centre, user, false);
  density.to_user_scale(mode.q, user_mode, false);
  for (Eigen::Index j = 0; j < groups; ++j) {
    CAPTURE(j);
    const double sd = std::sqrt(covariance(j, j));
    const auto mean_at = [&](double centre, const auto& of) {
      return integral([&](double beta) {
        const double z = (beta - centre) / sd;
        return std::exp(-0.5 * z * z) / (sd * std::sqrt(2 * 3.141592653589793)) * of(one_logit(j, beta));
      });
    };
    const auto slope = [](const OneLogit& at) { return at.first; };
    CHECK(std::abs(sd * mean_at(user(j), slope)) < 0.02);
    CHECK(-mean_at(user(j), [](const OneLogit& at) { return at.second; }) * sd * sd ==
          doctest::Approx(1).epsilon(0.01));
    if (successes(j) < 9) CHECK(std::abs(sd * mean_at(user_mode(j), slope)) > 0.05);  // Laplace's would not pass
  }
}

TEST_CASE("The frame of the closest normal has the same density, and makes better proposals than Laplace's") {
  const FramedGlm density(logits_by_group());
  std::optional<FramedGlm> moved = density.in_closest_normal();
  REQUIRE(moved.has_value());
  Rng rng(2);
  Eigen::VectorXd z(groups), gradient(groups);
  Eigen::MatrixXd user(groups, 1);
  for (double& x : z) x = rng.normal();
  moved->to_user_scale(z, user);
  const double value = (*moved)(z, gradient);
  Eigen::VectorXd ignored(groups);
  CHECK(moved->user_log_density(z, value) ==
        doctest::Approx(density.unconstrained().posterior()(user.col(0), ignored)).epsilon(1e-12));

  const GlmPilot pilot = pilot_glm(density, 1);
  CHECK(pilot.refusal.empty());
  CHECK(pilot.moved.has_value());
  const IndependencePilot of_laplace = pilot_independence(density, normal_of_many(groups), 1);
  CHECK(pilot.pilot.acceptance > of_laplace.acceptance + 0.1);
}

TEST_CASE("Draws in the frame of the closest normal are exact, and without refusals they are not") {
  const std::optional<FramedGlm> moved = FramedGlm(logits_by_group()).in_closest_normal();
  REQUIRE(moved.has_value());
  CHECK(mean_squared_score(run<IndependenceRules>(*moved)) < 1.36);  // three standard errors of 140 squares' mean
  CHECK(mean_squared_score(run<AcceptsAll>(*moved)) > 4);
}

TEST_CASE("There is no closest normal where coefficients have edges, and a pilot says so") {
  const FramedGlm density(logits_by_group(Prior::named("HalfNormal", std::vector<double>{2.5})));
  CHECK_FALSE(density.in_closest_normal().has_value());
  CHECK(pilot_glm(density, 1).refusal ==
        "70 parameters are more than 60, and no normal was found that is close to the posterior");
}

TEST_CASE("A heavy side, which the closest normal has not, is seen and refused") {
  CHECK(heaviest_side(*FramedGlm(logits_by_group()).in_closest_normal()) < SwitchRule().most_heavy_side);
  const Prior normal = Prior::normal(0, prior_sd), heavy = Prior::named("StudentT", std::vector<double>{7, 0, 1.5});
  const FramedGlm separated(logits_by_group(normal, heavy, true));
  const std::optional<FramedGlm> moved = separated.in_closest_normal();
  REQUIRE(moved.has_value());
  CHECK(heaviest_side(*moved) > 4);
  CHECK(refusal_of(pilot_independence(*moved, normal_of_many(groups), 1), SwitchRule().asked_of_many).empty());
  CHECK_FALSE(frame_of_many(separated).has_value());
  CHECK_FALSE(pilot_glm(separated, 1).refusal.empty());
}
