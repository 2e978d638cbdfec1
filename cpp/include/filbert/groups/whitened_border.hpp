// The dense end of a block Cholesky factorisation: a draw given standard normals, and slopes back through both.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// `x = L⁻ᵀ(L⁻¹ s + z)` with `S = LL'`.
class WhitenedBorder {
 public:
  explicit WhitenedBorder(Eigen::Index size);

  Eigen::Index size() const { return pull_.size(); }

  /// S (its lower triangle) and s, to be filled before `factorise`.
  Eigen::MatrixXd& square() { return root_; }
  Eigen::VectorXd& pull() { return pull_; }

  /// Returns log |L|, which is not a number where S is not positive definite.
  double factorise();

  void draw(const Eigen::Ref<const Eigen::VectorXd>& z, Eigen::Ref<Eigen::VectorXd> x);

  /// After `draw`: from the slopes of a function in x those in z; and with -log |L|, those in S (symmetric) and in s.
  void backward(const Eigen::Ref<const Eigen::VectorXd>& x_slopes, Eigen::Ref<Eigen::VectorXd> z_slopes);
  const Eigen::MatrixXd& square_slopes() const { return square_slopes_; }
  const Eigen::VectorXd& pull_slopes() const { return pull_slopes_; }

  /// S⁻¹.
  Eigen::MatrixXd inverse() const;

 private:
  Eigen::MatrixXd root_, square_slopes_;
  Eigen::VectorXd pull_, whitened_pull_, y_, pull_slopes_;
};

}  // namespace filbert
