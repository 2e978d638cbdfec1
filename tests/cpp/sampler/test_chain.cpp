#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "densities.hpp"
#include "filbert/sampler/chain.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

struct Kept {
  std::vector<Eigen::Index> iterations;
  std::vector<Eigen::VectorXd> positions;
  std::vector<TransitionStatistics> statistics;
};

/// A recorder whose copies write to the same place.
struct Keep {
  std::shared_ptr<Kept> kept = std::make_shared<Kept>();
  void operator()(int /*chain*/, Eigen::Index iteration, const Eigen::VectorXd& position,
                  const TransitionStatistics& statistics) {
    kept->iterations.push_back(iteration);
    kept->positions.push_back(position);
    kept->statistics.push_back(statistics);
  }
};

}  // namespace

TEST_CASE("A chain records every iteration in order, warm-up first, and keeps its step size for the draws") {
  const Keep recorder;
  ChainProgress progress;
  const SampleSettings settings{.draws = 60, .tune = 40, .seed = 3};
  const ChainResult result = run_chain(StandardNormal{2}, settings, 0, recorder, {}, progress);
  const Kept& kept = *recorder.kept;
  REQUIRE(kept.iterations.size() == 100);
  Eigen::Index n_steps = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(kept.iterations[i] == static_cast<Eigen::Index>(i));
    n_steps += kept.statistics[i].n_steps;
    if (i < 40) continue;
    CHECK(kept.statistics[i].step_size == result.step_size);
    CHECK(kept.statistics[i].step_size_bar == result.step_size);
  }
  CHECK(kept.statistics[39].step_size_bar == result.step_size);
  CHECK(result.iterations == 100);
  CHECK(result.metric_variances.size() == 2);
  CHECK(progress.iterations == 100);
  CHECK(progress.n_steps == n_steps);
  CHECK(progress.step_size == result.step_size);
  CHECK(progress.finished);
}

TEST_CASE("A chain starts anywhere in (-2, 2), where the density is positive") {
  double lowest = 2;
  double highest = -2;
  for (int chain = 0; chain < 200; ++chain) {
    Nuts<TruncatedNormal> nuts(TruncatedNormal{3}, NutsSettings{});
    Rng rng(1, chain);
    draw_initial_position(nuts, chain, rng);
    CHECK(nuts.position()[0] <= 1);
    CHECK(nuts.position().cwiseAbs().maxCoeff() <= 2);
    lowest = std::min(lowest, nuts.position()[1]);
    highest = std::max(highest, nuts.position()[1]);
  }
  CHECK(lowest < -1.9);
  CHECK(highest > 1.9);
}

TEST_CASE("A density that is nowhere finite is reported with the chain, the tries and a remedy") {
  struct Nowhere {
    Eigen::Index dimension() const { return 2; }
    double operator()(const Eigen::VectorXd&, Eigen::VectorXd&) { return -std::numeric_limits<double>::infinity(); }
  };
  Nuts<Nowhere> nuts(Nowhere{}, NutsSettings{});
  Rng rng(1);
  std::string message;
  try {
    draw_initial_position(nuts, 3, rng);
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  for (const char* part : {"Chain 3", "100 points", "(-2, 2)", "-inf", "Check the density"}) {
    CAPTURE(part);
    CHECK(message.find(part) != std::string::npos);
  }
}

TEST_CASE("A density that is NaN in places is sampled where it is not, and the divergences are counted") {
  for (const double beyond : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    const Keep recorder;
    ChainProgress progress;
    run_chain(TruncatedNormal{2, beyond}, {.draws = 20000, .tune = 1000, .seed = 1}, 0, recorder, {}, progress);
    double mean = 0;
    Eigen::Index divergences = 0;
    for (std::size_t i = 1000; i < 21000; ++i) {
      CHECK(recorder.kept->positions[i].allFinite());
      CHECK(recorder.kept->positions[i][0] <= 1);
      mean += recorder.kept->positions[i][0] / 20000;
      divergences += recorder.kept->statistics[i].diverging ? 1 : 0;
    }
    CHECK(divergences > 100);
    CHECK(progress.divergences == divergences);
    // E(x | x < 1) = -φ(1) / Φ(1)
    CHECK(std::abs(mean + 0.287600) < 0.05);
  }
}

TEST_CASE("A chain stopped within a transition has recorded whole iterations only") {
  struct StopsItself {
    std::stop_source stop;
    int evaluations_left;
    Eigen::Index dimension() const { return 2; }
    double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
      if (--evaluations_left == 0) stop.request_stop();
      gradient = -position;
      return -0.5 * position.squaredNorm();
    }
  };
  for (const int evaluations : {1, 10, 100, 1001, 1002, 1003}) {
    const Keep recorder;
    ChainProgress progress;
    std::stop_source stop;
    const StopsItself density{stop, evaluations};
    const ChainResult result =
        run_chain(density, {.draws = 5000, .tune = 500}, 0, recorder, stop.get_token(), progress);
    CHECK(result.iterations < 1000);
    CHECK(result.iterations == static_cast<Eigen::Index>(recorder.kept->iterations.size()));
    CHECK(progress.iterations == result.iterations);
    CHECK_FALSE(progress.finished);
  }
}
