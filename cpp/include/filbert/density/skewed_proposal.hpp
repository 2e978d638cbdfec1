// A skew-corrected Gaussian with a heavy-tailed share: draws from it, and its exact density anywhere.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <memory>

#include "filbert/sampler/rng.hpp"

namespace filbert {

/// Whether a proposal has one of its two parts only; for tests that show what goes wrong without the other.
struct SkewedProposalSettings {
  double share_of_t = 0.1;
  double degrees_of_freedom = 5;
};

/// The mixture of a multivariate t and of the image of a standard normal ξ under `z = ξ + M ξ / 6 + τ / 3`, where T are third derivatives of
/// a log density at the mode of its frame, M_ij = Σ_k T_ijk ξ_k and τ_k = Σ_i T_iik: to first order in T the image has that density.
///
/// The map is used where I + M/3, its Jacobian, is positive definite: there it is the gradient of a convex function and meets each z once.
/// Draws from beyond, where it folds, propose nothing; the density integrates to one less their probability. The image ends at the fold,
/// and only the t reaches what lies behind.
class SkewedProposal {
 public:
  /// `third_derivatives` as FramedGlm gives them; with no rows the normal is not skewed.
  SkewedProposal(const Eigen::MatrixXd& third_derivatives, const SkewedProposalSettings& settings);

  Eigen::Index dimension() const { return tensor_->cols(); }

  /// Draws a column each; `log_density` is that of the mixture, and NaN where the map folded: no proposal, the column is 0. Returns how
  /// many were.
  int draw(Rng& rng, Eigen::Ref<Eigen::MatrixXd> draws, Eigen::Ref<Eigen::VectorXd> log_density);

  /// The log density of the mixture at any point.
  double log_density(const Eigen::Ref<const Eigen::VectorXd>& z);

 private:
  bool is_skewed() const { return tensor_->rows() > 0; }
  bool map_jacobian(const Eigen::Ref<const Eigen::VectorXd>& packed);
  double log_determinant() const;
  double log_map_density(double squared_norm) const;
  double log_t_density(double squared_norm) const;
  double mixed(double log_of_map, double squared_norm_of_z) const;
  bool solve(const Eigen::Ref<const Eigen::VectorXd>& z);

  SkewedProposalSettings settings_;
  std::shared_ptr<const Eigen::MatrixXd> tensor_;  // packed lower triangles, (d (d + 1) / 2, d)
  Eigen::VectorXd tau_;
  double log_normal_constant_, log_t_constant_;

  // Scratch.
  Eigen::MatrixXd normals_, packed_, jacobian_;
  Eigen::VectorXd xi_, trial_, residual_, product_, packed_one_;
  Eigen::LLT<Eigen::MatrixXd> factor_;
};

}  // namespace filbert
