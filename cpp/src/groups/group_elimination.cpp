// Chooses the engine for a structure, and draws the effects of each group given everything above them.
#include "filbert/groups/group_elimination.hpp"

#include <cmath>

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

std::variant<BlockElimination, TailElimination> engine_for(const KeptRows& rows) {
  if (rows.structure.tail_size() == 0) return BlockElimination(rows);
  return TailElimination(rows);
}

/// Every group by itself: C_g says what its effects are.
std::shared_ptr<const ChunkedBlocks> blocks_of(const KeptRows& rows) {
  auto blocks = std::make_shared<ChunkedBlocks>(rows.effects, rows.width, rows.n_groups);
  for (Index g = 0; g < rows.n_groups; ++g) blocks->set(g, rows.blocks.col(g), 1);
  return blocks;
}

/// Where an effect of a group is among numbers of chunks.
Index place_of(Index group, Index effect, Index effects) {
  return (group / block_lanes * effects + effect) * block_lanes + group % block_lanes;
}

}  // namespace

GroupElimination::GroupElimination(const GroupedSummary& summary, const PosteriorColumns& columns)
    : rows_(std::make_shared<const KeptRows>(summary, columns)),
      engine_(engine_for(*rows_)),
      blocks_(blocks_of(*rows_)),
      kernels_(&group_kernels()),
      noise_(rows_->structure.tail_size()),
      tail_(rows_->structure.tail_size()),
      K_(rows_->width, rows_->width) {
  const GroupStructure& structure = rows_->structure;
  for (Index factor = 0; factor < structure.factors(); ++factor) {
    eliminated_factors_.push_back(MatrixXd::Zero(structure.effects(factor), structure.effects(factor)));
  }
  if (columns.level_row) level_row_.emplace(*rows_, *columns.level_row);
  const Index numbers = blocks_->rows().chunks * rows_->effects * block_lanes;
  block_noise_ = VectorXd::Zero(numbers);
  block_effects_ = VectorXd::Zero(numbers);
  if (!rows_->tailed.empty()) block_shift_ = VectorXd::Zero(numbers);
}

double GroupElimination::forward(const std::vector<MatrixXd>& factors, double sigma, MatrixXd& K) {
  if (BlockElimination* const blocks = std::get_if<BlockElimination>(&engine_)) {
    const double log_determinant = blocks->forward(factors.front(), sigma, K);
    return level_row_ ? log_determinant + level_row_->add(sigma, K) : log_determinant;
  }
  TailElimination& tailed = std::get<TailElimination>(engine_);
  eliminated_sigma_ = 0;
  const double log_determinant = tailed.forward(factors, sigma, K);
  for (std::size_t f = 0; f < factors.size(); ++f) eliminated_factors_[f] = factors[f];
  eliminated_sigma_ = sigma;
  return log_determinant;
}

Index GroupElimination::dense_effects() const {
  const TailElimination* const tailed = std::get_if<TailElimination>(&engine_);
  return tailed == nullptr ? 0 : tailed->largest();
}

double GroupElimination::backward(const std::vector<MatrixXd>& factors, double sigma, const MatrixXd& K_slopes,
                                  double log_det_slope, std::vector<MatrixXd>& factor_slopes) {
  if (BlockElimination* const blocks = std::get_if<BlockElimination>(&engine_)) {
    const double slope = blocks->backward(factors.front(), sigma, K_slopes, log_det_slope, factor_slopes.front());
    return level_row_ ? slope + level_row_->slope(K_slopes, log_det_slope) : slope;
  }
  return std::get<TailElimination>(engine_).backward(factors, sigma, K_slopes, log_det_slope, factor_slopes);
}

template <typename Normal>
void GroupElimination::draw_blocks(const MatrixXd& factor, double sigma, const VectorXd& v, Normal& normal,
                                   MatrixXd& effects) {
  const Index q = rows_->effects;
  for (Index g = 0; g < rows_->n_groups; ++g) {
    for (Index i = 0; i < q; ++i) block_noise_(place_of(g, i, q)) = normal();
  }
  for (std::size_t g = 0; g < rows_->tailed.size(); ++g) {
    const KeptRows::Tailed& tailed = rows_->tailed[g];
    for (Index i = 0; i < q; ++i) {
      double shift = 0;
      for (Index k = 0; k < tailed.upper.cols(); ++k) {
        shift += tailed.upper(i, k) * tail_(tailed.tail[static_cast<std::size_t>(k)]);
      }
      block_shift_(place_of(static_cast<Index>(g), i, q)) = shift;
    }
  }
  kernels_->draw(blocks_->rows(), factor.data(), sigma, v.data(), rows_->tailed.empty() ? nullptr : block_shift_.data(),
                 block_noise_.data(), block_effects_.data());
  if (q == 1) {
    effects.col(0) = block_effects_.head(rows_->n_groups);
    return;
  }
  for (Index i = 0; i < q; ++i) {
    for (Index g = 0; g < rows_->n_groups; ++g) effects(g, i) = block_effects_(place_of(g, i, q));
  }
}

template <typename Normal>
void GroupElimination::fill(const std::vector<MatrixXd>& factors, double sigma, const VectorXd& v, Normal&& normal,
                            std::vector<MatrixXd>& effects) {
  const GroupStructure& structure = rows_->structure;
  if (TailElimination* const tailed = std::get_if<TailElimination>(&engine_)) {
    if (sigma != eliminated_sigma_ || factors != eliminated_factors_) forward(factors, sigma, K_);
    for (double& value : noise_) value = normal();
    tailed->draw(factors, v, noise_, tail_);
    for (Index factor = 0; factor < structure.factors(); ++factor) {
      if (factor == structure.primary()) continue;
      const Index size = structure.effects(factor);
      effects[static_cast<std::size_t>(factor)] =
          tail_.segment(structure.tail_offset(factor), structure.groups(factor) * size)
              .reshaped(size, structure.groups(factor))
              .transpose();
    }
  }
  const std::size_t primary = static_cast<std::size_t>(structure.primary());
  draw_blocks(factors[primary], sigma, v, normal, effects[primary]);
  if (level_row_) level_row_->condition(sigma, v, normal(), effects[primary].col(0));
}

void GroupElimination::draw(const std::vector<MatrixXd>& factors, double sigma, const VectorXd& v, Rng& rng,
                            std::vector<MatrixXd>& effects) {
  fill(factors, sigma, v, [&rng] { return rng.normal(); }, effects);
}

void GroupElimination::condition(const std::vector<MatrixXd>& factors, double sigma, const VectorXd& v,
                                 std::vector<MatrixXd>& effects) {
  fill(factors, sigma, v, [] { return 0.0; }, effects);
}

}  // namespace filbert
