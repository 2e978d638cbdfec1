// Decides whether independence Metropolis samples the variances of a Gaussian mixed model, and how.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "filbert/draws/independence_verdict.hpp"
#include "filbert/groups/framed_grouped_gaussian.hpp"
#include "filbert/sampler/independence.hpp"
#include "filbert/sampler/independence_pilot.hpp"
#include "filbert/sampler/student_mixture.hpp"

namespace filbert {

/// Thresholds of the switch to NUTS.
struct GroupedSwitchRule {
  IndependenceThresholds asked{.least_acceptance = 0.6, .most_log_largest_weight = 2.5, .least_acceptance_of_run = 0.5};
  double most_correlated = 1.2;          ///< autocorrelation time of draws that are made where values are cheap
  Eigen::Index few_dense_effects = 200;  ///< beyond, a value is dear: every one is a draw, and a pilot has few
  Eigen::Index most_adapted = 12;  ///< dimensions in which proposals are adapted where the frame's own will not do
};

/// A density of which nearly every point is kept, or whose values are dear: a draw is made at each point of `batch`, from the same elimination.
/// Models `BatchLogDensity`.
class DrawingDensity {
 public:
  explicit DrawingDensity(const FramedGroupedGaussian& density) : density_(density) {}

  Eigen::Index dimension() const { return density_.dimension(); }
  double operator()(const Eigen::VectorXd& u, Eigen::VectorXd& gradient) { return density_(u, gradient); }
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& points, Eigen::Ref<Eigen::VectorXd> values);

  /// The draw at a position where a chain has been for `stays` draws before.
  void draw(const Eigen::VectorXd& position, std::uint64_t stays, Eigen::Ref<Eigen::VectorXd> into);

 private:
  static constexpr Eigen::Index kept = 96;

  FramedGroupedGaussian density_;
  Eigen::MatrixXd points_, draws_;  // the latest, in turn
  Eigen::Index next_ = 0, found_ = kept - 1;
};

/// What a pilot found: what to propose, where chains begin, how many proposals a draw is made of, and why independence Metropolis would
/// not do, if so.
struct GroupedPilot {
  explicit GroupedPilot(const FramedGroupedGaussian& framed)
      : density(framed), proposal(StudentMixture::with_normal(framed.dimension())) {}

  FramedGroupedGaussian density;  ///< what to sample: the same posterior, in a smooth frame where proposals are adapted
  StudentMixture proposal;
  IndependencePilot pilot;
  WeightedPoints starts;
  Eigen::Index every = 1;
  bool is_dear = false;           ///< a value takes long
  bool draws_everywhere = false;  ///< it pays to sample a DrawingDensity
  bool is_adapted = false;
  std::string refusal;  ///< empty where it will do
};

/// Of proposals in the density's own frame, or else of adapted ones. On up to `threads` threads, which changes no number.
GroupedPilot pilot_grouped(const FramedGroupedGaussian& density, std::uint64_t seed, int threads = 1,
                           const GroupedSwitchRule& rule = {});

/// Of proposals adapted in a smooth frame, where each value costs little and coordinates are few; refused where not.
GroupedPilot pilot_adapted(const FramedGroupedGaussian& density, std::uint64_t seed, int threads = 1,
                           const GroupedSwitchRule& rule = {});

}  // namespace filbert
