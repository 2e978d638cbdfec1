#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "densities.hpp"
#include "filbert/sampler/nuts.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {
std::atomic<long> allocations = 0;
}

// Counts what operator new and Eigen alike end up calling. Sanitizers have an allocator of their own.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FILBERT_COUNTS_ALLOCATIONS 1
extern "C" {
void* __libc_malloc(std::size_t size);
void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
}
#else
#define FILBERT_COUNTS_ALLOCATIONS 0
#endif

TEST_CASE("A transition allocates nothing") {
#if FILBERT_COUNTS_ALLOCATIONS
  const long before_probe = allocations;
  const auto probe = std::make_unique<Eigen::VectorXd>(100);
  CHECK(allocations == before_probe + 2);
#endif
  for (const Eigen::Index dimension : {1, 3, 50}) {
    Nuts<QuarticWell> nuts(QuarticWell{dimension}, NutsSettings{});
    nuts.set_position(Eigen::VectorXd::Constant(dimension, 0.5));
    Rng rng(1);
    for (const double step_size : {0.01, 0.5, 3.0}) {  // long trajectories, ordinary and diverging ones
      nuts.set_step_size(step_size);
      Eigen::internal::set_is_malloc_allowed(false);
      const long before = allocations;
      for (int i = 0; i < 20; ++i) nuts.transition(rng);
      const long after = allocations;
      Eigen::internal::set_is_malloc_allowed(true);
      CHECK(after == before);
    }
  }
}

TEST_CASE("A non-finite density or gradient is a divergence, and the draw stays where it was") {
  for (const Wall wall : Wall::all()) {
    CAPTURE(wall.log_density);
    CAPTURE(wall.gradient);
    Nuts<Wall> nuts(wall, NutsSettings{});
    REQUIRE(nuts.set_position(Eigen::VectorXd::Zero(1)));
    Rng rng(1);
    const TransitionStatistics statistics = nuts.transition(rng);
    CHECK(statistics.diverging);
    CHECK_FALSE(statistics.reached_max_treedepth);
    CHECK(statistics.tree_depth == 1);
    CHECK(statistics.n_steps == 1);
    CHECK(statistics.acceptance_rate == 0);
    CHECK(statistics.index_in_trajectory == 0);
    CHECK(statistics.energy_error == 0);
    CHECK(nuts.position()[0] == 0);
  }
}

TEST_CASE("A position is refused where density or gradient is not finite") {
  Nuts<TruncatedNormal> nuts(TruncatedNormal{2}, NutsSettings{});
  CHECK(nuts.set_position(Eigen::Vector2d(0.5, 0)));
  CHECK_FALSE(nuts.set_position(Eigen::Vector2d(1.5, 0)));
}

TEST_CASE("An exception of the density leaves a transition, and the sampler can go on") {
  struct Moody {
    std::shared_ptr<bool> throws;
    Eigen::Index dimension() const { return 1; }
    double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
      if (*throws) throw std::runtime_error("no density today");
      gradient = -position;
      return -0.5 * position.squaredNorm();
    }
  };
  const auto throws = std::make_shared<bool>(false);
  Nuts<Moody> nuts(Moody{throws}, NutsSettings{});
  nuts.set_position(Eigen::VectorXd::Ones(1));
  Rng rng(1);
  nuts.transition(rng);
  const Eigen::VectorXd before = nuts.position();
  *throws = true;
  CHECK_THROWS_WITH(nuts.transition(rng), "no density today");
  CHECK(nuts.position() == before);
  *throws = false;
  for (int i = 0; i < 10; ++i) nuts.transition(rng);
  CHECK(nuts.position() != before);
}

TEST_CASE("The same random numbers give the same transitions") {
  const auto run = [] {
    Nuts<QuarticWell> nuts(QuarticWell{3}, NutsSettings{});
    nuts.set_position(Eigen::VectorXd::Ones(3));
    nuts.set_step_size(0.7);
    Rng rng(8, 2);
    for (int i = 0; i < 100; ++i) nuts.transition(rng);
    return nuts.position();
  };
  CHECK(run() == run());
}

TEST_CASE("Bad settings are refused by name, with value and remedy") {
  const auto message = [](const NutsSettings& settings) -> std::string {
    try {
      settings.validate();
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({}) == "");
  CHECK(message({.target_accept = 1.2}) == "target_accept is 1.2; it must be between 0 and 1, both excluded.");
  CHECK(message({.target_accept = 0}) != "");
  CHECK(message({.target_accept = 1}) != "");
  CHECK(message({.target_accept = std::numeric_limits<double>::quiet_NaN()}) != "");
  CHECK(message({.max_treedepth = 0}) == "max_treedepth is 0; it must be a whole number from 1 to 20.");
  CHECK(message({.max_treedepth = 21}) != "");
  CHECK(message({.max_energy_error = -1}) == "max_energy_error is -1; it must be greater than 0.");
  CHECK_THROWS_AS(Nuts<StandardNormal>(StandardNormal{1}, NutsSettings{.target_accept = 2}), std::invalid_argument);
}
