#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "filbert/draws/predictive.hpp"
#include "filbert/sampler/rng.hpp"

using namespace filbert;
using Eigen::Index;

namespace {

RowDraws normals(Index rows, Index draws, std::uint64_t seed) {
  Rng rng(seed);
  RowDraws values(rows, draws);
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = rng.normal();
  return values;
}

RowDraws means_of(const DesignRef& X, const RowDraws& coefficients, bool has_intercept, int threads = 1) {
  RowDraws means(X.rows(), coefficients.cols());
  mean_draws(X, coefficients, has_intercept, means, threads);
  return means;
}

std::vector<std::uint64_t> counting(Index n) {
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(n));
  std::iota(keys.begin(), keys.end(), std::uint64_t{0});
  return keys;
}

RowDraws uniforms(const std::vector<std::uint64_t>& keys, Index draws, std::uint64_t seed, int threads = 1) {
  RowDraws values = RowDraws::Zero(static_cast<Index>(keys.size()), draws);
  uniform_draws(keys, seed, values, threads);
  return values;
}

RowDraws noise(const std::vector<std::uint64_t>& keys, Index draws, std::uint64_t seed, int threads = 1) {
  RowDraws values = RowDraws::Zero(static_cast<Index>(keys.size()), draws);
  response_draws(values, Eigen::VectorXd::Ones(draws), keys, seed, values, threads);
  return values;
}

/// The shortest interval and the quantiles of sorted values, straight from their definitions.
std::array<double, 2> shortest_interval(std::vector<double> values, double probability) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const std::size_t span = std::min(static_cast<std::size_t>(probability * static_cast<double>(n)), n - 1);
  std::size_t best = 0;
  for (std::size_t i = 0; i + span < n; ++i) {
    if (values[i + span] - values[i] < values[best + span] - values[best]) best = i;
  }
  return {values[best], values[best + span]};
}

double quantile(std::vector<double> values, double probability) {
  std::sort(values.begin(), values.end());
  const double place = probability * static_cast<double>(values.size() - 1);
  const auto first = static_cast<std::size_t>(place);
  const std::size_t second = std::min(first + 1, values.size() - 1);
  return values[first] + (place - std::floor(place)) * (values[second] - values[first]);
}

}  // namespace

TEST_CASE("Means are the product with the coefficients, for every size of the last tile") {
  for (const Index rows : {1, 2, 3, 4, 5, 9}) {
    for (const Index draws : {1, 3, 4, 7, 8}) {
      for (const bool has_intercept : {false, true}) {
        const Eigen::MatrixXd X = normals(rows, 3, 1);
        const RowDraws coefficients = normals(has_intercept ? 4 : 3, draws, 2);
        RowDraws expected = X * coefficients.bottomRows(3);
        if (has_intercept) expected.rowwise() += coefficients.row(0);
        CHECK((means_of(X, coefficients, has_intercept) - expected).cwiseAbs().maxCoeff() < 1e-14);
      }
    }
  }
}

TEST_CASE("A row's means are the same bits in any block and on any number of threads") {
  const Eigen::MatrixXd X = normals(37, 11, 3);
  const RowDraws coefficients = normals(12, 29, 4);
  const RowDraws whole = means_of(X, coefficients, true);
  const Eigen::MatrixXd many = normals(1000, 11, 3);  // enough for several threads
  const RowDraws more = normals(12, 290, 4);
  CHECK(means_of(many, more, true, 3) == means_of(many, more, true));
  for (const Index size : {1, 2, 5, 16}) {
    for (Index first = 0; first + size <= X.rows(); first += size) {
      CHECK(means_of(X.middleRows(first, size), coefficients, true) == whole.middleRows(first, size));
    }
  }
}

TEST_CASE("Means and responses are the same bits whether draws lie side by side or rows do") {
  const Eigen::MatrixXd X = normals(150, 3, 3);
  const RowDraws coefficients = normals(4, 9, 4);
  const Eigen::VectorXd sigma = normals(9, 1, 5).cwiseAbs();
  RowDraws by_row = means_of(X, coefficients, true);
  Eigen::MatrixXd storage(X.rows(), 9);  // column-major
  Eigen::Map<RowDraws, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> by_draw(
      storage.data(), storage.rows(), storage.cols(), Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(1, storage.rows()));
  mean_draws(X, coefficients, true, by_draw, 2);
  CHECK(storage == by_row);
  response_draws(by_draw, sigma, counting(X.rows()), 3, by_draw, 2);
  response_draws(by_row, sigma, counting(X.rows()), 3, by_row);
  CHECK(storage == by_row);
}

TEST_CASE("A model of the intercept alone has it as every row's mean") {
  const RowDraws coefficients = normals(1, 6, 5);
  const RowDraws means = means_of(Eigen::MatrixXd(3, 0), coefficients, true);
  for (Index row = 0; row < 3; ++row) CHECK(means.row(row) == coefficients.row(0));
}

