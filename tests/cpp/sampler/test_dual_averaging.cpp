#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "filbert/sampler/dual_averaging.hpp"
#include "filbert/sampler/rng.hpp"

using namespace filbert;

TEST_CASE("Before any update both step sizes are the initial one") {
  const DualAveraging step_size(0.3, 0.8);
  CHECK(step_size.step_size() == doctest::Approx(0.3));
  CHECK(step_size.step_size_bar() == doctest::Approx(0.3));
}

TEST_CASE("The first update is the one of Hoffman and Gelman") {
  DualAveraging step_size(0.5, 0.8);
  step_size.update(0.4);
  // mean shortfall (0.8 - 0.4) / (1 + t0), log step = log(10 · 0.5) - √1 / γ · mean shortfall
  CHECK(std::log(step_size.step_size()) == doctest::Approx(std::log(5.0) - 0.4 / 11 / 0.05).epsilon(1e-14));
  step_size.update(0.9);
  const double shortfall = (1 - 1.0 / 12) * 0.4 / 11 - 0.1 / 12;
  CHECK(std::log(step_size.step_size()) ==
        doctest::Approx(std::log(5.0) - std::sqrt(2.0) / 0.05 * shortfall).epsilon(1e-13));
}

TEST_CASE("Acceptance above the target lengthens the step, below shortens it") {
  DualAveraging accepting(1, 0.8);
  DualAveraging rejecting(1, 0.8);
  for (int i = 0; i < 20; ++i) {
    accepting.update(1);
    rejecting.update(0);
  }
  CHECK(accepting.step_size() > 10);
  CHECK(rejecting.step_size() < 0.1);
}

TEST_CASE("The average meets the target on a noisy acceptance rate that falls as the square of the step") {
  for (const double target : {0.6, 0.8, 0.9}) {
    for (const double right_step : {0.01, 1.0, 30.0}) {
      CAPTURE(target);
      CAPTURE(right_step);
      Rng rng(1);
      DualAveraging step_size(right_step * 0.7, target);
      for (int i = 0; i < 2000; ++i) {
        const double ratio = step_size.step_size() / right_step;
        const double mean = 1 - (1 - target) * ratio * ratio;
        step_size.update(std::clamp(mean + rng.uniform(-0.1, 0.1), 0.0, 1.0));
      }
      CHECK(step_size.step_size_bar() == doctest::Approx(right_step).epsilon(0.05));
    }
  }
}

TEST_CASE("A restarted average forgets what was before") {
  DualAveraging step_size(1, 0.8);
  for (int i = 0; i < 50; ++i) step_size.update(0.8);
  step_size.restart_average();
  const double next = step_size.step_size();
  REQUIRE(next < 2 * step_size.step_size_bar());
  step_size.update(0.8);
  CHECK(step_size.step_size_bar() == doctest::Approx(next));
}
