#include "filbert/sampler/split_hmc.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "densities.hpp"
#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/split_hmc_run.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

/// log x of a gamma variate x of shape a, centred and scaled at its mode: skewed to the left, with known moments.
struct LogGamma {
  double shape = 6;
  Eigen::Index dimension() const { return 1; }
  double operator()(const Eigen::VectorXd& z, Eigen::VectorXd& gradient) {
    const double e = std::exp(z(0) / std::sqrt(shape));
    gradient(0) = std::sqrt(shape) * (1 - e);
    return std::sqrt(shape) * z(0) - shape * e;
  }
};
const double exact_mean = std::sqrt(6.0) * (1.70611766843180047 - std::log(6.0));  // digamma(6)
constexpr double exact_variance = 6 * 0.18132295573711532536;                      // trigamma(6)

/// Finite near 0, and nowhere else.
struct Box {
  Eigen::Index dimension() const { return 1; }
  double operator()(const Eigen::VectorXd& z, Eigen::VectorXd& gradient) {
    gradient(0) = 0;
    return std::abs(z(0)) < 0.5 ? 0 : -std::numeric_limits<double>::infinity();
  }
};

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct AcceptsAll : SplitHmcRules {
  static bool accepts(double energy_error, double) { return std::isfinite(energy_error); }
};

struct AcceptsTheOpposite : SplitHmcRules {
  static bool accepts(double energy_error, double uniform) { return std::log(uniform) < energy_error; }
};

template <typename Rules = SplitHmcRules, typename Density>
Rows first_coordinate(const Density& density, SplitHmcRunSettings settings) {
  Rows values(settings.chains, settings.draws);
  Progress progress(settings.chains);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const TransitionStatistics&) {
    if (iteration >= settings.burn_in) values(chain, iteration - settings.burn_in) = position(0);
  };
  sample_split_hmc<Rules>(density, settings, record, progress);
  return values;
}

/// How far mean and variance are from their exact values, in Monte Carlo standard errors; the worse of the two.
double worst_score(const Rows& values) {
  const auto score = [](const Rows& of, double expected) {
    const double spread = std::sqrt((of.array() - of.mean()).square().mean());
    return std::abs(of.mean() - expected) / (spread / std::sqrt(ess_mean(of)));
  };
  const Rows squares = (values.array() - exact_mean).square();
  return std::max(score(values, exact_mean), score(squares, exact_variance));
}

/// Of trajectories with so many steps, from the same starts and momenta for each number.
double mean_error(int steps) {
  SplitHmc<LogGamma> hmc(LogGamma{}, {.steps = steps, .jitter = 0});
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    hmc.set_position(Eigen::VectorXd::Constant(1, rng.normal()));
    sum += std::abs(hmc.transition(rng).max_energy_error) / 200;
  }
  return sum;
}

}  // namespace

TEST_CASE("A standard normal is followed exactly, however few the steps") {
  StandardNormal density{20};
  SplitHmc<StandardNormal> hmc(density, {.steps = 1, .angle = 3});
  Rng rng(1);
  hmc.set_position(Eigen::VectorXd::Constant(20, 1.5));
  for (int i = 0; i < 50; ++i) {
    const TransitionStatistics statistics = hmc.transition(rng);
    CHECK(std::abs(statistics.energy_error) < 1e-12);
    CHECK(statistics.acceptance_rate == doctest::Approx(1).epsilon(1e-12));
    CHECK(statistics.n_steps == 1);
    CHECK(statistics.index_in_trajectory == 1);
  }
}

TEST_CASE("The energy error falls as the square of the step") {
  CHECK(mean_error(8) / mean_error(16) == doctest::Approx(4).epsilon(0.1));
  CHECK(mean_error(16) / mean_error(32) == doctest::Approx(4).epsilon(0.05));
}

TEST_CASE(
    "Stages are symmetric and make up a whole angle, and those of two and three turns err less than as many of one") {
  for (const SplitStages& stages : split_stages) {
    const auto turns = static_cast<std::size_t>(stages.turns);
    double turned = 0, kicked = stages.kick[turns];
    for (std::size_t i = 0; i < turns; ++i) {
      turned += stages.turn[i];
      kicked += stages.kick[i];
      CHECK(stages.turn[i] == stages.turn[turns - 1 - i]);
      CHECK(stages.kick[i] == stages.kick[turns - i]);
    }
    CHECK(turned == doctest::Approx(1).epsilon(1e-15));
    CHECK(kicked == doctest::Approx(1).epsilon(1e-15));
  }
  const double by_ones = mean_error(7) * 7 * 7;  // which neither divides, for a single step
  CHECK(mean_error(4) < 0.6 * by_ones / (4 * 4));
  CHECK(mean_error(9) < 0.5 * by_ones / (9 * 9));
}

