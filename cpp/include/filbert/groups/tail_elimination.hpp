// Integrates out the effects of several grouping factors: the largest block by block, the others in dense components.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <memory>
#include <vector>

#include "filbert/groups/kept_rows.hpp"
#include "filbert/numeric/dense_kernels.hpp"

namespace filbert {

/// As `BlockElimination`, where the rows also hold effects t of the tail, `t = Λ z` factor by factor.
///
/// Blocks of the primary factor go first and leave `G = Σ A_g' A_g + lower' lower / σ²` over (t, v); then z has precision
/// `M = I + Λ' G_tt Λ`, which falls into *components*: levels are in one where some group touches both. Levels of a factor in
/// which the primary one is nested are components of their own, and crossed factors make one dense component of all levels.
class TailElimination {
 public:
  /// A larger component is refused: a factorisation would take seconds.
  static constexpr Eigen::Index largest_component = 3000;
  /// Up to here calls of dense kernels save nothing.
  static constexpr Eigen::Index small_component = 64;

  /// Throws GroupsTooLarge.
  explicit TailElimination(const KeptRows& rows);

  /// `factors` are Λ of each grouping factor.
  double forward(const std::vector<Eigen::MatrixXd>& factors, double sigma, Eigen::MatrixXd& K);
  double backward(const std::vector<Eigen::MatrixXd>& factors, double sigma, const Eigen::MatrixXd& K_slopes,
                  double log_det_slope, std::vector<Eigen::MatrixXd>& factor_slopes);

  /// After `forward`: a draw of the tail's effects given `v`, from standard normals in `noise`, (tail), into `tail`.
  void draw(const std::vector<Eigen::MatrixXd>& factors, const Eigen::VectorXd& v, const Eigen::VectorXd& noise,
            Eigen::VectorXd& tail);

  /// Effects in the largest component.
  Eigen::Index largest() const;

 private:
  /// Effects of one level of a tail factor, which lie side by side.
  struct Level {
    std::size_t factor;
    Eigen::Index first, size;
  };

  /// Where a group of the primary factor touches an effect of the tail.
  struct Touch {
    std::size_t group;
    Eigen::Index place;  // among those that the group touches
  };

  struct Component {
    std::vector<Eigen::Index> tail;           // columns of the tail
    std::vector<Level> levels;                // positions in this component
    Eigen::MatrixXd lower_square;             // (tail, tail + width), of the rows that only the tail reaches
    bool is_diagonal = false;                 // one effect a level: Λ is a diagonal
    std::vector<std::vector<Touch>> touches;  // of each position, where the component is large
  };

  /// One group of the primary factor.
  struct Group {
    std::size_t component = 0;
    std::vector<Eigen::Index> at;  // positions in the component
    Eigen::MatrixXd rows;          // [R T C]
  };

  struct Shared {
    Eigen::Index effects = 0, width = 0;
    std::size_t primary = 0;
    double free_rows = 0;
    std::vector<Group> groups;
    std::vector<Component> components;
    Eigen::MatrixXd rest_square;  // (width)²
  };

  struct Work {
    Eigen::MatrixXd G;            // (tail, tail + width); of G_tt only the lower triangle, until slopes need both
    Eigen::MatrixXd root;         // of M, lower triangle
    Eigen::MatrixXd half, whole;  // root⁻¹ Λ'G_tv and M⁻¹ Λ'G_tv
    Eigen::MatrixXd z_slopes;     // in M and in Λ'G_tv, (tail, tail + width)
    Eigen::MatrixXd G_slopes;     // (tail, tail + width)
    Eigen::MatrixXd scaled;       // (tail, tail + width)
    Eigen::VectorXd scale;        // Λ where it is a diagonal
  };

  static std::shared_ptr<const Shared> share(const KeptRows& rows);
  double eliminate_groups(const Eigen::MatrixXd& factor, double variance, Eigen::MatrixXd& K);
  void sum_columns(std::size_t c);
  double eliminate_component(std::size_t c, const std::vector<Eigen::MatrixXd>& factors, Eigen::MatrixXd& K);
  double component_slopes(std::size_t c, const std::vector<Eigen::MatrixXd>& factors, double sigma,
                          const Eigen::MatrixXd& K_slopes, double log_det_slope,
                          std::vector<Eigen::MatrixXd>& factor_slopes);
  double group_slopes(const Eigen::MatrixXd& factor, const Eigen::MatrixXd& K_slopes, double log_det_slope,
                      Eigen::MatrixXd& factor_slopes);

  std::shared_ptr<const Shared> shared_;
  const DenseKernels* kernels_;
  std::vector<Work> work_;                 // of each component
  std::vector<Eigen::MatrixXd> whitened_;  // of each group, L⁻¹[R T C]
  Eigen::MatrixXd spread_, root_, gathered_, product_, inner_, covariance_slopes_;
  Eigen::VectorXd z_;
};

}  // namespace filbert
