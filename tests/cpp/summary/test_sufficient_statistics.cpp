// The summary does not depend on how the rows are cut, and least squares from it reach the digits that QR can.
#include "filbert/summary/sufficient_statistics.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "regressions.hpp"

using filbert::LeastSquares;
using filbert::SufficientStatistics;
using filbert::ValuesRef;
using namespace regressions;

namespace {

/// Largest difference relative to the standard errors' size.
double difference(const LeastSquares& a, const LeastSquares& b) {
  return ((a.estimate - b.estimate).cwiseQuotient(a.standard_error).norm() +
          (a.standard_error - b.standard_error).cwiseQuotient(a.standard_error).norm() +
          std::abs(a.residual_sum_of_squares / b.residual_sum_of_squares - 1));
}

SufficientStatistics of_rows(const Rows& rows, Index first, Index count) {
  SufficientStatistics summary(rows.X.cols());
  const VectorXd weights = rows.weights.segment(first, count);
  summary.update(rows.X.middleRows(first, count), rows.y.segment(first, count), ValuesRef(weights));
  return summary;
}

}  // namespace

TEST_CASE("blocks of any size, merged in any order, equal one block") {
  const Rows rows = make_rows(997, 4, 1, true);
  const SufficientStatistics whole = summarise(rows);
  for (const Index block : {1, 7, 100, 500}) {
    SufficientStatistics forwards(4);
    SufficientStatistics backwards(4);
    for (Index start = 0; start < 997; start += block) {
      forwards.merge(of_rows(rows, start, std::min(block, 997 - start)));
      const Index end = 997 - start;
      const Index count = std::min(block, end);
      backwards.merge(of_rows(rows, end - count, count));
    }
    for (const SufficientStatistics& merged : {forwards, backwards}) {
      CHECK(merged.n_rows() == 997);
      CHECK(merged.total_weight() == doctest::Approx(whole.total_weight()).epsilon(1e-12));
      CHECK((merged.mean() - whole.mean()).cwiseQuotient(whole.sd()).norm() < 1e-12);
      CHECK((merged.sd() - whole.sd()).cwiseQuotient(whole.sd()).norm() < 1e-12);
      for (const bool intercept : {true, false}) {
        CHECK(difference(whole.least_squares(intercept), merged.least_squares(intercept)) < 1e-11);
      }
    }
  }
}

TEST_CASE("columns that lie apart give the same summary to the last bit") {
  for (const Index count : {Index{600}, Index{30000}}) {  // by one thread, and by several
    const Rows rows = make_rows(count, 3, 5, true);
    const SufficientStatistics::State whole = summarise(rows).state();
    Eigen::Matrix<double, 2, Eigen::Dynamic> apart(2, count);  // a column at a stride
    apart.row(0) = rows.X.col(1);
    const VectorXd first = rows.X.col(0), last = rows.X.col(2);
    const std::vector<ValuesRef> columns = {first, apart.row(0).transpose(), last};
    SufficientStatistics summary(3);
    summary.update(columns, rows.y, ValuesRef(rows.weights));
    const SufficientStatistics::State found = summary.state();
    CHECK(found.factor == whole.factor);
    CHECK(found.mean == whole.mean);
    CHECK(found.n_rows == whole.n_rows);
  }
}

