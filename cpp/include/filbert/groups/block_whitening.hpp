// Whitens the effects of one grouping factor and the coefficients: many small blocks, eight at a time, and a dense border.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

#include "filbert/groups/whitened_border.hpp"
#include "filbert/groups/whitening_kernels.hpp"
#include "filbert/groups/working_blocks.hpp"

namespace filbert {

/// Given Λ, the quadratic of `WorkingBlocks` makes the coefficients and the standardised effects `v = Λ⁻¹b` normal with the precision
/// `H(Λ) = LL'`; effects come first, so that L is block-diagonal but for its last rows. Then
///
///   x = (a, v) = L⁻ᵀ(L⁻¹ h + z):  y_g = A_h + z_g,  v_g = L_g⁻ᵀ r_g,  r_g = y_g - A_g a,
///
/// is a change of variables whose Jacobian is 1/|L|; v = 0 at Λ = 0, and no inverse of Λ appears. x and z have the inner coefficients and
/// then the effects, column after column.
class BlockWhitening {
 public:
  /// Throws GroupsTooLarge.
  explicit BlockWhitening(const WorkingBlocks& blocks, InstructionSet set = instruction_set());

  /// Returns log |L|; `outer` are the coefficients that are given.
  double forward(const std::vector<Eigen::MatrixXd>& factors, const Eigen::VectorXd& outer,
                 const Eigen::Ref<const Eigen::VectorXd>& z, Eigen::Ref<Eigen::VectorXd> x);

  /// After `forward`: from the slopes of a function in x those in z, and with -log |L| writes those in Λ and in the outer coefficients.
  void backward(const std::vector<Eigen::MatrixXd>& factors, const Eigen::Ref<const Eigen::VectorXd>& x_slopes,
                Eigen::Ref<Eigen::VectorXd> z_slopes, std::vector<Eigen::MatrixXd>& factor_slopes,
                Eigen::VectorXd& outer_slopes);

  /// After `forward`: w'H⁻¹w for w with `of_group` (times Λ') in group g and `of_border` in the coefficients. `inverse` is that of the border;
  /// `of_border` is overwritten.
  double variance(const std::vector<Eigen::MatrixXd>& factors, Eigen::Index group, const Eigen::VectorXd& of_group,
                  const std::vector<Eigen::Index>& tail, Eigen::VectorXd& of_border,
                  const Eigen::MatrixXd& inverse) const;

  const WhitenedBorder& border() const { return border_; }

 private:
  struct Shared {
    WhitenedBlocks shape{};  // without scratch
    Eigen::MatrixXd square;
    Eigen::VectorXd pull;
    std::vector<Eight> numbers;
  };

  /// With the scratch of this copy.
  WhitenedBlocks blocks();

  std::shared_ptr<const Shared> shared_;
  const WhiteningKernels* kernels_;
  WhitenedBorder border_;
  std::vector<Eight> roots_, coupled_, right_, r_, r_slopes_, sums_, column_, P_, factor_sums_;
  Eigen::VectorXd square_sums_, pull_sums_, coefficients_, coefficient_slopes_;
};

}  // namespace filbert
