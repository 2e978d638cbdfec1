#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "densities.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/trajectory.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

/// Keeps every point of one trajectory, and checks each merge against sums over the points it is made of.
struct Bookkeeper {
  struct Leaf {
    Eigen::VectorXd momentum;
    double energy;
  };
  std::map<int, Leaf> leaves;  // by index in the trajectory; unique, since a dropped tree is the last one
  int new_leaves = 0;
  int merges = 0;
  double start_energy = 0;
  Outcome last = Outcome::Continue;

  void keep(const PhasePoint& point) { leaves[point.index_in_trajectory] = {point.momentum, point.energy}; }

  void leaf(const PhasePoint& point, Outcome outcome) {
    ++new_leaves;
    last = outcome;
    CHECK(leaves.count(point.index_in_trajectory) == 0);
    keep(point);
  }

  void merge(const Stretch& earlier, const Stretch& later, const Stretch& merged, Outcome outcome) {
    ++merges;
    last = outcome;
    if (earlier.first->index_in_trajectory == 0) keep(*earlier.first);
    if (earlier.last->index_in_trajectory == 0) keep(*earlier.last);
    check_sums(earlier);
    check_sums(later);
    check_sums(merged);
    const int step = later.last->index_in_trajectory > earlier.first->index_in_trajectory ? 1 : -1;
    CHECK(later.first->index_in_trajectory == earlier.last->index_in_trajectory + step);
    CHECK(merged.first == earlier.first);
    CHECK(merged.last == later.last);
    CHECK((merged.chosen == earlier.chosen || merged.chosen == later.chosen));
    CHECK(points(earlier) == points(later));
    CHECK(outcome == (turns(earlier, later) ? Outcome::Turning : Outcome::Continue));
  }

  static int points(const Stretch& stretch) {
    return std::abs(stretch.last->index_in_trajectory - stretch.first->index_in_trajectory) + 1;
  }

  Eigen::VectorXd sum(int from, int to) const {
    Eigen::VectorXd total = Eigen::VectorXd::Zero(leaves.begin()->second.momentum.size());
    for (int i = std::min(from, to); i <= std::max(from, to); ++i) total += leaves.at(i).momentum;
    return total;
  }

  void check_sums(const Stretch& stretch) const {
    const int first = stretch.first->index_in_trajectory;
    const int last_index = stretch.last->index_in_trajectory;
    CHECK(stretch.is_single_point() == (first == last_index));
    CHECK((*stretch.momentum_sum - sum(first, last_index)).norm() < 1e-12);
    double weight = 0;
    for (int i = std::min(first, last_index); i <= std::max(first, last_index); ++i) {
      weight += std::exp(start_energy - leaves.at(i).energy);
    }
    CHECK(stretch.weight == doctest::Approx(weight).epsilon(1e-12));
    const int chosen = stretch.chosen->index_in_trajectory;
    CHECK(chosen >= std::min(first, last_index));
    CHECK(chosen <= std::max(first, last_index));
    for (const PhasePoint* point : {stretch.first, stretch.last, stretch.chosen}) {
      CHECK(point->momentum == leaves.at(point->index_in_trajectory).momentum);
      CHECK(point->energy == leaves.at(point->index_in_trajectory).energy);
    }
  }

  /// The three checks, written out from the points alone.
  bool turns(const Stretch& earlier, const Stretch& later) const {
    const int first = earlier.first->index_in_trajectory;
    const int inner_last = earlier.last->index_in_trajectory;
    const int inner_first = later.first->index_in_trajectory;
    const int last_index = later.last->index_in_trajectory;
    const auto stretch_turns = [&](int from, int to) {
      const Eigen::VectorXd rho = sum(from, to);
      return rho.dot(leaves.at(from).momentum) <= 0 || rho.dot(leaves.at(to).momentum) <= 0;
    };
    return stretch_turns(first, last_index) || stretch_turns(first, inner_first) ||
           stretch_turns(inner_last, last_index);
  }
};

