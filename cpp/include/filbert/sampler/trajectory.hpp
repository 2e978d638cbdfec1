// Doubles a Hamiltonian trajectory until it turns, and draws one of its points.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "filbert/sampler/leapfrog.hpp"
#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/metric.hpp"
#include "filbert/sampler/phase_point.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

enum class Outcome { Continue, Turning, Diverging };

/// The two rules that make a trajectory NUTS. They are a template parameter so that tests can break them and watch the
/// statistical checks object.
struct TrajectoryRules {
  /// The generalised U-turn criterion (Betancourt 2017), given ρ·v at both ends of a stretch, ρ the sum of its momenta.
  static bool is_turning(double at_first, double at_last) { return at_first <= 0 || at_last <= 0; }

  /// The weight of a point in the multinomial draw, given its Boltzmann factor exp(-energy).
  static double weight(double boltzmann_factor) { return boltzmann_factor; }
};

/// Consecutive points of a trajectory in the order they were made: backwards in time if the step is negative.
struct Stretch {
  PhasePoint* first = nullptr;
  PhasePoint* last = nullptr;
  PhasePoint* chosen = nullptr;                   ///< drawn among the points
  const Eigen::VectorXd* momentum_sum = nullptr;  ///< Σ momentum over the points, the ρ of the U-turn criterion
  double weight = 0;                              ///< Σ weight over the points, relative to the reference energy

  bool is_single_point() const { return first == last; }
};

/// Watches the trajectory grow, for tests. This one looks away, and costs nothing.
struct NoInspector {
  void leaf(const PhasePoint& /*point*/, Outcome /*outcome*/) {}
  /// Called before the points that `merged` no longer needs are given back.
  void merge(const Stretch& /*earlier*/, const Stretch& /*later*/, const Stretch& /*merged*/, Outcome /*outcome*/) {}
};

/// Phase points made once and lent out. A point may be the first, last and chosen one of a stretch at once, so a loan
/// counts its holders and ends when the last of them lets go.
class PointPool {
 public:
  static constexpr int max_capacity = 64;  // the bits of `free_`

  PointPool(Eigen::Index dimension, int capacity)
      : points_(static_cast<std::size_t>(capacity), PhasePoint(dimension)) {}

  PhasePoint& at(std::size_t place) { return points_[place]; }
  const PhasePoint& at(std::size_t place) const { return points_[place]; }

  /// Lends the lowest free place, so that short trajectories stay in the same few cache lines.
  PhasePoint* lend(int holders) {
    const auto place = static_cast<std::size_t>(std::countr_zero(free_));
    free_ &= free_ - 1;
    holders_[place] = holders;
    return &points_[place];
  }

  void release(const PhasePoint* point) {
    const auto place = static_cast<std::size_t>(point - points_.data());
    free_ |= std::uint64_t{--holders_[place] == 0} << place;
  }

  void release_all() { free_ = ~std::uint64_t{0}; }

 private:
  std::vector<PhasePoint> points_;
  std::array<int, max_capacity> holders_{};
  std::uint64_t free_ = ~std::uint64_t{0};
};

/// A trajectory that doubles in random directions, together with all the memory it can ever need.
///
/// Each doubling grows a balanced binary tree of new points onto one end. A tree is two trees of half its size, one
/// after the other, merged: their sums add up and the chosen point is redrawn among their two chosen ones, so no list
/// of points is kept. Where any of its sub-trees turns or diverges, the whole new tree is dropped: seen from its
/// points, the trajectory would have stopped before it reached the start, so choosing one of them would not be
/// reversible.
template <typename Rules = TrajectoryRules>
class Trajectory {
 public:
  static constexpr int max_depth_limit = 20;

  Trajectory(Eigen::Index dimension, int max_depth)
      // At most one sub-tree waits on each level, with three points; and the trajectory itself has three.
      : pool_(dimension, 3 * max_depth + 4),
        whole_{Tree(dimension), Tree(dimension)},
        levels_(static_cast<std::size_t>(max_depth), {Tree(dimension), Tree(dimension)}) {
    static_assert(3 * max_depth_limit + 4 <= PointPool::max_capacity);
  }

  /// The point that the trajectory starts from, to be changed only between trajectories.
  PhasePoint& start() { return pool_.at(0); }
  const PhasePoint& start() const { return pool_.at(0); }