TEST_CASE("Draws have the moments of a skewed density, and broken accept steps are found") {
  SplitHmcRunSettings settings;
  settings.draws = 20000;
  settings.seed = 3;
  for (const int steps : {1, 2, 3, 4}) {
    CAPTURE(steps);
    settings.hmc.steps = steps;
    CHECK(worst_score(first_coordinate(LogGamma{}, settings)) < 3.5);
  }
  settings.hmc.steps = 2;
  CHECK(worst_score(first_coordinate<AcceptsAll>(LogGamma{}, settings)) > 5);
  CHECK(worst_score(first_coordinate<AcceptsTheOpposite>(LogGamma{}, settings)) > 5);
}

TEST_CASE("Draws do not depend on the number of cores") {
  SplitHmcRunSettings settings;
  settings.draws = 100;
  const Rows alone = first_coordinate(LogGamma{}, settings);
  settings.cores = 3;
  CHECK(first_coordinate(LogGamma{}, settings) == alone);
  CHECK(alone.row(0) != alone.row(1));
}

TEST_CASE("A transition allocates nothing") {
  SplitHmc<QuarticWell> hmc(QuarticWell{50}, {.steps = 3});
  REQUIRE(hmc.set_position(Eigen::VectorXd::Constant(50, 0.5)));
  Rng rng(1);
  Eigen::internal::set_is_malloc_allowed(false);
  for (int i = 0; i < 20; ++i) hmc.transition(rng);
  Eigen::internal::set_is_malloc_allowed(true);
}

TEST_CASE("A density or gradient that is not finite is a divergence, and the draw stays where it was") {
  for (const Wall wall : Wall::all()) {
    CAPTURE(wall.log_density);
    CAPTURE(wall.gradient);
    for (const int steps : {1, 3}) {
      SplitHmc<Wall> hmc(wall, {.steps = steps});
      Rng rng(1);
      REQUIRE(hmc.set_position(Eigen::VectorXd::Zero(1)));
      const TransitionStatistics statistics = hmc.transition(rng);
      CHECK(statistics.diverging);
      CHECK(statistics.acceptance_rate == 0);
      CHECK(hmc.position()(0) == 0);
      CHECK(statistics.energy_error == 0);
    }
  }
}

TEST_CASE("A trajectory that leaves the support is a divergence, and is refused") {
  SplitHmc<Box> hmc(Box{}, {.steps = 3});
  Rng rng(1);
  REQUIRE(hmc.set_position(Eigen::VectorXd::Constant(1, 0.4)));
  int diverging = 0;
  for (int i = 0; i < 100; ++i) {
    const TransitionStatistics statistics = hmc.transition(rng);
    CHECK(std::abs(hmc.position()(0)) < 0.5);
    if (!statistics.diverging) continue;
    ++diverging;
    CHECK(statistics.acceptance_rate == 0);
    CHECK(statistics.index_in_trajectory == 0);
  }
  CHECK(diverging > 10);
}

TEST_CASE("A pilot takes few steps where the frame fits, more where it does not, and refuses what is far from it") {
  const SplitHmcPilot exact = pilot_split_hmc(StandardNormal{50}, 1, 0.95);
  CHECK(exact.steps == 2);
  CHECK(exact.refusal.empty());
  CHECK(exact.widest < 2.5);
  const SplitHmcPilot skewed = pilot_split_hmc(LogGamma{0.5}, 1, 0.95);
  CHECK(skewed.steps > 2);
  CHECK(pilot_split_hmc(Box{}, 1, 0.95).refusal.find("accepted") != std::string::npos);
  const auto wide = [](const Eigen::VectorXd& z, Eigen::VectorXd& gradient) {
    gradient = -z / 25;
    return -z.squaredNorm() / 50;
  };
  struct Wide {
    decltype(wide) function;
    Eigen::Index dimension() const { return 2; }
    double operator()(const Eigen::VectorXd& z, Eigen::VectorXd& gradient) { return function(z, gradient); }
  };
  CHECK(pilot_split_hmc(Wide{wide}, 1, 0.95).refusal.find("wide") != std::string::npos);
}

TEST_CASE("Bad settings are refused by name") {
  CHECK_THROWS_WITH_AS(SplitHmc<StandardNormal>(StandardNormal{1}, {.steps = 0}),
                       "steps is 0; it must be a whole number of at least 1.", std::invalid_argument);
  SplitHmcRunSettings settings;
  settings.draws = 0;
  CHECK_THROWS_WITH_AS(first_coordinate(StandardNormal{1}, settings),
                       "draws is 0; it must be a whole number of at least 1.", std::invalid_argument);
}
