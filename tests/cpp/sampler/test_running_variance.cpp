#include <doctest/doctest.h>

#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/running_variance.hpp"

using namespace filbert;

TEST_CASE("The variance of 1 to 5 is 2.5") {
  RunningVariance running(1);
  for (int i = 1; i <= 5; ++i) running.add(Eigen::VectorXd::Constant(1, i));
  CHECK(running.count() == 5);
  CHECK(running.mean()[0] == doctest::Approx(3));
  CHECK(running.variance()[0] == doctest::Approx(2.5));
}

TEST_CASE("The running variance equals the one in two passes, far from the origin too") {
  Rng rng(1);
  Eigen::MatrixXd draws(4, 1000);
  for (double& value : draws.reshaped()) value = rng.normal();
  draws.row(1).array() *= 1e-3;
  draws.row(2).array() += 1e8;
  RunningVariance running(4);
  for (Eigen::Index i = 0; i < draws.cols(); ++i) running.add(draws.col(i));
  const Eigen::VectorXd mean = draws.rowwise().mean();
  const Eigen::VectorXd variance = (draws.colwise() - mean).rowwise().squaredNorm() / 999.0;
  for (Eigen::Index i = 0; i < 4; ++i) {
    CHECK(running.mean()[i] == doctest::Approx(mean[i]).epsilon(1e-12));
    CHECK(running.variance()[i] == doctest::Approx(variance[i]).epsilon(i == 2 ? 1e-7 : 1e-12));
  }
}

TEST_CASE("Fewer than two draws have no variance, and a reset forgets all") {
  RunningVariance running(2);
  CHECK(running.variance() == Eigen::VectorXd::Zero(2));
  running.add(Eigen::VectorXd::Constant(2, 3));
  CHECK(running.variance() == Eigen::VectorXd::Zero(2));
  running.add(Eigen::VectorXd::Constant(2, 5));
  CHECK(running.variance() == Eigen::VectorXd::Constant(2, 2));
  running.reset();
  CHECK(running.count() == 0);
  CHECK(running.mean() == Eigen::VectorXd::Zero(2));
  CHECK(running.variance() == Eigen::VectorXd::Zero(2));
}
