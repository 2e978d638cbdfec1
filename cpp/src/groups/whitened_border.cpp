// Triangular solves with one dense factor.
#include "filbert/groups/whitened_border.hpp"

#include <cmath>
#include <limits>

#include "filbert/numeric/small_triangles.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

WhitenedBorder::WhitenedBorder(Index size)
    : root_(MatrixXd::Zero(size, size)),
      square_slopes_(MatrixXd::Zero(size, size)),
      pull_(VectorXd::Zero(size)),
      whitened_pull_(VectorXd::Zero(size)),
      y_(VectorXd::Zero(size)),
      pull_slopes_(VectorXd::Zero(size)) {}

double WhitenedBorder::factorise() {
  if (size() == 0) return 0;
  if (!cholesky_in_place(root_)) return std::numeric_limits<double>::quiet_NaN();
  whitened_pull_ = pull_;
  solve_lower(root_, whitened_pull_);
  double log_determinant = 0;
  for (Index i = 0; i < size(); ++i) log_determinant += std::log(root_(i, i));
  return log_determinant;
}

void WhitenedBorder::draw(const Eigen::Ref<const VectorXd>& z, Eigen::Ref<VectorXd> x) {
  if (size() == 0) return;
  y_ = whitened_pull_ + z;
  x = y_;
  solve_lower_transposed(root_, x);
}

void WhitenedBorder::backward(const Eigen::Ref<const VectorXd>& x_slopes, Eigen::Ref<VectorXd> z_slopes) {
  if (size() == 0) return;
  z_slopes = x_slopes;
  solve_lower(root_, z_slopes);
  pull_slopes_ = z_slopes;
  solve_lower_transposed(root_, pull_slopes_);
  // L'L̄ = -(y ȳ' + ȳ t' + I), t = L⁻¹s and y = t + z, on and below the diagonal; its symmetric half between L⁻ᵀ and L⁻¹ is S̄.
  for (Index j = 0; j < size(); ++j) {
    for (Index i = j; i < size(); ++i) {
      const double half = -0.5 * (y_(i) * z_slopes(j) + z_slopes(i) * whitened_pull_(j) + (i == j ? 1 : 0));
      square_slopes_(i, j) = half;
      square_slopes_(j, i) = half;
    }
  }
  solve_lower_transposed(root_, square_slopes_);
  square_slopes_.transposeInPlace();
  solve_lower_transposed(root_, square_slopes_);
}

MatrixXd WhitenedBorder::inverse() const {
  MatrixXd result = MatrixXd::Identity(size(), size());
  solve_lower(root_, result);
  solve_lower_transposed(root_, result);
  return result;
}

}  // namespace filbert
