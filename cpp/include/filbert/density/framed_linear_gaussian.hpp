// The posterior of a Gaussian regression in its standard frame: what NUTS samples.
#pragma once

#include <Eigen/Core>
#include <memory>

#include "filbert/density/framed_density.hpp"
#include "filbert/density/linear_gaussian.hpp"
#include "filbert/frame/standard_frame.hpp"
#include "filbert/priors/prior_terms.hpp"

namespace filbert {

/// The posterior of `LinearGaussian` in a `StandardFrame`, with the Jacobian. Models `FramedDensity` in (u, η, ζ).
///
/// A log density with its gradient costs O(p), and O(p) more for each prior that is not Gaussian.
class FramedLinearGaussian {
 public:
  /// Throws ImproperPosterior, UncomputablePosterior.
  explicit FramedLinearGaussian(const LinearGaussian& posterior);

  Eigen::Index dimension() const { return frame_->coefficients() + 1; }
  Eigen::Index variables() const { return dimension(); }

  /// Here and below std::invalid_argument is thrown for wrong sizes.
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient);

  /// Writes β and then σ of each position, a column a draw, in the user's scale: (coefficients + 1, draws).
  void to_user_scale(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::MatrixXd> draws);

  /// The log density of (β, log σ) in the user's scale where the one in the frame is `log_density`.
  double user_log_density(const Eigen::VectorXd& position, double log_density) const;

  const StandardFrame& frame() const { return *frame_; }
  const LinearGaussian& posterior() const { return *posterior_; }

 private:
  const PrecisionFrame::Pulls& pulls_at(const Eigen::VectorXd& position);
  double add_corrections(const Eigen::VectorXd& position, double x, const PrecisionFrame::Pulls& pulls,
                         Eigen::VectorXd& gradient, double& x_gradient);
  double add_bounded(const Eigen::VectorXd& position, double x, const PrecisionFrame::Pulls& pulls,
                     Eigen::VectorXd& gradient);
  double log_jacobian(const Eigen::VectorXd& position) const;

  // Shared by the copies that the chains work on.
  std::shared_ptr<const LinearGaussian> posterior_;
  std::shared_ptr<const StandardFrame> frame_;
  // What the priors of free coefficients that are not Gaussian differ by from their proxies.
  std::shared_ptr<const PriorTerms> corrections_;
  std::shared_ptr<const Eigen::VectorXd>
      correction_offsets_;  // of what they are about, at γ₀ and the bounded coefficients at 0
  std::shared_ptr<const Eigen::MatrixXd> correction_rows_;     // (corrections, free): from z to the combinations
  std::shared_ptr<const Eigen::MatrixXd> correction_bounded_;  // (corrections, bounded): from the bounded coefficients
  double log_constant_ = 0;     // makes the value that of LinearGaussian plus the log Jacobian
  double log_determinant_ = 0;  // of the part of the Jacobian that is the same everywhere

  // Scratch.
  PrecisionFrame::Pulls pulls_;
  PrecisionFrame::Conditional conditional_, slopes_;
  Eigen::ArrayXd z_, z_gradient_;
  Eigen::VectorXd combination_, combination_gradient_;
  Eigen::VectorXd bounded_values_, bounded_gradient_;
};

static_assert(FramedDensity<FramedLinearGaussian>);

}  // namespace filbert
