// The posterior of a generalised linear model with group effects in coordinates near a standard normal: what is sampled.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <vector>

#include "filbert/groups/group_whitening.hpp"
#include "filbert/groups/grouped_glm.hpp"
#include "filbert/groups/profile_frame.hpp"

namespace filbert {

/// `GroupedGlm` in a frame. Models `FramedDensity`; a point has u of the outer coordinates (see ProfileFrame, of Laplace's approximation),
/// then z of the inner coefficients and the effects: `x = m(θ) + L(θ)⁻ᵀ z` is normal given the outer ones where the model is Gaussian with
/// the working weights of the mode, which stay as they are. What is not so enters by the exact density. There is no funnel: for
/// small deviations and little data z is v, and for large ones it is what b is normal with.
class FramedGroupedGlm {
 public:
  /// Throws NoMode, ImproperPosterior, UncomputablePosterior, GroupsTooLarge.
  explicit FramedGroupedGlm(const GroupedGlm& posterior, bool with_effects = true);

  /// The same posterior in another frame, see GroupedGlm; none where there is none.
  std::optional<FramedGroupedGlm> elsewhere() const;

  Eigen::Index dimension() const { return posterior_.dimension(); }
  Eigen::Index variables() const { return posterior_.parameters() + (with_effects_ ? posterior_.effects() : 0); }

  /// Allocates nothing (a user's likelihood apart).
  double operator()(const Eigen::VectorXd& u, Eigen::VectorXd& gradient);

  /// The parameters of a draw, then the effects, see GroupedGlm. It costs little at the point that was asked for last.
  void to_user_scale(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::MatrixXd> draws);
  static constexpr bool remembers_point = true;

  /// That of GroupedGlm at its position.
  double user_log_density(const Eigen::VectorXd& u, double log_density);

  /// That of GroupedGlm.
  Eigen::VectorXd position(const Eigen::VectorXd& u);

  const GroupedGlm& posterior() const { return posterior_; }

  /// How often Laplace's approximation was evaluated to find the frame.
  int evaluations() const { return evaluations_; }

 private:
  void find_frame();
  double locate(const Eigen::Ref<const Eigen::VectorXd>& u);

  GroupedGlm posterior_;
  bool with_effects_;
  std::optional<ProfileFrame> frame_;
  std::optional<GroupWhitening> whitening_;
  int evaluations_ = 0;

  // Scratch.
  Eigen::VectorXd position_, position_slopes_, outer_slopes_;
  Eigen::VectorXd located_;  // the point that it is of
  double log_jacobian_ = 0;
  std::vector<Eigen::MatrixXd> factor_slopes_;
};

}  // namespace filbert