TEST_CASE("Noise depends on the seed, the key and the draw, not on the rows beside or the threads") {
  const RowDraws whole = noise(counting(20), 50, 7);
  CHECK(noise(counting(301), 1000, 7, 4) == noise(counting(301), 1000, 7));  // enough for several threads
  CHECK(noise({13, 4}, 50, 7).row(0) == whole.row(13));
  CHECK(noise({13, 4}, 50, 7).row(1) == whole.row(4));
  CHECK(noise(counting(20), 30, 7) == whole.leftCols(30));
  CHECK((noise(counting(20), 50, 8).array() != whole.array()).all());
}

TEST_CASE("Noise is golden") {
  const RowDraws draws = noise({0, 1}, 2, 42);
  CHECK(draws(0, 0) == doctest::Approx(-0.783700909733943).epsilon(1e-13));
  CHECK(draws(0, 1) == doctest::Approx(0.7335635188467425).epsilon(1e-13));
  CHECK(draws(1, 0) == doctest::Approx(-0.9954885413347732).epsilon(1e-13));
  CHECK(draws(1, 1) == doctest::Approx(1.002855761471576).epsilon(1e-13));
}

TEST_CASE("Noise is standard normal times sigma, along rows, along draws, and between neighbours") {
  constexpr Index n = 1000;
  const RowDraws draws = noise(counting(n), n, 9);
  const double standard_error = 1 / std::sqrt(static_cast<double>(n));
  // Each sum of n draws over √n is standard normal, its square has mean 1 and variance 2.
  const auto check_squares = [&](const Eigen::VectorXd& means) {
    CHECK(std::abs((means / standard_error).squaredNorm() / n - 1) < 4 * std::sqrt(2.0) * standard_error);
  };
  check_squares(draws.rowwise().mean());
  check_squares(draws.colwise().mean().transpose());
  check_squares(draws.topRows(n - 1).cwiseProduct(draws.bottomRows(n - 1)).rowwise().mean());
  check_squares(draws.leftCols(n - 1).cwiseProduct(draws.rightCols(n - 1)).rowwise().mean());
  CHECK(std::abs(draws.squaredNorm() / (n * n) - 1) < 4 * std::sqrt(2.0) / n);

  RowDraws scaled = RowDraws::Constant(1, 3, 5.0);
  response_draws(scaled, Eigen::Vector3d(1, 10, 0), {17}, 9, scaled);
  const RowDraws plain = noise({17}, 3, 9);
  CHECK(scaled(0, 0) == 5 + plain(0, 0));
  CHECK(scaled(0, 1) == 5 + 10 * plain(0, 1));
  CHECK(scaled(0, 2) == 5);
}

TEST_CASE("Uniforms depend on the seed, the key and the draw, not on the rows beside, the layout or the threads") {
  const RowDraws whole = uniforms(counting(301), 1000, 7);
  CHECK(uniforms(counting(301), 1000, 7, 4) == whole);
  CHECK(uniforms({13, 4}, 1000, 7).row(0) == whole.row(13));
  CHECK(uniforms({13, 4}, 30, 7).row(1) == whole.row(4).head(30));
  CHECK((uniforms(counting(301), 1000, 8).array() != whole.array()).all());
  Eigen::MatrixXd by_draw(301, 1000);
  uniform_draws(counting(301), 7,
                Eigen::Map<RowDraws, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>(
                    by_draw.data(), 301, 1000, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(1, 301)),
                3);
  CHECK(by_draw == whole);
}

TEST_CASE("Uniforms are golden") {
  const RowDraws draws = uniforms({0, 1}, 2, 42);
  CHECK(draws(0, 0) == 0.1709810848973773);
  CHECK(draws(0, 1) == 0.6215248705588557);
  CHECK(draws(1, 0) == 0.6885765072668074);
  CHECK(draws(1, 1) == 0.5998870924588525);
}

TEST_CASE("Uniforms fill (0, 1) evenly, and are independent of each other and of the normal noise of the same rows") {
  constexpr Index n = 1000;
  const RowDraws draws = uniforms(counting(n), n, 9);
  CHECK(draws.minCoeff() > 0);
  CHECK(draws.maxCoeff() < 1);
  Eigen::ArrayXd counts = Eigen::ArrayXd::Zero(100);
  for (const double value : draws.reshaped()) ++counts(static_cast<Index>(value * 100));
  const double expected = n * n / 100.0;
  const auto chi_square = [&](const Eigen::ArrayXd& seen) { return (seen - expected).square().sum() / expected; };
  const auto is_even = [](double statistic) { return std::abs(statistic - 99) < 4 * std::sqrt(2.0 * 99); };
  CHECK(is_even(chi_square(counts)));
  Eigen::ArrayXd uneven = counts;
  uneven.head(50) += 0.01 * expected;
  uneven.tail(50) -= 0.01 * expected;
  CHECK_FALSE(is_even(chi_square(uneven)));

  const RowDraws scaled = ((draws.array() - 0.5) * std::sqrt(12.0)).matrix();
  const auto correlation = [](const auto& a, const auto& b) {  // a sum of products over its standard deviation
    return (a.array() * b.array()).sum() / std::sqrt(static_cast<double>(a.size()));
  };
  CHECK(std::abs(correlation(scaled.topRows(n - 1), scaled.bottomRows(n - 1))) < 4);
  CHECK(std::abs(correlation(scaled.leftCols(n - 1), scaled.rightCols(n - 1))) < 4);
  const RowDraws normal = noise(counting(n), n, 9);
  CHECK(std::abs(correlation(scaled, normal)) < 4);
  CHECK(std::abs(correlation(scaled.cwiseAbs2().array() - 1, normal.cwiseAbs2().array() - 1)) < 8);
  CHECK(std::abs(correlation(scaled, RowDraws(normal + 0.1 * scaled))) > 4);
}

