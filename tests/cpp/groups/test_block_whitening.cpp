// Blocks are whitened as dense matrices would be, by every instruction set, and slopes are those of differences.
#include "filbert/groups/block_whitening.hpp"

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <vector>

#include "filbert/sampler/rng.hpp"

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::BlockWhitening;
using filbert::InstructionSet;
using filbert::WorkingBlocks;

std::vector<InstructionSet> all_sets() {
  std::vector<InstructionSet> result = {InstructionSet::Baseline};
  if (filbert::instruction_set() != InstructionSet::Baseline) result.push_back(filbert::instruction_set());
  return result;
}

/// Sums of random rows, a Λ, values of the outer coefficients, and a z.
struct Problem {
  Problem(Index effects, Index groups, Index inner, Index outer) : q(effects), G(groups), p(inner), n(inner + outer) {
    filbert::Rng rng(static_cast<std::uint64_t>(1000 * effects + 10 * groups + inner));
    const auto random = [&rng](Index rows, Index columns) {
      return MatrixXd(MatrixXd::NullaryExpr(rows, columns, [&rng] { return rng.normal(); }));
    };
    blocks.structure.terms = {{.factor = 0, .columns = q}};
    blocks.structure.n_groups = {G};
    blocks.inner = p;
    blocks.outer = outer;
    blocks.blocks.resize(q * (q + n + 1), G);
    blocks.square = MatrixXd::Identity(n, n);
    blocks.pull = VectorXd::Zero(n);
    for (Index g = 0; g < G; ++g) {
      const MatrixXd Z = random(4, q), X = random(4, n);
      const VectorXd y = random(4, 1);
      blocks.square += X.transpose() * X;
      blocks.pull += X.transpose() * y;
      MatrixXd block(q, q + n + 1);
      block << Z.transpose() * Z, Z.transpose() * X, Z.transpose() * y;
      blocks.blocks.col(g) = block.reshaped();
    }
    factors = {MatrixXd(random(q, q).triangularView<Eigen::Lower>())};
    given = random(outer, 1);
    z = random(p + q * G, 1);
  }

  /// The precision of (a, v), whose pull is written.
  MatrixXd precision(VectorXd& pull) const {
    const MatrixXd& factor = factors.front();
    MatrixXd H = MatrixXd::Identity(p + q * G, p + q * G);
    pull.resize(p + q * G);
    H.topLeftCorner(p, p) = blocks.square.topLeftCorner(p, p);
    pull.head(p) = blocks.pull.head(p) - blocks.square.topRightCorner(p, n - p) * given;
    for (Index g = 0; g < G; ++g) {
      const MatrixXd block = blocks.blocks.col(g).reshaped(q, q + n + 1);
      const MatrixXd own = factor.transpose() * block.leftCols(q) * factor;
      const MatrixXd coupled = factor.transpose() * block.middleCols(q, p);
      const VectorXd of_group = factor.transpose() * (block.col(q + n) - block.middleCols(q + p, n - p) * given);
      for (Index i = 0; i < q; ++i) {
        const Index row = p + i * G + g;
        for (Index j = 0; j < q; ++j) H(row, p + j * G + g) += own(i, j);
        H.row(row).head(p) = coupled.row(i);
        H.col(row).head(p) = coupled.row(i).transpose();
        pull(row) = of_group(i);
      }
    }
    return H;
  }

  Index q, G, p, n;
  WorkingBlocks blocks;
  std::vector<MatrixXd> factors;
  VectorXd given, z;
};

struct Whitened {
  double log_determinant;
  VectorXd x;
};

Whitened whitened(BlockWhitening& whitening, const Problem& problem, const VectorXd& z) {
  Whitened result{0, VectorXd(z.size())};
  result.log_determinant = whitening.forward(problem.factors, problem.given, z, result.x);
  return result;
}

template <typename Check>
void with_each(const Check& check) {
  for (const InstructionSet set : all_sets()) {
    for (const Index effects : {1, 2, 3, 5}) {
      for (const Index groups : {1, 8, 19}) {
        for (const Index inner : {0, 3}) {
          for (const Index outer : {0, 2}) check(set, Problem(effects, groups, inner, outer));
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("whitened coefficients and effects have the mean and the precision that they should have") {
  with_each([](InstructionSet set, const Problem& problem) {
    BlockWhitening whitening(problem.blocks, set);
    VectorXd pull;
    const MatrixXd H = problem.precision(pull);
    const Eigen::LLT<MatrixXd> cholesky(H);
    const Index size = problem.z.size();
    const Whitened mean = whitened(whitening, problem, VectorXd::Zero(size));
    CHECK((mean.x - cholesky.solve(pull)).norm() < 1e-10 * (1 + mean.x.norm()));
    const double log_determinant = MatrixXd(cholesky.matrixL()).diagonal().array().log().sum();
    CHECK(mean.log_determinant == doctest::Approx(log_determinant).epsilon(1e-11));
    MatrixXd directions(size, size);
    for (Index k = 0; k < size; ++k) {
      directions.col(k) = whitened(whitening, problem, VectorXd::Unit(size, k)).x - mean.x;
    }
    CHECK((directions * directions.transpose() * H - MatrixXd::Identity(size, size)).norm() < 1e-8);
  });
}

TEST_CASE("slopes through a whitening are those of differences, and the same when they are asked for again") {
  with_each([](InstructionSet set, const Problem& problem) {
    BlockWhitening whitening(problem.blocks, set);
    const Index size = problem.z.size();
    const VectorXd x_slopes = VectorXd::LinSpaced(size, -1, 1.5);
    const auto value = [&](const Problem& at) {
      BlockWhitening own(at.blocks, set);
      const Whitened there = whitened(own, at, at.z);
      return x_slopes.dot(there.x) - there.log_determinant;
    };
    constexpr double step = 1e-5;
    const auto difference = [&](const auto& shift) {
      Problem up = problem, down = problem;
      shift(up, step);
      shift(down, -step);
      return (value(up) - value(down)) / (2 * step);
    };
    whitened(whitening, problem, problem.z);
    VectorXd z_slopes(size), outer_slopes(problem.given.size());
    std::vector<MatrixXd> factor_slopes = {MatrixXd::Zero(problem.q, problem.q)};
    for (int time = 0; time < 2; ++time) {
      whitening.backward(problem.factors, x_slopes, z_slopes, factor_slopes, outer_slopes);
      for (const Index k : {Index{0}, size / 2, size - 1}) {
        const double expected = difference([k](Problem& at, double by) { at.z(k) += by; });
        CHECK(z_slopes(k) == doctest::Approx(expected).epsilon(1e-6));
      }
      for (Index j = 0; j < problem.q; ++j) {
        for (Index i = j; i < problem.q; ++i) {
          const double expected = difference([i, j](Problem& at, double by) { at.factors.front()(i, j) += by; });
          CHECK(factor_slopes.front()(i, j) == doctest::Approx(expected).epsilon(1e-5));
        }
      }
      for (Index j = 0; j < problem.given.size(); ++j) {
        const double expected = difference([j](Problem& at, double by) { at.given(j) += by; });
        CHECK(outer_slopes(j) == doctest::Approx(expected).epsilon(1e-6));
      }
    }
  });
}
