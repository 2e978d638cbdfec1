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

}  // namespace

GroupElimination::GroupElimination(const GroupedSummary& summary, const PosteriorColumns& columns)
    : rows_(std::make_shared<const KeptRows>(summary, columns)),
      engine_(engine_for(*rows_)),
      noise_(rows_->structure.tail_size()),
      tail_(rows_->structure.tail_size()),
      K_(rows_->width, rows_->width) {
  const GroupStructure& structure = rows_->structure;
  for (Index factor = 0; factor < structure.factors(); ++factor) {
    eliminated_factors_.push_back(MatrixXd::Zero(structure.effects(factor), structure.effects(factor)));
  }
  if (columns.level_row) level_row_.emplace(*rows_, *columns.level_row);
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

/// With b = Λ z and S = R Λ, z given the rows has precision M / σ², M = σ² I + S'S, and mean M⁻¹ S'r: good at Λ = 0 too.
template <int Q, typename Normal>
void GroupElimination::draw_blocks(const MatrixXd& factor, double sigma, const VectorXd& v, Normal& normal,
                                   MatrixXd& effects) const {
  using Square = Eigen::Matrix<double, Q, Q>;
  using Vector = Eigen::Matrix<double, Q, 1>;
  const Index q = rows_->effects;
  const Square lambda = factor;
  Square spread(q, q), precision(q, q);
  Vector residual(q), z(q);
  for (Index g = 0; g < rows_->n_groups; ++g) {
    residual.noalias() = -rows_->C(g).lazyProduct(v);
    if (!rows_->tailed.empty()) {
      const KeptRows::Tailed& tailed = rows_->tailed[static_cast<std::size_t>(g)];
      for (Index k = 0; k < tailed.upper.cols(); ++k) {
        residual -= tailed.upper.col(k) * tail_(tailed.tail[static_cast<std::size_t>(k)]);
      }
    }
    spread.noalias() = rows_->R(g).lazyProduct(lambda);
    precision.noalias() = spread.transpose().lazyProduct(spread);
    precision.diagonal().array() += sigma * sigma;
    const Eigen::LLT<Square> cholesky(precision);
    z.noalias() = spread.transpose().lazyProduct(residual);
    cholesky.matrixL().solveInPlace(z);
    for (Index i = 0; i < q; ++i) z(i) += sigma * normal();
    cholesky.matrixU().solveInPlace(z);
    effects.row(g).noalias() = (lambda * z).transpose();
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
  switch (rows_->effects) {
    case 1:
      draw_blocks<1>(factors[primary], sigma, v, normal, effects[primary]);
      if (level_row_) level_row_->condition(sigma, v, normal(), effects[primary].col(0));
      return;
    case 2:
      return draw_blocks<2>(factors[primary], sigma, v, normal, effects[primary]);
    case 3:
      return draw_blocks<3>(factors[primary], sigma, v, normal, effects[primary]);
    default:
      return draw_blocks<Eigen::Dynamic>(factors[primary], sigma, v, normal, effects[primary]);
  }
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
