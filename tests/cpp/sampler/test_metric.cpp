#include <doctest/doctest.h>

#include "filbert/sampler/metric.hpp"

using namespace filbert;

TEST_CASE("A metric starts as the identity") { CHECK(DiagonalMetric(3).scale == Eigen::VectorXd::Ones(3)); }

TEST_CASE("A metric set from variances has their roots as scales and gives them back") {
  DiagonalMetric metric(3);
  const Eigen::Vector3d variances(4, 0.25, 1);
  metric.set_variances(variances);
  CHECK(metric.scale == Eigen::Vector3d(2, 0.5, 1));
  CHECK(metric.variances() == variances);
}
