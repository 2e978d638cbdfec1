// The posterior of a generalised linear model in its Laplace frame: what both samplers see.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <vector>

#include "filbert/density/auxiliary_scores.hpp"
#include "filbert/density/closest_normal.hpp"
#include "filbert/density/glm_mode.hpp"
#include "filbert/density/unconstrained_glm.hpp"

namespace filbert {

/// The posterior of a GLM in coordinates z with `r = mode + L⁻ᵀ z`, where L Lᵀ is less the Hessian at the mode and r are the coordinates of
/// `UnconstrainedGlm`, or of `AuxiliaryScores` where there are auxiliaries: near the mode a standard normal, everywhere the exact density
/// with its Jacobian. Models `LogDensity`.
class FramedGlm {
 public:
  /// Throws NoMode.
  explicit FramedGlm(std::shared_ptr<const GlmPosterior> posterior);

  /// The same posterior in the frame of the normal that is closest to it (see `closest_normal`), in place of Laplace's; empty where that is
  /// not found. For many dimensions: draws of a standard normal are worth far more there.
  std::optional<FramedGlm> in_closest_normal() const;

  Eigen::Index dimension() const { return density_.dimension(); }
  Eigen::Index variables() const { return dimension(); }  ///< coefficients and the auxiliaries that are not fixed

  /// Allocates nothing (a user's likelihood apart).
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient);

  /// Log densities of up to max_batch positions, a column each.
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::VectorXd> values);

  /// The same of any number of positions; rows that are elsewhere are visited once for all of them. Not where auxiliaries have scores.
  Eigen::VectorXd batch_at_once(const Eigen::MatrixXd& positions) const;

  /// Writes β and then the auxiliaries of each position, a column a draw: (variables, draws).
  void to_user_scale(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::MatrixXd> draws);

  /// The log density of (β, log auxiliaries) where the one in the frame is `log_density`.
  double user_log_density(const Eigen::VectorXd& position, double log_density);

  const GlmMode& mode() const { return *mode_; }  ///< of q
  const Eigen::VectorXd& centre() const {
    return frame_->centre;
  }  ///< where z is 0: the mode, but for the closest normal
  const Eigen::MatrixXd& directions() const { return frame_->directions; }  ///< L⁻ᵀ
  double log_determinant() const { return frame_->log_determinant; }        ///< of directions
  const UnconstrainedGlm& unconstrained() const { return density_; }

  /// The third derivatives of the log density at the mode in z: the lower triangles of ∂³/∂z_i ∂z_j ∂z_k, (d (d + 1) / 2, d), a column
  /// a k, symmetric in all three indices.
  Eigen::MatrixXd third_derivatives() const;

 private:
  /// Of r, or of q where there are no auxiliaries.
  struct Laplace {
    Eigen::VectorXd centre;
    Eigen::MatrixXd directions;  ///< L⁻ᵀ, an upper triangle
    double log_determinant = 0;  ///< of directions
  };

  Laplace around_mode() const;
  static void set_directions(const Eigen::MatrixXd& precision, Laplace& frame);
  Eigen::MatrixXd curvature_of_scores(UnconstrainedGlm& density, const Eigen::VectorXd& r, Eigen::VectorXd& gradient,
                                      double& value, bool clip_priors) const;
  double locate(const Eigen::Ref<const Eigen::VectorXd>& position, Eigen::Ref<Eigen::VectorXd> q);
  std::vector<Eigen::MatrixXd> thirds_from_hessians() const;

  UnconstrainedGlm density_;
  UnconstrainedGlm surrogate_;  ///< what the frame is made of: the same, unless the density is highest at an edge
  std::shared_ptr<const GlmMode> mode_;
  std::shared_ptr<const AuxiliaryScores> scores_;  // none without auxiliaries, or where each look at the rows is a pass
  std::shared_ptr<const Laplace> frame_;

  // Scratch.
  AuxiliaryScores::At at_;
  Eigen::VectorXd r_, r_gradient_, q_, q_gradient_;
  Eigen::VectorXd log_determinants_;
  Eigen::MatrixXd points_;
};

}  // namespace filbert
