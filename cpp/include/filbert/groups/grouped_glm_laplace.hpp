// Laplace's approximation of a grouped GLM's posterior over its outer coordinates.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "filbert/groups/group_whitening.hpp"
#include "filbert/groups/grouped_glm.hpp"

namespace filbert {

/// `log p(outer, x̂) - log |L|` (up to a constant) at the mode x̂ of coefficients and effects given the outer coordinates, where LL' is the
/// curvature there: what shapes the frame. It is a `SmoothFunction`.
class GroupedGlmLaplace {
 public:
  /// Throws NoMode.
  explicit GroupedGlmLaplace(const GroupedGlm& posterior);

  /// Where searches of the mode may begin. Effects at a centre may have a mode of hardly any slopes besides, where priors of intercepts at
  /// zero are high: the second, where there is one, has slopes that are small at zero.
  std::vector<Eigen::VectorXd> starts() const;

  /// Minus infinity where no mode of the inner coordinates was found.
  double operator()(const Eigen::VectorXd& outer, Eigen::VectorXd& gradient);

  /// After an evaluation: the quadratic at x̂.
  WorkingBlocks blocks() const;

 private:
  void climb_likelihood();
  bool climb();
  double lengthen(const Eigen::VectorXd& before, const Eigen::VectorXd& direction, double value);
  void set_working();
  void add_implicit_slopes();
  void add_auxiliary_slopes(const Eigen::VectorXd& variances, const Eigen::VectorXd& z_slopes);
  Eigen::VectorXd row_variances() const;

  GroupedGlm posterior_;
  Eigen::VectorXd position_, first_inner_;
  std::optional<GroupWhitening> whitening_;
  double log_determinant_ = 0;
  std::vector<Eigen::MatrixXd> factor_slopes_;
  Eigen::VectorXd outer_slopes_, gradient_, eta_, slopes_, weights_, zero_, solution_;
};

}  // namespace filbert
