// Maps deviations and canonical partial correlations of a term's effects to their Cholesky factor, and slopes back.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// The covariance of the effects that a group has in one term: `Λ Λ'` with `Λ = diag(deviations) L` and L the factor of a
/// correlation matrix R, built row by row from canonical partial correlations `tanh(w)`:
/// `L_ij = tanh(w_ij) Π_{k<j} 1/cosh(w_ik)`, `L_ii = Π_{k<i} 1/cosh(w_ik)`. Any w gives a correlation matrix, and none costs
/// a square root of a difference. w is stored row after row of the lower triangle: (1,0), (2,0), (2,1), (3,0), ...
///
/// Uncorrelated effects have no w, and L = I.
class EffectCovariance {
 public:
  /// `lkj_eta` is the shape of the correlation matrix's prior.
  EffectCovariance(Eigen::Index effects, bool correlated, double lkj_eta = 1);

  Eigen::Index effects() const { return effects_; }
  bool is_correlated() const { return correlations() > 0; }
  Eigen::Index correlations() const { return correlated_ ? effects_ * (effects_ - 1) / 2 : 0; }

  /// Writes Λ, all of it. The sizes are (effects), (correlations), (effects)².
  void factor(const Eigen::Ref<const Eigen::VectorXd>& deviations, const Eigen::Ref<const Eigen::VectorXd>& w,
              Eigen::Ref<Eigen::MatrixXd> into) const;

  /// From the slopes of a function in the lower triangle of Λ, its slopes in the deviations and in w.
  void factor_slopes(const Eigen::Ref<const Eigen::VectorXd>& deviations, const Eigen::Ref<const Eigen::VectorXd>& w,
                     const Eigen::Ref<const Eigen::MatrixXd>& slopes, Eigen::Ref<Eigen::VectorXd> deviation_slopes,
                     Eigen::Ref<Eigen::VectorXd> w_slopes) const;

  /// The correlations themselves, R_01, R_02, ..., R_12, ...: pairs in the order of `itertools.combinations`. Leaves L in `factor`.
  void correlations_of(const Eigen::Ref<const Eigen::VectorXd>& w, Eigen::Ref<Eigen::MatrixXd> factor,
                       Eigen::Ref<Eigen::VectorXd> into) const;

  /// Writes Λ for given deviations and correlations, in that order.
  void factor_of(const Eigen::Ref<const Eigen::VectorXd>& deviations,
                 const Eigen::Ref<const Eigen::VectorXd>& correlations, Eigen::Ref<Eigen::MatrixXd> into) const;

  /// The log density of w where R ~ LKJ(lkj_eta), a density on R and not on its factor; adds its slopes to `slopes`.
  ///
  /// A partial correlation given j others has the density of `2 b - 1`, b ~ Beta(a, a), a = lkj_eta + (effects - 2 - j) / 2
  /// (Lewandowski, Kurowicka and Joe 2009).
  double lkj(const Eigen::Ref<const Eigen::VectorXd>& w, Eigen::Ref<Eigen::VectorXd> slopes) const;

 private:
  void correlation_factor(const Eigen::Ref<const Eigen::VectorXd>& w, Eigen::Ref<Eigen::MatrixXd> into) const;

  Eigen::Index effects_;
  bool correlated_;
  double lkj_eta_;
  double log_normaliser_ = 0;  // of the LKJ density; std::lgamma writes a global, so not in each evaluation
};

}  // namespace filbert
