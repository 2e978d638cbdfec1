// Factors and inverses of every instruction set are Eigen's, at sizes on both sides of every halving.
#include "filbert/numeric/dense_kernels.hpp"

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <vector>

#include "filbert/sampler/rng.hpp"

using Eigen::Index;
using Eigen::MatrixXd;

TEST_CASE("dense kernels factorise and invert") {
  std::vector<filbert::InstructionSet> sets{filbert::InstructionSet::Baseline};
  if (filbert::instruction_set() == filbert::InstructionSet::Avx2) sets.push_back(filbert::InstructionSet::Avx2);
  for (const filbert::InstructionSet set : sets) {
    const filbert::DenseKernels& kernels = filbert::dense_kernels(set);
    for (const Index n : {1, 3, 48, 49, 97, 150, 301}) {
      filbert::Rng rng(7, static_cast<int>(n));
      MatrixXd rows(n + 5, n);
      for (double& value : rows.reshaped()) value = rng.normal();
      const MatrixXd A = rows.transpose() * rows + MatrixXd::Identity(n, n);
      MatrixXd root = A, inverse(n, n);
      root.triangularView<Eigen::StrictlyUpper>().setConstant(1e300);  // is not read
      CHECK(kernels.cholesky(root.data(), n));
      root.triangularView<Eigen::StrictlyUpper>().setZero();
      CHECK((root * root.transpose() - A).norm() < 1e-12 * A.norm());
      root.triangularView<Eigen::StrictlyUpper>().setConstant(1e300);
      kernels.inverse(root.data(), n, inverse.data());
      CHECK((inverse * A - MatrixXd::Identity(n, n)).norm() < 1e-9);
      CHECK(inverse == inverse.transpose());
    }
    MatrixXd indefinite = -MatrixXd::Identity(5, 5);
    CHECK_FALSE(kernels.cholesky(indefinite.data(), 5));
  }
}
