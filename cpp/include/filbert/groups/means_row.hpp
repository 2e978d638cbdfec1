// One more row that reaches all levels of a factor at once: what a prior of the intercept at the means says of them.
#pragma once

#include <Eigen/Core>
#include <memory>

#include "filbert/groups/kept_rows.hpp"

namespace filbert {

/// Given v = (coefficients, -1) and standard normal effects z of one grouping factor, the row `r = a'v + Σ_g w_g z_g` is standard normal.
///
/// The rows of a group leave z with variance `c_g = σ² / V_g` and mean `-R_g C_g v / V_g`, V_g = σ² + R_g² (see BlockElimination at Λ = 1),
/// so that with z integrated out the row is normal with variance κ and mean ã'v:
///
///   ã = a - Σ_g w_g R_g C_g / V_g,   κ = 1 + Σ_g w_g² c_g,   K += ã ã' / κ,   log det += log κ.
///
/// Both sums are over groups with different R and w: those that are alike are added up once.
class MeansRow {
 public:
  /// `rows` have one effect a group, and the row.
  explicit MeansRow(const KeptRows& rows, const LevelRow& row);

  /// Adds to K, and returns what is added to the log determinant. Allocates nothing.
  double add(double sigma, Eigen::MatrixXd& K);

  /// After `add`: the slope in log σ of a function with slopes `K_slopes` (symmetric) in K and `log_det_slope`.
  double slope(const Eigen::MatrixXd& K_slopes, double log_det_slope);

  /// Makes draws of z given the rows alone, one a group, draws given this row too; `noise` is one of a standard normal, or 0 for means.
  void condition(double sigma, const Eigen::VectorXd& v, double noise, Eigen::Ref<Eigen::VectorXd> z) const;

 private:
  struct Shared {
    Eigen::VectorXd of_v, of_groups, square;  // of each group w, and R²
    Eigen::VectorXd R, w, count;              // of groups that are alike
    Eigen::MatrixXd sums;                     // of their C, a column each
  };

  static std::shared_ptr<const Shared> share(const KeptRows& rows, const LevelRow& row);

  std::shared_ptr<const Shared> shared_;
  double variance_ = 1, kappa_ = 1;
  Eigen::VectorXd reached_, slopes_;  // ã, and its slopes in log σ
};

}  // namespace filbert
