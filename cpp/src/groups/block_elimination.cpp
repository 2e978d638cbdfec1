// Factorises small covariance matrices side by side, and sums what they say of the coefficients.
#include "filbert/groups/block_elimination.hpp"

#include <Eigen/QR>
#include <cmath>
#include <map>
#include <vector>

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Index lower(Index row, Index column) { return row * (row + 1) / 2 + column; }

/// Of the lanes, pairwise.
double number(const VectorXd& sums, Index k) {
  const double* const x = sums.data() + k * block_lanes;
  return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}

/// Numbers of a block that stands for `count` groups.
struct Block {
  VectorXd numbers;  // R by columns, C by columns
  double count = 1;
};

/// Groups by their R, equal to all but rounding.
std::map<std::vector<std::int64_t>, std::vector<Index>> by_design(const KeptRows& rows) {
  std::map<std::vector<std::int64_t>, std::vector<Index>> classes;
  for (Index g = 0; g < rows.n_groups; ++g) {
    std::vector<std::int64_t> key;
    for (Index j = 0; j < rows.effects; ++j) {
      const double unit = std::ldexp(1.0, std::ilogb(rows.R(g).col(j).norm() + 1e-300) - 44);
      for (Index i = 0; i <= j; ++i) key.push_back(std::llround(rows.R(g)(i, j) / unit));
      key.push_back(std::ilogb(unit));
    }
    classes[std::move(key)].push_back(g);
  }
  return classes;
}

std::vector<Block> merged_blocks(const KeptRows& rows) {
  const Index own = rows.effects * rows.effects;
  const Index numbers = rows.effects * rows.width;
  std::vector<Block> blocks;
  for (const auto& [key, groups] : by_design(rows)) {
    const Index count = static_cast<Index>(groups.size());
    if (count <= numbers) {
      for (const Index g : groups) blocks.push_back({rows.blocks.col(g), 1});
      continue;
    }
    // Σ_g vec(C_g) vec(C_g)' is all that counts, and the triangle of the rows vec(C_g)' has the same.
    MatrixXd stacked(count, numbers);
    for (Index k = 0; k < count; ++k) {
      stacked.row(k) = rows.blocks.col(groups[static_cast<std::size_t>(k)]).tail(numbers).transpose();
    }
    const Eigen::HouseholderQR<Eigen::Ref<MatrixXd>> qr(stacked);
    const MatrixXd upper = qr.matrixQR().topRows(numbers).triangularView<Eigen::Upper>();
    for (Index k = 0; k < numbers; ++k) {
      VectorXd block(own + numbers);
      block << rows.blocks.col(groups.front()).head(own), upper.row(k).transpose();
      blocks.push_back({std::move(block), static_cast<double>(count) / static_cast<double>(numbers)});
    }
  }
  return blocks;
}

}  // namespace

ChunkedBlocks::ChunkedBlocks(Index effects, Index width, Index blocks)
    : effects_(effects), width_(width), chunks_((blocks + block_lanes - 1) / block_lanes) {
  numbers_ = VectorXd::Zero(chunks_ * rows().numbers_of_chunk() * block_lanes);
}

void ChunkedBlocks::set(Index block, const Eigen::Ref<const VectorXd>& numbers, double count) {
  double* into = numbers_.data() + block / block_lanes * rows().numbers_of_chunk() * block_lanes + block % block_lanes;
  const auto add = [&into](double number) {
    *into = number;
    into += block_lanes;
  };
  for (Index j = 0; j < effects_; ++j) {
    for (Index i = 0; i <= j; ++i) add(numbers(j * effects_ + i));
  }
  for (Index k = effects_ * effects_; k < numbers.size(); ++k) add(numbers(k));
  add(count);
}

std::shared_ptr<const BlockElimination::Shared> BlockElimination::share(const KeptRows& rows) {
  if (rows.effects > most_block_effects) {
    throw GroupsTooLarge("a grouping factor may have at most " + std::to_string(most_block_effects) +
                         " effects a group, not " + std::to_string(rows.effects));
  }
  const std::vector<Block> blocks = merged_blocks(rows);
  const Index n = static_cast<Index>(blocks.size());
  auto shared =
      std::make_shared<Shared>(Shared{n, rows.total_weight - static_cast<double>(rows.n_groups * rows.effects),
                                      rows.rest_square, ChunkedBlocks(rows.effects, rows.width, n)});
  for (Index b = 0; b < n; ++b) {
    const Block& block = blocks[static_cast<std::size_t>(b)];
    shared->chunks.set(b, block.numbers, block.count);
  }
  return shared;
}

BlockElimination::BlockElimination(const KeptRows& rows) : shared_(share(rows)), kernels_(&group_kernels()) {
  const BlockRows blocks = shared_->chunks.rows();
  left_.resize(blocks.chunks * blocks.left_of_chunk() * block_lanes);
  K_sums_.resize(blocks.width * (blocks.width + 1) / 2 * block_lanes);
  covariance_sums_.resize(blocks.triangle() * block_lanes);
  covariance_slopes_.resize(blocks.effects, blocks.effects);
}

double BlockElimination::forward(const MatrixXd& factor, double sigma, MatrixXd& K) {
  const double variance = sigma * sigma;
  const double log_determinant =
      kernels_->eliminate(shared_->chunks.rows(), factor.data(), variance, left_.data(), K_sums_.data());
  for (Index a = 0; a < K.rows(); ++a) {
    for (Index b = 0; b <= a; ++b) {
      K(a, b) = number(K_sums_, lower(a, b)) + shared_->rest_square(a, b) / variance;
      K(b, a) = K(a, b);
    }
  }
  return log_determinant + shared_->free_rows * std::log(variance);
}

double BlockElimination::backward(const MatrixXd& factor, double sigma, const MatrixXd& K_slopes, double log_det_slope,
                                  MatrixXd& factor_slopes) {
  const double trace =
      kernels_->slopes(shared_->chunks.rows(), left_.data(), K_slopes.data(), log_det_slope, covariance_sums_.data());
  for (Index i = 0; i < factor.rows(); ++i) {
    for (Index j = 0; j <= i; ++j) {
      covariance_slopes_(i, j) = number(covariance_sums_, lower(i, j));
      covariance_slopes_(j, i) = covariance_slopes_(i, j);
    }
  }
  factor_slopes.noalias() = covariance_slopes_.lazyProduct(factor);
  const double of_factor = factor_slopes.cwiseProduct(factor).sum();  // the trace of Σ times its slopes
  factor_slopes *= 2;
  const double of_rest = K_slopes.cwiseProduct(shared_->rest_square).sum() / (sigma * sigma);
  return 2 * (trace - of_factor - of_rest + log_det_slope * shared_->free_rows);
}

}  // namespace filbert
