// Coordinates of a GLM in which its auxiliaries are nearly normal, and the spread of its coefficients does not depend on them.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/density/glm_mode.hpp"
#include "filbert/density/unconstrained_glm.hpp"
#include "filbert/numeric/cubic_spline.hpp"
#include "filbert/priors/line_map.hpp"

namespace filbert {

/// The bijection of r = (u, ζ) onto q = (t, log auxiliaries) of UnconstrainedGlm: `log α_k = m_k(ζ_k)` and `t = t̂ + u Π_k s_k(α_k)`.
///
/// m_k maps a standard normal onto the marginal of log α_k as Laplace's approximation has it; s_k is how the deviations of the
/// coefficients change with α_k. Both are tables, made once; whoever uses them counts their Jacobian, so that a bad table costs
/// effective draws, never truth.
class AuxiliaryScores {
 public:
  /// What the map is at a point.
  struct At {
    double scale = 1;             ///< Π s_k
    double log_determinant = 0;   ///< log |dq/dr|
    std::vector<double> slopes;   ///< d log α_k / dζ_k
    std::vector<double> bends;    ///< d log slope / dζ_k
    std::vector<double> stretch;  ///< d log scale / d log α_k
  };

  AuxiliaryScores(UnconstrainedGlm& density, const GlmMode& mode);

  Eigen::Index auxiliaries() const { return static_cast<Eigen::Index>(tables_.size()); }
  Eigen::Index coefficients() const { return centre_.size(); }

  /// Room for what the map is at a point.
  At room() const;

  /// Writes q and what the map is there. Allocates nothing.
  void operator()(const Eigen::Ref<const Eigen::VectorXd>& r, Eigen::Ref<Eigen::VectorXd> q, At& at) const;

  /// The gradient in r of a log density in r, its Jacobian included, from that in q. Allocates nothing.
  void pull_back(const Eigen::Ref<const Eigen::VectorXd>& r, const At& at, const Eigen::VectorXd& q_gradient,
                 Eigen::VectorXd& gradient) const;

  /// The Hessian in r likewise, from gradient and Hessian in q.
  Eigen::MatrixXd pull_back_curvature(const Eigen::VectorXd& r, const Eigen::VectorXd& q_gradient,
                                      const Eigen::MatrixXd& q_hessian) const;

  /// The r of q.
  Eigen::VectorXd inverse(const Eigen::VectorXd& q) const;

 private:
  struct Table {
    LineMap onto_support;  ///< of log α
    bool is_bounded = false;
    CubicSpline theta;      ///< what is mapped onto the support, over ζ
    CubicSpline log_scale;  ///< of s, over log α
  };
  struct Located {
    double log_alpha, slope, log_slope, slope_of_log;
  };

  static Located locate(const Table& table, double zeta);

  Eigen::VectorXd centre_;  // t̂
  std::vector<Table> tables_;
};

}  // namespace filbert