TEST_CASE("columns of the wrong number or length are refused, and bad values named by place") {
  const Rows rows = make_rows(40, 2, 6, false);
  SufficientStatistics summary(2);
  const ValuesRef x = rows.X.col(0), shorter = rows.X.col(1).head(39);
  CHECK_THROWS_WITH_AS(summary.update(std::vector<ValuesRef>{x}, rows.y), "there must be 2 columns, not 1",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(summary.update(std::vector<ValuesRef>{x, shorter}, rows.y),
                       "columns and y must have the same number of rows, not 39 and 40", std::invalid_argument);
  CHECK_THROWS_WITH_AS(summary.update(std::vector<ValuesRef>{x, x}, rows.y, ValuesRef(shorter)),
                       "y and weights must have the same number of rows, not 40 and 39", std::invalid_argument);
  VectorXd bad = rows.X.col(1);
  bad(7) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(summary.update(std::vector<ValuesRef>{x, bad}, rows.y),
                       "X must be finite in column 1 at row 7, not inf", std::invalid_argument);
  CHECK(summary.n_rows() == 0);
}

TEST_CASE("a merge of two groups of blocks equals blocks one by one") {
  const Rows rows = make_rows(600, 3, 2);
  SufficientStatistics left = of_rows(rows, 0, 150);
  left.merge(of_rows(rows, 150, 150));
  SufficientStatistics right = of_rows(rows, 300, 10);
  right.merge(of_rows(rows, 310, 290));
  right.merge(left);
  CHECK(difference(summarise(rows).least_squares(true), right.least_squares(true)) < 1e-12);
}

TEST_CASE("least squares equal those of a QR of all rows") {
  for (const bool weighted : {false, true}) {
    const Rows rows = make_rows(300, 5, 3, weighted);
    MatrixXd design(300, 6);
    design << VectorXd::Ones(300), rows.X;
    const VectorXd root = rows.weights.cwiseSqrt();
    const MatrixXd weighted_design = root.asDiagonal() * design;
    const VectorXd expected = weighted_design.householderQr().solve(VectorXd(root.cwiseProduct(rows.y)));
    const double rss = (root.asDiagonal() * (rows.y - design * expected)).squaredNorm();
    const LeastSquares fit = summarise(rows).least_squares(true);
    CHECK((fit.estimate - expected).norm() < 1e-11);
    CHECK(fit.residual_sum_of_squares == doctest::Approx(rss).epsilon(1e-11));
    CHECK(fit.degrees_of_freedom == doctest::Approx(rows.weights.sum() - 6));
    const MatrixXd covariance =
        (weighted_design.transpose() * weighted_design).inverse() * (rss / fit.degrees_of_freedom);
    CHECK((fit.standard_error - covariance.diagonal().cwiseSqrt()).norm() < 1e-8);
  }
}

TEST_CASE("a column of ones is as good as an intercept") {
  const Rows rows = make_rows(100, 3, 4);
  MatrixXd with_ones(100, 4);
  with_ones << rows.X, VectorXd::Ones(100);
  SufficientStatistics summary(4);
  summary.update(with_ones, rows.y);
  const LeastSquares explicit_ones = summary.least_squares(false);
  const LeastSquares intercept = summarise(rows).least_squares(true);
  CHECK((explicit_ones.estimate.head(3) - intercept.estimate.tail(3)).norm() < 1e-12);
  CHECK(explicit_ones.estimate(3) == doctest::Approx(intercept.estimate(0)).epsilon(1e-12));
  CHECK(explicit_ones.standard_error(3) == doctest::Approx(intercept.standard_error(0)).epsilon(1e-12));
}

TEST_CASE("columns far from zero lose no digits") {
  // Integers, so that the rows themselves are exact; y = 3 + 2x - x²/2 around x = 1e6 in units of 1.
  const Index n = 201;
  MatrixXd X(n, 2);
  VectorXd y(n);
  for (Index i = 0; i < n; ++i) {
    const double t = static_cast<double>(i - 100);
    X(i, 0) = 1e6 + t;
    X(i, 1) = (1e6 + t) * (1e6 + t);
    y(i) = 2 * t - 0.5 * t * t + (i % 2 == 0 ? 1 : -1);
  }
  SufficientStatistics summary(2);
  summary.update(X, y);
  const LeastSquares fit = summary.least_squares(true);
  // The alternating noise is orthogonal to t and nearly so to t²; the exact coefficient of x² is -0.5 + O(1e-5).
  MatrixXd centred(n, 3);
  for (Index i = 0; i < n; ++i) centred.row(i) << 1, static_cast<double>(i - 100), std::pow(i - 100, 2);
  const VectorXd expected = centred.householderQr().solve(y);
  CHECK(fit.estimate(2) == doctest::Approx(expected(2)).epsilon(1e-10));
}

TEST_CASE("extreme units change nothing but the unit") {
  const Rows rows = make_rows(50, 2, 5);
  const LeastSquares plain = summarise(rows).least_squares(true);
  for (const double unit : {0x1p-500, 0x1p500}) {
    Rows scaled = rows;
    scaled.X.col(0) *= unit;
    scaled.y *= unit;
    const LeastSquares fit = summarise(scaled).least_squares(true);
    CHECK(fit.estimate(1) == doctest::Approx(plain.estimate(1)).epsilon(1e-12));
    CHECK(fit.estimate(2) / unit == doctest::Approx(plain.estimate(2)).epsilon(1e-12));
    CHECK(fit.standard_error(2) / unit == doctest::Approx(plain.standard_error(2)).epsilon(1e-12));
    CHECK(fit.sigma / unit == doctest::Approx(plain.sigma).epsilon(1e-12));
  }
}

TEST_CASE("dependent columns are found and named together") {
  Rows rows = make_rows(80, 5, 6);
  rows.X.col(3) = 0.1 * rows.X.col(0) - 0.3 * rows.X.col(1);
  const LeastSquares fit = summarise(rows).least_squares(true);
  CHECK(fit.rank == 5);
  REQUIRE(fit.dependent.size() == 1);
  std::vector<Index> set = fit.dependent[0];
  std::sort(set.begin(), set.end());
  CHECK(set == std::vector<Index>{0, 1, 3});
  CHECK(fit.estimate.array().isNaN().count() == 1);
}

TEST_CASE("nearly collinear columns are not taken for dependent") {
  Rows rows = make_rows(80, 2, 7);
  rows.X.col(1) = rows.X.col(0) + 1e-7 * rows.X.col(1);
  CHECK(summarise(rows).least_squares(true).rank == 3);
}

TEST_CASE("a constant column is constant, however the rows are cut and whatever its value") {
  for (const double value : {0.1, 1e300, -3.0, 0.0}) {
    SufficientStatistics summary(2);
    for (int block = 0; block < 5; ++block) {
      MatrixXd X = make_rows(20, 2, static_cast<std::uint64_t>(block)).X;
      X.col(1).setConstant(value);
      summary.update(X, make_rows(20, 2, static_cast<std::uint64_t>(block)).y);
    }
    CHECK(summary.is_constant(1));
    CHECK_FALSE(summary.is_constant(0));
    CHECK(summary.sd()(1) == 0);
    const LeastSquares fit = summary.least_squares(true);
    REQUIRE(fit.dependent.size() == 1);
    CHECK(fit.dependent[0] == std::vector<Index>{1});
  }
}

TEST_CASE("rows of weight zero do not count") {
  Rows rows = make_rows(30, 2, 8);
  Rows more = make_rows(33, 2, 8);
  more.weights.tail(3).setZero();
  more.X.bottomRows(3).setConstant(1e6);
  CHECK(summarise(more).total_weight() == 30);
  CHECK(difference(summarise(rows).least_squares(true), summarise(more).least_squares(true)) < 1e-9);
}

TEST_CASE("values that are not finite are refused by place, and leave the summary as it was") {
  Rows rows = make_rows(30, 2, 9);
  SufficientStatistics summary = summarise(rows);
  rows.X(7, 1) = std::nan("");
  CHECK_THROWS_WITH_AS(summary.update(rows.X, rows.y), "X must be finite in column 1 at row 7, not nan",
                       std::invalid_argument);
  CHECK(summary.n_rows() == 30);
  rows = make_rows(30, 2, 9);
  rows.weights(4) = -1;
  CHECK_THROWS_AS(summary.update(rows.X, rows.y, ValuesRef(rows.weights)), std::invalid_argument);
  CHECK_THROWS_AS(summary.update(rows.X.leftCols(1), rows.y), std::invalid_argument);
  CHECK_THROWS_AS(summary.update(rows.X, rows.y.head(3)), std::invalid_argument);
}

TEST_CASE("a restored summary goes on as the one it was stored from") {
  const Rows rows = make_rows(300, 4, 9, true);
  SufficientStatistics summary = of_rows(rows, 0, 200);
  SufficientStatistics restored = SufficientStatistics::from_state(summary.state());
  const SufficientStatistics rest = of_rows(rows, 200, 100);
  summary.merge(rest);
  restored.merge(rest);
  CHECK(restored.state().factor == summary.state().factor);
  CHECK(restored.state().mean == summary.state().mean);
  CHECK(restored.total_weight() == summary.total_weight());
  CHECK(restored.n_rows() == 300);
}

TEST_CASE("a state that no rows can give is refused") {
  const SufficientStatistics::State good = summarise(make_rows(50, 3, 10, false)).state();
  const auto refuses = [&good](auto change) {
    SufficientStatistics::State bad = good;
    change(bad);
    CHECK_THROWS_AS(SufficientStatistics::from_state(bad), std::invalid_argument);
  };
  refuses([](auto& state) { state.factor.conservativeResize(3, 3); });
  refuses([](auto& state) { state.mean.conservativeResize(2); });
  refuses([](auto& state) { state.mean(0) = std::nan(""); });
  refuses([](auto& state) { state.factor(2, 0) = 1e-300; });
  refuses([](auto& state) { state.factor(0, 1) = INFINITY; });
  refuses([](auto& state) { state.total_weight = -1; });
  refuses([](auto& state) { state.n_rows = -1; });
  refuses([](auto& state) { state.exponents(1) = 5000; });
}

TEST_CASE("a state that would overflow later is refused") {
  const SufficientStatistics::State good = summarise(make_rows(50, 3, 10, false)).state();
  const auto refuses = [&good](auto change) {
    SufficientStatistics::State bad = good;
    change(bad);
    CHECK_THROWS_AS(SufficientStatistics::from_state(bad), std::invalid_argument);
  };
  refuses([](auto& state) { state.exponents(1) = 1024; });
  refuses([](auto& state) { state.exponents(1) = -1001; });
  refuses([](auto& state) { state.mean(0) = 1e308; });
  refuses([](auto& state) { state.factor(0, 1) = 1e9; });
  refuses([](auto& state) { state.exponents(1) = std::numeric_limits<int>::min() / 2; });
  refuses([](auto& state) { state.total_weight = 0; });
  refuses([](auto& state) { state.n_rows = 0; });
  refuses([](auto& state) { state.n_rows = std::numeric_limits<Index>::max(); });
  refuses([](auto& state) { state.total_weight = std::nan(""); });
  CHECK_NOTHROW(SufficientStatistics::from_state(good));
  CHECK_NOTHROW(SufficientStatistics::from_state(SufficientStatistics(2).state()));
}

TEST_CASE("columns of values near the end of the doubles are summarised, and those beyond refused by place") {
  const double large = 2e304;  // forty of them have a sum
  Rows rows = make_rows(40, 2, 11);
  rows.y *= large / rows.y.cwiseAbs().maxCoeff();
  rows.X.col(0) *= large / rows.X.col(0).cwiseAbs().maxCoeff();
  const LeastSquares fit = summarise(rows).least_squares(true);
  const double unit = 2e10;
  Rows smaller = rows;
  smaller.y /= unit;
  smaller.X.col(0) /= unit;
  CHECK(fit.sigma / unit == doctest::Approx(summarise(smaller).least_squares(true).sigma).epsilon(1e-12));

  rows.X(37, 1) = -3e307;
  CHECK_THROWS_WITH_AS(summarise(rows),
                       doctest::Contains("X must be below 2.24712e+307 in column 1 at row 37, not -3e+307"),
                       std::invalid_argument);
}

TEST_CASE("the row of a bad value is counted from the first row, in whatever chunk it lies") {
  Rows rows = make_rows(40'000, 2, 12);
  rows.y(33'333) = std::nan("");
  CHECK_THROWS_WITH_AS(summarise(rows), "y must be finite at row 33333, not nan", std::invalid_argument);
}

TEST_CASE("blocks at opposite ends of the doubles merge, with the deviation that their rows have") {
  const double far = 2e307;
  MatrixXd X(2, 1);
  X << 1, 2;
  SufficientStatistics low(1), high(1);
  low.update(X, VectorXd::Constant(2, -far));
  high.update(X, VectorXd::Constant(2, far));
  low.merge(high);
  CHECK(low.mean()(1) == doctest::Approx(0).scale(far));
  CHECK(low.sd()(1) == doctest::Approx(far).epsilon(1e-14));
  CHECK_THROWS_AS(high.update(X, VectorXd::Constant(2, 1.7e308)), std::invalid_argument);
}

TEST_CASE("weights whose sum overflows are refused, and leave the summary as it was") {
  const Rows rows = make_rows(10, 1, 13);
  SufficientStatistics summary = summarise(rows);
  const SufficientStatistics::State before = summary.state();
  const auto is_as_before = [&] {
    const SufficientStatistics::State now = summary.state();
    return now.factor == before.factor && now.mean == before.mean && now.exponents == before.exponents &&
           now.total_weight == before.total_weight && now.n_rows == before.n_rows;
  };
  const VectorXd weights = VectorXd::Constant(10, 1e308);
  CHECK_THROWS_WITH_AS(summary.update(rows.X, rows.y, ValuesRef(weights)),
                       "the weights are too large: their sum overflows", std::invalid_argument);
  CHECK(is_as_before());

  SufficientStatistics::State state = before;  // in merge, after one of the parts has been worked out
  state.total_weight = 1.7e308;
  const SufficientStatistics heavy = SufficientStatistics::from_state(state);
  summary.merge(heavy);
  CHECK_FALSE(is_as_before());
  summary = SufficientStatistics::from_state(before);
  SufficientStatistics twice = heavy;
  CHECK_THROWS_AS(twice.merge(heavy), std::invalid_argument);
  CHECK(twice.n_rows() == 10);
  CHECK(twice.state().factor == heavy.state().factor);
  CHECK_THROWS_AS(summary.merge(SufficientStatistics(3)), std::invalid_argument);
  CHECK(is_as_before());
}

TEST_CASE("a column that there is not cannot be asked about") {
  const SufficientStatistics summary = summarise(make_rows(10, 2, 14));
  CHECK_FALSE(summary.is_constant(2));  // the response
  CHECK_THROWS_WITH_AS(summary.is_constant(99), "column must be from 0 to 2 (the response), not 99", std::out_of_range);
  CHECK_THROWS_AS(summary.is_constant(-1), std::out_of_range);
}