/// Runs transitions under the bookkeeper's eyes, and returns how often each outcome ended one.
template <typename Density>
std::map<Outcome, int> watch(Density density, double step_size, int max_treedepth, int transitions) {
  Nuts<Density> nuts(density, NutsSettings{.max_treedepth = max_treedepth});
  nuts.set_position(Eigen::VectorXd::Constant(density.dimension(), 0.3));
  nuts.set_step_size(step_size);
  Rng rng(5);
  std::map<Outcome, int> outcomes;
  for (int i = 0; i < transitions; ++i) {
    Rng same_momentum = rng;
    const double start_log_density = nuts.log_density();
    Bookkeeper book;
    double kinetic = 0;
    for (Eigen::Index k = 0; k < density.dimension(); ++k) kinetic += 0.5 * std::pow(same_momentum.normal(), 2);
    book.start_energy = kinetic - start_log_density;
    const TransitionStatistics statistics = nuts.transition(rng, book);

    CHECK(statistics.n_steps == book.new_leaves);
    CHECK(statistics.n_steps < (1 << statistics.tree_depth));
    CHECK(statistics.n_steps >= (1 << (statistics.tree_depth - 1)));
    CHECK(statistics.tree_depth <= max_treedepth);
    CHECK(statistics.diverging == (book.last == Outcome::Diverging));
    CHECK(statistics.reached_max_treedepth == (book.last == Outcome::Continue));
    if (statistics.reached_max_treedepth) CHECK(statistics.n_steps == (1 << max_treedepth) - 1);

    double acceptance = 0;
    double largest_error = 0;
    for (const auto& [index, leaf] : book.leaves) {
      if (index == 0) continue;
      double error = leaf.energy - book.start_energy;
      if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
      if (error <= 1000) acceptance += std::min(1.0, std::exp(-error));
      if (std::abs(error) > std::abs(largest_error)) largest_error = error;
    }
    CHECK(statistics.acceptance_rate == doctest::Approx(acceptance / book.new_leaves).epsilon(1e-12));
    if (std::isfinite(largest_error)) {
      CHECK(statistics.max_energy_error == doctest::Approx(largest_error).epsilon(1e-9));
    } else {
      CHECK(statistics.max_energy_error == largest_error);
    }
    if (statistics.index_in_trajectory == 0) {
      CHECK(nuts.log_density() == start_log_density);
      CHECK(statistics.energy_error == 0);
    } else {
      CHECK(statistics.energy == book.leaves.at(statistics.index_in_trajectory).energy);
    }
    CHECK(statistics.log_density == nuts.log_density());
    ++outcomes[book.last];
  }
  return outcomes;
}

}  // namespace

TEST_CASE("Every sub-tree's sums, ends, choice and outcome follow from its leaves") {
  SUBCASE("short trajectories") { CHECK(watch(StandardNormal{3}, 1.1, 10, 300)[Outcome::Turning] == 300); }
  SUBCASE("long trajectories") { CHECK(watch(StandardNormal{3}, 0.02, 10, 5)[Outcome::Turning] == 5); }
  SUBCASE("uneven ones") { CHECK(watch(QuarticWell{4}, 0.3, 10, 100)[Outcome::Turning] > 90); }
  SUBCASE("trajectories cut at the greatest depth") {
    CHECK(watch(StandardNormal{2}, 0.01, 3, 50)[Outcome::Continue] == 50);
    CHECK(watch(StandardNormal{2}, 0.01, 1, 50)[Outcome::Continue] == 50);
  }
  SUBCASE("diverging ones") {
    CHECK(watch(QuarticWell{3}, 3.0, 10, 100)[Outcome::Diverging] > 50);
    CHECK(watch(TruncatedNormal{2}, 0.3, 10, 100)[Outcome::Diverging] > 10);
  }
}

TEST_CASE("A trajectory of a whole period is seen to turn in the middle") {
  // Steps of a sixth of a turn: after 8 points ρ looks forward again from both ends; the sub-tree checks have ended
  // it before.
  Nuts<StandardNormal> nuts(StandardNormal{1}, NutsSettings{});
  Rng rng(1);
  nuts.set_step_size(1.0);
  for (int i = 0; i < 200; ++i) CHECK(nuts.transition(rng).tree_depth <= 3);
}

TEST_CASE("From far out in the tails, where weights would overflow, the way leads in") {
  for (const double distance : {50.0, 1e3, 1e5}) {
    CAPTURE(distance);
    Nuts<StandardNormal> nuts(StandardNormal{2}, NutsSettings{});
    nuts.set_position(Eigen::VectorXd::Constant(2, distance));
    nuts.set_step_size(0.1);
    Rng rng(2);
    for (int i = 0; i < 100; ++i) {
      const TransitionStatistics statistics = nuts.transition(rng);
      CHECK_FALSE(statistics.diverging);
      CHECK(statistics.acceptance_rate >= 0);
      CHECK(statistics.acceptance_rate <= 1);
    }
    CHECK(nuts.position().norm() < 6);
  }
}

TEST_CASE("The pool lends its lowest free place, and takes a point back when its last holder lets go") {
  PointPool pool(1, 4);
  PhasePoint* first = pool.lend(2);
  PhasePoint* second = pool.lend(1);
  CHECK(first == &pool.at(0));
  CHECK(second == &pool.at(1));
  pool.release(first);
  CHECK(pool.lend(1) == &pool.at(2));
  pool.release(first);
  CHECK(pool.lend(1) == first);
  pool.release_all();
  CHECK(pool.lend(1) == first);
}

TEST_CASE("The deepest trajectories fit their workspace") {
  Nuts<StandardNormal> nuts(StandardNormal{1}, NutsSettings{.max_treedepth = Trajectory<>::max_depth_limit});
  nuts.set_position(Eigen::VectorXd::Ones(1));
  nuts.set_step_size(1e-7);
  Rng rng(3);
  const TransitionStatistics statistics = nuts.transition(rng);
  CHECK(statistics.reached_max_treedepth);
  CHECK(statistics.n_steps == (1 << 20) - 1);
}
