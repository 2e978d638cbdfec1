// Integrates out the effects of one grouping factor: many small blocks, eight at a time.
#pragma once

#include <Eigen/Core>
#include <memory>

#include "filbert/groups/kept_rows.hpp"

namespace filbert {

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
  static constexpr int lanes = 8;
  using Lanes = Eigen::Array<double, lanes, 1>;
  using Columns = Eigen::Array<double, lanes, Eigen::Dynamic>;

  struct Shared {
    Eigen::Index effects = 0, width = 0, blocks = 0, chunks = 0;
    double free_rows = 0;  // N - G q
    Eigen::MatrixXd rest_square;
    Columns
        numbers;  // of each chunk: the upper triangle of R by columns, C by columns, how many groups a block stands for
  };

  static std::shared_ptr<const Shared> share(const KeptRows& rows);

  template <int Q>
  double eliminate(const Eigen::MatrixXd& factor, double variance, Eigen::MatrixXd& K);
  template <int Q>
  double slopes(const Eigen::MatrixXd& K_slopes, double log_det_slope);

  std::shared_ptr<const Shared> shared_;
  Columns whitened_;  // of each chunk: L⁻¹R by columns, L⁻¹C by columns, V = LL'
  Columns sums_;      // over chunks, of the triangle of K
  Eigen::MatrixXd covariance_slopes_;
};

}  // namespace filbert
