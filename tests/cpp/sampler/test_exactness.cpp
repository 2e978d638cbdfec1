// Judges whole runs against distributions with known answers, and broken samplers by the same checks.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "densities.hpp"
#include "filbert/sampler/sample.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

/// Every point weighs the same, wherever the trajectory's energy has drifted to.
struct NoWeights : TrajectoryRules {
  static double weight(double /*boltzmann_factor*/) { return 1; }
};

/// Stops while the trajectory moves on, and goes on once it returns.
struct FlippedTurn : TrajectoryRules {
  static bool is_turning(double at_first, double at_last) { return at_first >= 0 || at_last >= 0; }
};

/// Draws after warm-up, one a column.
template <typename Rules = TrajectoryRules, typename Density>
Eigen::MatrixXd draws_from(const Density& density, const SampleSettings& settings) {
  Eigen::MatrixXd draws(density.dimension(), settings.draws * settings.chains);
  Progress progress(settings.chains);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const TransitionStatistics&) {
    if (iteration >= settings.tune) draws.col(chain * settings.draws + iteration - settings.tune) = position;
  };
  sample<Rules>(density, settings, record, progress);
  return draws;
}

/// How far the moments of draws are from mean 0 and variance 1, in standard errors.
struct MomentErrors {
  double largest_mean = 0;      ///< over the coordinates
  double largest_variance = 0;  ///< over the coordinates
  double overall_variance = 0;  ///< of all coordinates taken together, where a common bias adds up

  double largest() const { return std::max({largest_mean, largest_variance, std::abs(overall_variance)}); }
};

/// What a draw is worth in independent ones, at least; the least in one dimension, where trajectories turn early.
/// Standard errors below rest on it, so it is under test as well: a sampler that crawls fails as one that is biased
/// does.
constexpr double efficiency = 0.3;

MomentErrors moment_errors(const Eigen::MatrixXd& draws) {
  const double effective = efficiency * static_cast<double>(draws.cols());
  const Eigen::ArrayXd means = draws.rowwise().mean();
  const Eigen::ArrayXd variances = draws.rowwise().squaredNorm() / static_cast<double>(draws.cols());
  MomentErrors errors;
  errors.largest_mean = means.abs().maxCoeff() * std::sqrt(effective);
  errors.largest_variance = (variances - 1).abs().maxCoeff() * std::sqrt(effective / 2);
  errors.overall_variance = (variances.mean() - 1) * std::sqrt(effective * static_cast<double>(draws.rows()) / 2);
  return errors;
}

constexpr double tolerated = 5;  // standard errors, of the worst among up to 2000

const SampleSettings usual{.draws = 5000, .tune = 1000, .chains = 4, .seed = 2024};

/// How far the shares of draws beyond given quantiles, in either tail, are from what they should be, in standard
/// errors.
double largest_quantile_error(const Eigen::MatrixXd& draws, const std::vector<std::array<double, 2>>& quantiles) {
  double largest = 0;
  const double n = static_cast<double>(draws.size());
  for (const auto& [probability, quantile] : quantiles) {
    for (const double sign : {-1.0, 1.0}) {
      const double share = static_cast<double>((sign * draws.array() > quantile).count()) / n;
      const double error = (share - (1 - probability)) / std::sqrt(probability * (1 - probability) / (efficiency * n));
      largest = std::max(largest, std::abs(error));
    }
  }
  return largest;
}

// Probabilities and quantiles of Student's t with 5 degrees of freedom.
const std::vector<std::array<double, 2>> t5_quantiles = {{0.6, 0.267181},  {0.75, 0.726687}, {0.9, 1.475884},
                                                         {0.95, 2.015048}, {0.99, 3.364930}, {0.999, 5.893430}};

}  // namespace

TEST_CASE("A standard normal has its moments in 1, 10 and 1000 dimensions") {
  CHECK(moment_errors(draws_from(StandardNormal{1}, usual)).largest() < tolerated);
  CHECK(moment_errors(draws_from(StandardNormal{10}, usual)).largest() < tolerated);
  SampleSettings few = usual;
  few.draws = 250;
  few.tune = 250;
  few.chains = 2;
  CHECK(moment_errors(draws_from(StandardNormal{1000}, few)).largest() < tolerated);
}

TEST_CASE("A 100-dimensional correlated normal has its moments and its correlations") {
  const double correlation = 0.9;
  SampleSettings settings = usual;
  settings.draws = 1000;
  settings.tune = 500;
  const Eigen::MatrixXd draws = draws_from(Autoregression{100, correlation}, settings);
  MomentErrors errors = moment_errors(draws);
  errors.overall_variance *= std::sqrt((1 - correlation * correlation) / (1 + correlation * correlation));
  CHECK(errors.largest() < tolerated);
  // Innovations of the process are independent standard normals again.
  const Eigen::MatrixXd innovations =
      (draws.bottomRows(99) - correlation * draws.topRows(99)) / std::sqrt(1 - correlation * correlation);
  CHECK(moment_errors(innovations).largest() < tolerated);
}

TEST_CASE("Student's t with 5 degrees of freedom has its tails, and a normal's would be noticed") {
  SampleSettings settings = usual;
  settings.draws = 20000;
  CHECK(largest_quantile_error(draws_from(StudentT{3, 5}, settings), t5_quantiles) < tolerated);
  const Eigen::MatrixXd normal = std::sqrt(5.0 / 3) * draws_from(StandardNormal{3}, settings);
  CHECK(largest_quantile_error(normal, t5_quantiles) > tolerated);
}

TEST_CASE("Dropping the multinomial weights is noticed") {
  for (const Eigen::Index dimension : {1, 10}) {
    CAPTURE(dimension);
    CHECK(moment_errors(draws_from<NoWeights>(StandardNormal{dimension}, usual)).largest() > tolerated);
  }
}

TEST_CASE("Flipping the sign of the U-turn is noticed") {
  // It is a symmetric rule still, so the draws are not biased, but they crawl where coordinates are correlated.
  SampleSettings settings = usual;
  settings.draws = 1000;
  settings.tune = 500;
  CHECK(moment_errors(draws_from<FlippedTurn>(Autoregression{100, 0.9}, settings)).largest() > tolerated);
}
