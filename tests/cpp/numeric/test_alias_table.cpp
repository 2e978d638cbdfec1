// The alias table: every index comes as often as its weight says.
#include "filbert/numeric/alias_table.hpp"

#include <doctest/doctest.h>

#include <cmath>

TEST_CASE("An alias table draws each index in proportion to its weight") {
  Eigen::VectorXd weights(7);
  weights << 0, 1e-9, 3, 0.5, 0, 12, 0.25;
  const filbert::AliasTable table(weights);
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(7);
  constexpr int points = 700'000;
  for (int i = 0; i < points; ++i) ++counts(table((i + 0.5) / points));
  const Eigen::VectorXd expected = weights * (points / weights.sum());
  CHECK((counts - expected).cwiseAbs().maxCoeff() <= 8);  // a point at each edge of a cell
  CHECK(counts(0) == 0);
  CHECK(table(std::nextafter(1.0, 0.0)) < 7);
}
