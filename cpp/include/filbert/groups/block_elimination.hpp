// Integrates out the effects of one grouping factor: many small blocks, eight at a time.
#pragma once

#include <Eigen/Core>
#include <memory>

#include "filbert/groups/group_kernels.hpp"
#include "filbert/groups/kept_rows.hpp"

namespace filbert {

/// Blocks as the loops over them read them.
class ChunkedBlocks {
 public:
  ChunkedBlocks(Eigen::Index effects, Eigen::Index width, Eigen::Index blocks);

  /// `numbers` are R and C by columns, of a block that stands for `count` groups.
  void set(Eigen::Index block, const Eigen::Ref<const Eigen::VectorXd>& numbers, double count);

  BlockRows rows() const { return {effects_, width_, chunks_, numbers_.data()}; }

 private:
  Eigen::Index effects_, width_, chunks_;
  Eigen::VectorXd numbers_;
};

/// Given `Σ = Λ Λ'` and σ, the kept rows of a group are normal with covariance `V_g = σ² I + R_g Σ R_g'`, and
///
///   K = rest' rest / σ² + Σ_g C_g' V_g⁻¹ C_g,   log det = 2 (N - G q) log σ + Σ_g log |V_g|,
///
/// so that the log likelihood of v = (coefficients, -1) is `-½ (v' K v + log det + N log 2π)`. All terms are positive; nothing
/// is subtracted, and Σ = 0 is as good a point as any. Groups with equal R_g share V_g: where they are more than the q·width
/// numbers of a C_g, the triangle of their C_g as rows stands for them, without loss.
class BlockElimination {
 public:
  explicit BlockElimination(const KeptRows& rows);

  /// Writes K and returns the log determinant. Allocates nothing.
  double forward(const Eigen::MatrixXd& factor, double sigma, Eigen::MatrixXd& K);

  /// After `forward`, for a function with slopes `K_slopes` (symmetric) in K and `log_det_slope`: writes its slopes in Λ (lower
  /// triangle) and returns that in log σ.
  double backward(const Eigen::MatrixXd& factor, double sigma, const Eigen::MatrixXd& K_slopes, double log_det_slope,
                  Eigen::MatrixXd& factor_slopes);

  /// Blocks after equal ones were merged.
  Eigen::Index blocks() const { return shared_->blocks; }

 private:
  struct Shared {
    Eigen::Index blocks = 0;
    double free_rows = 0;  // N - G q
    Eigen::MatrixXd rest_square;
    ChunkedBlocks chunks;
  };

  static std::shared_ptr<const Shared> share(const KeptRows& rows);

  std::shared_ptr<const Shared> shared_;
  const GroupKernels* kernels_;
  Eigen::VectorXd left_, K_sums_, covariance_sums_;  // of the kernels
  Eigen::MatrixXd covariance_slopes_;
};

}  // namespace filbert
