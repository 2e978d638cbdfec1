#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "densities.hpp"
#include "filbert/sampler/sample.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// All draws, warm-up included, a chain below the other. Chains write to rows of their own.
Eigen::MatrixXd sampled(const SampleSettings& settings) {
  const Eigen::Index length = settings.tune + settings.draws;
  Eigen::MatrixXd draws = Eigen::MatrixXd::Zero(length * settings.chains, 3);
  Progress progress(settings.chains);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const TransitionStatistics&) { draws.row(chain * length + iteration) = position; };
  const std::vector<ChainResult> results = sample(QuarticWell{3}, settings, record, progress);
  for (const ChainResult& result : results) CHECK(result.iterations == length);
  return draws;
}

/// A normal that takes its time.
struct SlowNormal {
  std::chrono::milliseconds delay{1};
  Eigen::Index dimension() const { return 2; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    std::this_thread::sleep_for(delay);
    gradient = -position;
    return -0.5 * position.squaredNorm();
  }
};

/// Knows how many of its copies exist, and throws at an evaluation of your choice.
struct Throwing {
  std::shared_ptr<std::atomic<int>> evaluations_left;
  Eigen::Index dimension() const { return 2; }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
    if (--*evaluations_left == 0) throw std::domain_error("evaluation failed");
    gradient = -position;
    return -0.5 * position.squaredNorm();
  }
};

const auto ignore = [](int, Eigen::Index, const Eigen::VectorXd&, const TransitionStatistics&) {};

}  // namespace

TEST_CASE("The same seed gives the same draws on any number of cores, bit for bit") {
  SampleSettings settings{.draws = 200, .tune = 200, .chains = 4, .seed = 11};
  const Eigen::MatrixXd on_one = sampled(settings);
  for (const int cores : {1, 2, 4, 7}) {
    CAPTURE(cores);
    settings.cores = cores;
    CHECK(sampled(settings) == on_one);
  }
}

TEST_CASE("Different seeds differ, and so do the chains of one seed") {
  SampleSettings settings{.draws = 20, .tune = 20, .chains = 4, .seed = 11};
  const Eigen::MatrixXd draws = sampled(settings);
  settings.seed = 12;
  const Eigen::MatrixXd others = sampled(settings);
  for (Eigen::Index row = 0; row < draws.rows(); ++row) CHECK(draws.row(row) != others.row(row));
  for (Eigen::Index chain = 0; chain < 4; ++chain) {
    for (Eigen::Index other = 0; other < chain; ++other) {
      for (Eigen::Index i = 0; i < 40; ++i) CHECK(draws.row(chain * 40 + i) != draws.row(other * 40 + i));
    }
  }
}

TEST_CASE("More chains repeat the draws of fewer") {
  SampleSettings settings{.draws = 20, .tune = 20, .chains = 2, .seed = 5};
  const Eigen::MatrixXd two = sampled(settings);
  settings.chains = 3;
  CHECK(sampled(settings).topRows(80) == two);
}

TEST_CASE("A run that is over before the first poll does not wait for it") {
  Progress progress(4);
  int polls = 0;
  const auto start = Clock::now();
  sample(
      StandardNormal{2}, {.draws = 10, .tune = 10}, ignore, progress, [&] { return ++polls > 0; }, {},
      std::chrono::seconds(20));
  CHECK(seconds_since(start) < 5);
  CHECK(polls == 0);
  for (int chain = 0; chain < 4; ++chain) CHECK(progress[chain].finished);
}