  /// Begins anew with `start()` alone, whose momentum has just been drawn.
  void begin() {
    pool_.release_all();
    PhasePoint* start = pool_.lend(/*holders=*/4);  // one more than the whole has: the start is never given back
    start->update_energy();
    start->index_in_trajectory = 0;
    start_energy_ = start->energy;
    reference_energy_ = start->energy;
    depth_ = 0;
    n_steps_ = 0;
    acceptance_sum_ = 0;
    max_energy_error_ = 0;
    current_ = 0;
    whole_[current_].become_leaf(start, Rules::weight(1));
  }

  /// Doubles the trajectory, into the future or the past by the toss of a coin.
  template <LogDensity Density, typename Inspector>
  Outcome extend(Density& density, const DiagonalMetric& metric, double step_size, double max_energy_error, Rng& rng,
                 Inspector& inspector) {
    Tree& whole = whole_[current_];
    const bool forward = rng.coin();
    // One routine serves both directions: to grow at its other end, the trajectory is read from back to front.
    const bool reads_forward = whole.first->index_in_trajectory <= whole.last->index_in_trajectory;
    if (forward != reads_forward) std::swap(whole.first, whole.last);

    Tree& tree = levels_[static_cast<std::size_t>(depth_)][0];
    const Growth<Density, Inspector> growth{density,          metric, forward ? step_size : -step_size,
                                            max_energy_error, rng,    inspector};
    const Outcome outcome = grow(growth, *whole.last, depth_, tree);
    ++depth_;
    if (outcome != Outcome::Continue) return outcome;

    // Biased progressive sampling: preferring the new half, with min(1, w_new / w_old), leaves the distribution as it
    // is and moves further from the start.
    const bool choose_later = rng.uniform() * whole.weight < tree.weight;
    current_ = 1 - current_;
    return merge(whole, tree, choose_later, whole_[current_], inspector);
  }

  const PhasePoint& chosen() const { return *whole_[current_].chosen; }

  /// Makes the chosen point the start of the next trajectory.
  void accept_chosen() {
    if (whole_[current_].chosen != &start()) std::swap(start(), *whole_[current_].chosen);
  }

  int depth() const { return depth_; }      ///< doublings tried
  int n_steps() const { return n_steps_; }  ///< leapfrog steps, those of a dropped tree too
  /// Mean of min(1, exp(-energy error)) over the new points.
  double acceptance_rate() const { return acceptance_sum_ / n_steps_; }
  /// The energy error that is largest in absolute value, with its sign; infinite where the density is undefined.
  double max_energy_error() const { return max_energy_error_; }

 private:
  /// A stretch with room for its momentum sum. A single point needs none: the sum is its own momentum.
  struct Tree : Stretch {
    Eigen::VectorXd sum_storage;

    explicit Tree(Eigen::Index dimension) : sum_storage(Eigen::VectorXd::Zero(dimension)) {}

    void become_leaf(PhasePoint* point, double point_weight) {
      first = last = chosen = point;
      momentum_sum = &point->momentum;
      weight = point_weight;
    }
  };

  /// What stays the same throughout one doubling.
  template <typename Density, typename Inspector>
  struct Growth {
    Density& density;
    const DiagonalMetric& metric;
    double step_size;  ///< with the sign of the direction
    double max_energy_error;
    Rng& rng;
    Inspector& inspector;
  };

  /// Grows a tree of 2^depth points that follow `edge`. On any outcome but Continue, `tree` is left unfinished.
  template <typename Density, typename Inspector>
  Outcome grow(const Growth<Density, Inspector>& growth, const PhasePoint& edge, int depth, Tree& tree) {
    if (depth == 0) return grow_leaf(growth, edge, tree);

    auto& [earlier, later] = levels_[static_cast<std::size_t>(depth - 1)];
    if (const Outcome outcome = grow(growth, edge, depth - 1, earlier); outcome != Outcome::Continue) return outcome;
    if (const Outcome outcome = grow(growth, *earlier.last, depth - 1, later); outcome != Outcome::Continue)
      return outcome;

    // Multinomial sampling inside the tree: each point is chosen in proportion to its weight.
    const bool choose_later = growth.rng.uniform() * (earlier.weight + later.weight) < later.weight;
    return merge(earlier, later, choose_later, tree, growth.inspector);
  }

