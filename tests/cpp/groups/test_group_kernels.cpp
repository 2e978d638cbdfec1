// The loops over blocks agree, whatever the instruction set, with dense matrices; what is no number is seen.
#include "filbert/groups/group_kernels.hpp"

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <limits>
#include <vector>

#include "filbert/groups/block_elimination.hpp"
#include "filbert/sampler/rng.hpp"

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::GroupKernels;
using filbert::InstructionSet;

std::vector<const GroupKernels*> all_kernels() {
  std::vector<const GroupKernels*> result = {&filbert::group_kernels(InstructionSet::Baseline)};
  if (filbert::instruction_set() != InstructionSet::Baseline) result.push_back(&filbert::group_kernels());
  return result;
}

/// Random blocks; some stand for more groups than one.
struct Blocks {
  Blocks(Index effects, Index width, Index n) : chunks(effects, width, n) {
    filbert::Rng rng(static_cast<std::uint64_t>(effects * 100 + n));
    for (Index g = 0; g < n; ++g) {
      R.push_back(MatrixXd(
          MatrixXd::NullaryExpr(effects, effects, [&] { return rng.normal(); }).triangularView<Eigen::Upper>()));
      C.push_back(MatrixXd::NullaryExpr(effects, width, [&] { return rng.normal(); }));
      counts.push_back(g % 11 == 5 ? 2.5 : 1);
      VectorXd numbers(effects * (effects + width));
      numbers << R.back().reshaped(), C.back().reshaped();
      chunks.set(g, numbers, counts.back());
    }
    factor =
        MatrixXd(MatrixXd::NullaryExpr(effects, effects, [&] { return rng.normal(); }).triangularView<Eigen::Lower>());
  }
  filbert::ChunkedBlocks chunks;
  std::vector<MatrixXd> R, C;
  std::vector<double> counts;
  MatrixXd factor;
};

double eliminated(const GroupKernels& kernels, const Blocks& blocks, double variance, MatrixXd& K) {
  const filbert::BlockRows rows = blocks.chunks.rows();
  VectorXd left(rows.chunks * rows.left_of_chunk() * filbert::block_lanes);
  VectorXd sums(rows.width * (rows.width + 1) / 2 * filbert::block_lanes);
  const double result = kernels.eliminate(rows, blocks.factor.data(), variance, left.data(), sums.data());
  K = MatrixXd::Zero(rows.width, rows.width);
  Index next = 0;
  for (Index a = 0; a < K.rows(); ++a) {
    for (Index b = 0; b <= a; ++b) {
      K(a, b) = K(b, a) = sums.segment(next++ * filbert::block_lanes, filbert::block_lanes).sum();
    }
  }
  return result;
}

}  // namespace

TEST_CASE("blocks are eliminated as dense matrices, by every instruction set, whatever their number") {
  for (const GroupKernels* kernels : all_kernels()) {
    for (const Index effects : {1, 2, 3, 5}) {
      for (const Index n :
           {1, 7, 8, 27, 4100}) {  // 4100 of one effect: more factors than a product of mantissas may have
        const Blocks blocks(effects, 3, n);
        constexpr double variance = 1e-3;
        MatrixXd K, dense = MatrixXd::Zero(3, 3);
        const double log_determinant = eliminated(*kernels, blocks, variance, K);
        double expected = 0;
        for (std::size_t g = 0; g < blocks.R.size(); ++g) {
          const MatrixXd S = blocks.R[g] * blocks.factor;
          const MatrixXd V = variance * MatrixXd::Identity(effects, effects) + S * S.transpose();
          const Eigen::LLT<MatrixXd> cholesky(V);
          expected += blocks.counts[g] * 2 * MatrixXd(cholesky.matrixL()).diagonal().array().log().sum();
          dense += blocks.C[g].transpose() * cholesky.solve(blocks.C[g]);
        }
        CHECK(log_determinant == doctest::Approx(expected).epsilon(1e-9));
        CHECK((K - dense).norm() < 1e-8 * dense.norm());
      }
    }
  }
}

TEST_CASE("determinants far beyond a double's range are summed, and a covariance that is no number is seen") {
  for (const GroupKernels* kernels : all_kernels()) {
    Blocks blocks(1, 2, 9);
    MatrixXd K;
    blocks.factor.setZero();
    for (const double variance : {1e-300, 1e-20, 1e280}) {
      double counts = 0;
      for (const double count : blocks.counts) counts += count;
      CHECK(eliminated(*kernels, blocks, variance, K) == doctest::Approx(counts * std::log(variance)));
    }
    CHECK(std::isnan(eliminated(*kernels, blocks, std::numeric_limits<double>::quiet_NaN(), K)));
    CHECK_FALSE(std::isfinite(eliminated(*kernels, blocks, std::numeric_limits<double>::infinity(), K)));
    CHECK_FALSE(std::isfinite(eliminated(*kernels, blocks, -1, K)));
  }
}

TEST_CASE("draws of blocks have the mean and the spread of their normal distribution, by every instruction set") {
  for (const GroupKernels* kernels : all_kernels()) {
    for (const Index effects : {1, 2, 3, 5}) {
      const Blocks blocks(effects, 2, 11);
      const filbert::BlockRows rows = blocks.chunks.rows();
      const Index size = rows.chunks * effects * filbert::block_lanes;
      const VectorXd v = VectorXd::LinSpaced(2, 0.5, -1);
      const VectorXd shift = VectorXd::LinSpaced(size, -1, 1);
      constexpr double sigma = 0.7;
      const auto drawn = [&](const VectorXd& noise) {
        VectorXd result(size);
        kernels->draw(rows, blocks.factor.data(), sigma, v.data(), shift.data(), noise.data(), result.data());
        return result;
      };
      const VectorXd means = drawn(VectorXd::Zero(size));
      for (Index g = 0; g < 11; ++g) {
        const auto at = [&](Index i) {
          return (g / filbert::block_lanes * effects + i) * filbert::block_lanes + g % filbert::block_lanes;
        };
        VectorXd residual = -(blocks.C[static_cast<std::size_t>(g)] * v), mean(effects);
        for (Index i = 0; i < effects; ++i) residual(i) -= shift(at(i));
        for (Index i = 0; i < effects; ++i) mean(i) = means(at(i));
        const MatrixXd S = blocks.R[static_cast<std::size_t>(g)] * blocks.factor;
        const MatrixXd M = sigma * sigma * MatrixXd::Identity(effects, effects) + S.transpose() * S;
        CHECK((mean - blocks.factor * M.inverse() * S.transpose() * residual).norm() < 1e-9);
        MatrixXd spread(effects, effects);  // of the draws, a column a noise
        for (Index j = 0; j < effects; ++j) {
          const VectorXd moved = drawn(VectorXd::Unit(size, at(j))) - means;
          for (Index i = 0; i < effects; ++i) spread(i, j) = moved(at(i));
        }
        const MatrixXd covariance = sigma * sigma * blocks.factor * M.inverse() * blocks.factor.transpose();
        CHECK((spread * spread.transpose() - covariance).norm() < 1e-9 * (1 + covariance.norm()));
      }
    }
  }
}
