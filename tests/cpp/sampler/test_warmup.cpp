#include <doctest/doctest.h>

#include <cmath>

#include "densities.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/warmup.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

template <typename Density>
Nuts<Density> warmed_up(const Density& density, Eigen::Index tune, double target_accept, std::uint64_t seed) {
  Rng rng(seed);
  Nuts<Density> nuts(density, NutsSettings{.target_accept = target_accept});
  nuts.set_position(Eigen::VectorXd::Zero(density.dimension()));
  Warmup warmup(tune, target_accept, WarmupSettings{}, nuts, rng);
  for (Eigen::Index i = 0; i < tune; ++i) {
    const TransitionStatistics statistics = nuts.transition(rng);
    warmup.update(statistics, nuts, rng);
  }
  CHECK(nuts.step_size() == warmup.step_size_bar());
  return nuts;
}

template <typename Density>
double mean_acceptance(Nuts<Density>& nuts, int transitions) {
  Rng rng(99);
  double sum = 0;
  for (int i = 0; i < transitions; ++i) sum += nuts.transition(rng).acceptance_rate;
  return sum / transitions;
}

}  // namespace

TEST_CASE("After warm-up the acceptance rate is the one asked for") {
  for (const double target : {0.8, 0.9, 0.95}) {
    for (const Eigen::Index dimension : {2, 3, 12}) {
      CAPTURE(target);
      CAPTURE(dimension);
      double acceptance = 0;
      for (std::uint64_t seed = 0; seed < 5; ++seed) {
        Nuts<StandardNormal> nuts = warmed_up(StandardNormal{dimension}, 1000, target, seed);
        acceptance += mean_acceptance(nuts, 500) / 5;
      }
      CHECK(std::abs(acceptance - target) < 0.03);
    }
  }
}

TEST_CASE("The metric learns scales from a tenth to ten") {
  const ScaledNormal density{Eigen::VectorXd{{0.1, 0.3, 1, 3, 10}}};
  for (const Eigen::Index tune : {200, 1000}) {
    CAPTURE(tune);
    const Nuts<ScaledNormal> nuts = warmed_up(density, tune, 0.8, 1);
    for (Eigen::Index i = 0; i < density.dimension(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(std::log(nuts.metric().scale[i] / density.sd[i])) < (tune == 200 ? 0.6 : 0.2));
    }
  }
}

TEST_CASE("A warm-up of any length leaves a usable sampler") {
  for (const Eigen::Index tune : {0, 1, 2, 5, 19, 20, 21, 50, 100, 149, 150, 151}) {
    CAPTURE(tune);
    Nuts<StandardNormal> nuts = warmed_up(StandardNormal{3}, tune, 0.8, 4);
    CHECK(nuts.step_size() > 0.1);
    CHECK(nuts.step_size() < 3);
    CHECK((nuts.metric().scale.array() > 0.3).all());
    CHECK((nuts.metric().scale.array() < 3).all());
  }
}

TEST_CASE("The search for a first step size ends near the stable ones, from any start and in any unit") {
  for (const double unit : {1e-6, 1.0, 1e6}) {
    CAPTURE(unit);
    Nuts<ScaledNormal> nuts(ScaledNormal{Eigen::VectorXd::Constant(3, unit)}, NutsSettings{});
    nuts.set_position(Eigen::VectorXd::Constant(3, 0.5 * unit));
    Rng rng(1);
    nuts.search_step_size(rng);
    CHECK(nuts.step_size() > 0.1 * unit);
    CHECK(nuts.step_size() < 10 * unit);
  }
}

TEST_CASE("Variances are shrunk towards 1, on the log scale") {
  RunningVariance running(3);
  for (int i = 0; i < 10; ++i) running.add(Eigen::Vector3d(i % 2 == 0 ? 1 : -1, i % 2 == 0 ? 0.01 : -0.01, 7));
  const Eigen::VectorXd raw = running.variance();
  const Eigen::VectorXd shrunk = shrunk_variances(running, 10);
  CHECK(std::log(shrunk[0]) == doctest::Approx(0.5 * std::log(raw[0])));
  CHECK(std::log(shrunk[1]) == doctest::Approx(0.5 * std::log(raw[1])));
  CHECK(shrunk[2] == 1);  // never moved
  CHECK(shrunk_variances(running, 0)[1] == doctest::Approx(raw[1]));
}