  template <typename Density, typename Inspector>
  Outcome grow_leaf(const Growth<Density, Inspector>& growth, const PhasePoint& edge, Tree& leaf) {
    PhasePoint* point = pool_.lend(/*holders=*/3);
    leapfrog(growth.density, growth.metric, growth.step_size, edge, *point);
    ++n_steps_;

    constexpr double infinity = std::numeric_limits<double>::infinity();
    double energy_error = point->energy - start_energy_;
    if (std::isnan(energy_error)) energy_error = infinity;
    max_energy_error_ = std::abs(energy_error) > std::abs(max_energy_error_) ? energy_error : max_energy_error_;
    if (energy_error > growth.max_energy_error || energy_error == -infinity) {
      growth.inspector.leaf(*point, Outcome::Diverging);
      return Outcome::Diverging;
    }
    leaf.become_leaf(point, Rules::weight(boltzmann_factor(*point)));
    growth.inspector.leaf(*point, Outcome::Continue);
    return Outcome::Continue;
  }

  double boltzmann_factor(const PhasePoint& point) {
    constexpr double largest_exponent = 600;  // exp(709) overflows, and 2^20 weights must add up
    if (reference_energy_ - point.energy > largest_exponent) move_reference_energy(point.energy);
    const double factor = std::exp(reference_energy_ - point.energy);
    const double relative_to_start =
        reference_energy_ == start_energy_ ? factor : std::exp(start_energy_ - point.energy);
    acceptance_sum_ += std::min(1.0, relative_to_start);
    return factor;
  }

  /// A start far out in the tails finds points of hugely larger density; the weights so far then shrink to next to
  /// nothing.
  void move_reference_energy(double energy) {
    const double factor = std::exp(energy - reference_energy_);
    for (Tree& tree : whole_) tree.weight *= factor;
    for (auto& level : levels_) {
      for (Tree& tree : level) tree.weight *= factor;
    }
    reference_energy_ = energy;
  }

  template <typename Inspector>
  Outcome merge(const Tree& earlier, const Tree& later, bool choose_later, Tree& merged, Inspector& inspector) {
    const Outcome outcome = turns(earlier, later) ? Outcome::Turning : Outcome::Continue;
    merged.first = earlier.first;
    merged.last = later.last;
    merged.chosen = choose_later ? later.chosen : earlier.chosen;
    merged.sum_storage = *earlier.momentum_sum + *later.momentum_sum;
    merged.momentum_sum = &merged.sum_storage;
    merged.weight = earlier.weight + later.weight;
    inspector.merge(earlier, later, merged, outcome);
    pool_.release(earlier.last);
    pool_.release(later.first);
    pool_.release(choose_later ? earlier.chosen : later.chosen);
    return outcome;
  }

  /// Whether the two stretches, one after the other, make a U-turn.
  static bool turns(const Stretch& earlier, const Stretch& later) {
    const double* earlier_sum = earlier.momentum_sum->data();
    const double* later_sum = later.momentum_sum->data();
    const double* first = earlier.first->momentum.data();
    const double* inner_last = earlier.last->momentum.data();
    const double* inner_first = later.first->momentum.data();
    const double* last = later.last->momentum.data();
    const Eigen::Index dimension = earlier.momentum_sum->size();

    // One pass for all six products: in few dimensions, which are the rule, six passes would cost more than a
    // leapfrog step.
    double whole_first = 0, whole_last = 0, early_first = 0, early_last = 0, late_first = 0, late_last = 0;
    for (Eigen::Index i = 0; i < dimension; ++i) {
      const double whole_sum = earlier_sum[i] + later_sum[i];
      whole_first += whole_sum * first[i];
      whole_last += whole_sum * last[i];
      const double early_sum = earlier_sum[i] + inner_first[i];
      early_first += early_sum * first[i];
      early_last += early_sum * inner_first[i];
      const double late_sum = later_sum[i] + inner_last[i];
      late_first += late_sum * inner_last[i];
      late_last += late_sum * last[i];
    }
    return Rules::is_turning(whole_first, whole_last) || Rules::is_turning(early_first, early_last) ||
           Rules::is_turning(late_first, late_last);
  }

  PointPool pool_;
  std::array<Tree, 2> whole_;                ///< the trajectory, and room for it once doubled
  std::size_t current_ = 0;                  ///< which of `whole_` is the trajectory
  std::vector<std::array<Tree, 2>> levels_;  ///< on each level, the two sub-trees that make one of the next
  double start_energy_ = 0;
  double reference_energy_ = 0;  ///< has weight 1; the start's, unless some point lies far below it
  int depth_ = 0;
  int n_steps_ = 0;
  double acceptance_sum_ = 0;
  double max_energy_error_ = 0;
};

}  // namespace filbert