TEST_CASE("Summaries are mean, sd and interval of each row, whatever the shape of the draws") {
  constexpr Index n = 501;
  RowDraws draws = normals(6, n, 10);
  draws.row(1) = draws.row(1).array().exp();   // skewed
  draws.row(2) = draws.row(2).array().sign();  // two values
  draws.row(3).setConstant(2.5);
  draws.row(4) = draws.row(4).array() * 1e-3 + 1e6;
  draws.row(5) = (draws.row(5).array() > 2.2).select(1e9, draws.row(5));  // far outliers
  for (const double probability : {0.01, 0.5, 0.8, 0.94, 0.999}) {
    const RowSummaries shortest = summarise_rows(draws, probability, Interval::HighestDensity, 2);
    const RowSummaries equal = summarise_rows(draws, probability, Interval::EqualTailed);
    for (Index row = 0; row < draws.rows(); ++row) {
      CAPTURE(probability);
      CAPTURE(row);
      const std::vector<double> values(draws.row(row).begin(), draws.row(row).end());
      const double mean = draws.row(row).mean();
      CHECK(shortest.mean(row) == doctest::Approx(mean).epsilon(1e-13));
      const double squares = (draws.row(row).array() - mean).square().sum();
      CHECK(shortest.sd(row) == doctest::Approx(std::sqrt(squares / (n - 1))).epsilon(1e-10));
      const auto [lower, upper] = shortest_interval(values, probability);
      CHECK(shortest.upper(row) - shortest.lower(row) == upper - lower);
      if (row != 2) CHECK(shortest.lower(row) == lower);  // of two values, several intervals are the shortest
      CHECK(equal.lower(row) == doctest::Approx(quantile(values, 0.5 - probability / 2)).epsilon(1e-12));
      CHECK(equal.upper(row) == doctest::Approx(quantile(values, 0.5 + probability / 2)).epsilon(1e-12));
    }
  }
}

TEST_CASE("Few draws have summaries, and draws that are not finite have no interval") {
  const RowSummaries one = summarise_rows(RowDraws::Constant(1, 1, 3.0), 0.9, Interval::HighestDensity);
  CHECK(one.mean(0) == 3);
  CHECK(std::isnan(one.sd(0)));
  CHECK(one.lower(0) == 3);
  CHECK(one.upper(0) == 3);
  RowDraws two(1, 2);
  two << 4, 1;
  CHECK(summarise_rows(two, 0.9, Interval::EqualTailed).lower(0) == doctest::Approx(1.15));
  CHECK(summarise_rows(two, 0.9, Interval::EqualTailed).upper(0) == doctest::Approx(3.85));
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    RowDraws draws = normals(1, 100, 11);
    draws(0, 40) = bad;
    for (const Interval interval : {Interval::HighestDensity, Interval::EqualTailed}) {
      const RowSummaries summary = summarise_rows(draws, 0.9, interval);
      CHECK_FALSE(std::isfinite(summary.mean(0)));
      CHECK(std::isnan(summary.lower(0)));
      CHECK(std::isnan(summary.upper(0)));
    }
  }
  CHECK(summarise_rows(RowDraws(0, 5), 0.9, Interval::EqualTailed).mean.size() == 0);
}

TEST_CASE("Arguments that do not fit are refused") {
  RowDraws means(2, 5);
  CHECK_THROWS_AS(mean_draws(Eigen::MatrixXd(2, 3), RowDraws(3, 5), true, means), std::invalid_argument);
  CHECK_THROWS_AS(mean_draws(Eigen::MatrixXd(2, 3), RowDraws(3, 5), false, means, 0), std::invalid_argument);
  CHECK_THROWS_AS(mean_draws(Eigen::MatrixXd(1, 3), RowDraws(3, 5), false, means), std::invalid_argument);
  CHECK_THROWS_AS(response_draws(means, Eigen::VectorXd(5), {1}, 0, means), std::invalid_argument);
  CHECK_THROWS_AS(response_draws(means, Eigen::VectorXd(4), {1, 2}, 0, means), std::invalid_argument);
  CHECK_THROWS_AS(summarise_rows(means, 1, Interval::EqualTailed), std::invalid_argument);
  CHECK_THROWS_AS(summarise_rows(RowDraws(2, 0), 0.5, Interval::EqualTailed), std::invalid_argument);
}