TEST_CASE("A stop takes effect at once, and says how far each chain came") {
  const SampleSettings settings{.draws = 100000, .tune = 10, .chains = 3, .cores = 2};
  std::vector<Eigen::Index> recorded(3, 0);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd&, const TransitionStatistics&) {
    recorded[static_cast<std::size_t>(chain)] = iteration + 1;
  };
  Progress progress(3);
  std::vector<ChainResult> results;
  const auto start = Clock::now();
  SUBCASE("by poll") {
    int polls = 0;
    const std::thread::id caller = std::this_thread::get_id();
    results = sample(SlowNormal{}, settings, record, progress, [&] {
      CHECK(std::this_thread::get_id() == caller);
      return ++polls < 3;
    });
    CHECK(polls >= 3);
  }
  SUBCASE("by token") {
    std::stop_source stop;
    const std::jthread stopper([&stop] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      stop.request_stop();
    });
    results = sample(SlowNormal{}, settings, record, progress, KeepGoing{}, stop.get_token());
  }
  SUBCASE("by a token that had been stopped before") {
    std::stop_source stop;
    stop.request_stop();
    results = sample(SlowNormal{}, settings, record, progress, KeepGoing{}, stop.get_token());
    CHECK(results[0].iterations == 0);
  }
  CHECK(seconds_since(start) < 2);
  REQUIRE(results.size() == 3);
  for (int chain = 0; chain < 3; ++chain) {
    const ChainResult& result = results[static_cast<std::size_t>(chain)];
    CHECK(result.iterations == recorded[static_cast<std::size_t>(chain)]);
    CHECK(result.iterations == progress[chain].iterations);
    CHECK(result.iterations < 1000);
    CHECK_FALSE(progress[chain].finished);
  }
}

TEST_CASE("A stop does not wait for the end of a deep trajectory") {
  struct Slow : SlowNormal {
    std::shared_ptr<std::atomic<int>> evaluations = std::make_shared<std::atomic<int>>(0);
    double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
      ++*evaluations;
      const double log_density = SlowNormal::operator()(position, gradient);
      gradient *= 1e-6;  // nearly flat: a trajectory takes all of its 1023 steps
      return 1e-6 * log_density;
    }
  };
  const Slow density{{std::chrono::milliseconds(5)}};
  Progress progress(1);
  int before_stop = 0;
  const auto poll = [&] {
    if (before_stop == 0) before_stop = *density.evaluations;
    return false;
  };
  sample(density, {.tune = 1000, .chains = 1}, ignore, progress, poll);
  CHECK(before_stop > 0);
  CHECK(*density.evaluations - before_stop < 20);
}

TEST_CASE("An exception is thrown again on the caller's thread, after all threads have joined") {
  const SampleSettings settings{.draws = 100000, .tune = 1000, .chains = 4, .cores = 2};
  Progress progress(4);
  SUBCASE("from the density, at whatever moment") {
    for (const int evaluations : {1, 2, 50, 5000}) {
      const Throwing density{std::make_shared<std::atomic<int>>(evaluations)};
      CHECK_THROWS_WITH_AS(sample(density, settings, ignore, progress), "evaluation failed", std::domain_error);
      CHECK(density.evaluations_left.use_count() == 1);  // no chain's copy is alive
    }
  }
  SUBCASE("from the recorder") {
    const auto record = [](int chain, Eigen::Index iteration, const Eigen::VectorXd&, const TransitionStatistics&) {
      if (chain == 1 && iteration == 30) throw std::runtime_error("disk full");
    };
    CHECK_THROWS_WITH(sample(StandardNormal{2}, settings, record, progress), "disk full");
  }
  SUBCASE("from poll") {
    const Throwing density{std::make_shared<std::atomic<int>>(-1)};
    const auto poll = []() -> bool { throw std::runtime_error("interrupted"); };
    CHECK_THROWS_WITH(sample(density, settings, ignore, progress, poll, {}, std::chrono::milliseconds(1)),
                      "interrupted");
    CHECK(density.evaluations_left.use_count() == 1);
  }
}

TEST_CASE("Bad settings are refused by name before anything runs") {
  const auto message = [](const SampleSettings& settings, int chains_in_progress = 4) -> std::string {
    Progress progress(chains_in_progress);
    try {
      sample(StandardNormal{1}, settings, ignore, progress);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({.draws = 0}) == "draws is 0; it must be a whole number of at least 1.");
  CHECK(message({.tune = -1}) == "tune is -1; it must be a whole number of at least 0.");
  CHECK(message({.chains = 0}) == "chains is 0; it must be a whole number of at least 1.");
  CHECK(message({.cores = 0}) == "cores is 0; it must be a whole number of at least 1.");
  CHECK(message({.nuts = {.target_accept = 1}}) == "target_accept is 1; it must be between 0 and 1, both excluded.");
  CHECK(message({.warmup = {.unit_scale_draws = -1}}) == "unit_scale_draws is -1; it must be at least 0.");
  CHECK(message({.chains = 5}) != "");
  CHECK(message({.draws = 1, .tune = 0, .chains = 1}) == "");
}
