// Integrates out group effects of any structure, and draws them back.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "filbert/groups/block_elimination.hpp"
#include "filbert/groups/kept_rows.hpp"
#include "filbert/groups/means_row.hpp"
#include "filbert/groups/tail_elimination.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

/// Group effects given θ: their covariance factors Λ, one a grouping factor, and σ. All work on coefficients sees only K.
///
/// A copy shares the rows and has scratch of its own.
class GroupElimination {
 public:
  /// Throws GroupsTooLarge.
  GroupElimination(const GroupedSummary& summary, const PosteriorColumns& columns);

  Eigen::Index width() const { return rows_->width; }
  double total_weight() const { return rows_->total_weight; }
  const GroupStructure& structure() const { return rows_->structure; }

  /// Effects of the largest component besides the blocks, see TailElimination.
  Eigen::Index dense_effects() const;

  /// Writes K and returns log det, see BlockElimination.
  double forward(const std::vector<Eigen::MatrixXd>& factors, double sigma, Eigen::MatrixXd& K);

  /// After `forward`: writes the slopes in Λ (lower triangles) and returns that in log σ.
  double backward(const std::vector<Eigen::MatrixXd>& factors, double sigma, const Eigen::MatrixXd& K_slopes,
                  double log_det_slope, std::vector<Eigen::MatrixXd>& factor_slopes);

  /// Draws all effects, after a `forward` with these factors or not, given v = (coefficients, -1), in the posterior's units; of each factor, (groups, effects).
  void draw(const std::vector<Eigen::MatrixXd>& factors, double sigma, const Eigen::VectorXd& v, Rng& rng,
            std::vector<Eigen::MatrixXd>& effects);

  /// Their means given v, which are their modes.
  void condition(const std::vector<Eigen::MatrixXd>& factors, double sigma, const Eigen::VectorXd& v,
                 std::vector<Eigen::MatrixXd>& effects);

 private:
  template <typename Normal>
  void fill(const std::vector<Eigen::MatrixXd>& factors, double sigma, const Eigen::VectorXd& v, Normal&& normal,
            std::vector<Eigen::MatrixXd>& effects);
  template <typename Normal>
  void draw_blocks(const Eigen::MatrixXd& factor, double sigma, const Eigen::VectorXd& v, Normal& normal,
                   Eigen::MatrixXd& effects);

  std::shared_ptr<const KeptRows> rows_;
  std::variant<BlockElimination, TailElimination> engine_;
  std::optional<MeansRow> level_row_;
  std::shared_ptr<const ChunkedBlocks> blocks_;
  const GroupKernels* kernels_;
  Eigen::VectorXd block_noise_, block_shift_, block_effects_;  // by chunks
  Eigen::VectorXd noise_, tail_;
  Eigen::MatrixXd K_;
  std::vector<Eigen::MatrixXd> eliminated_factors_;  // what the tail's engine holds the elimination of
  double eliminated_sigma_ = 0;
};

}  // namespace filbert
