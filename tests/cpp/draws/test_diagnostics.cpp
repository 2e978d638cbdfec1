// Convergence diagnostics: known values, a naive transcription of the definitions, chains that must be found out.
#include "filbert/draws/diagnostics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "filbert/numeric/normal_quantile.hpp"

namespace {

using Eigen::Index;
using Chains = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Stationary autoregressive chains with standard normal margins.
Chains autoregressive(Index chains, Index draws, double correlation, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Chains values(chains, draws);
  for (Index chain = 0; chain < chains; ++chain) {
    values(chain, 0) = normal(engine);
    for (Index i = 1; i < draws; ++i) {
      values(chain, i) = correlation * values(chain, i - 1) + std::sqrt(1 - correlation * correlation) * normal(engine);
    }
  }
  return values;
}

/// Halves of the chains, without the middle draw of an odd number.
Chains naive_split(const Chains& draws) {
  const Index half = draws.cols() / 2;
  Chains split(2 * draws.rows(), half);
  split << draws.leftCols(half), draws.rightCols(half);
  return split;
}

/// Each rank counted, draw against draw.
Chains naive_scores(const Chains& split) {
  return split.unaryExpr([&](double value) {
    const double below = static_cast<double>((split.array() < value).count());
    const double equal = static_cast<double>((split.array() == value).count());
    return filbert::normal_quantile((below + (equal + 1) / 2 - 0.375) / (static_cast<double>(split.size()) + 0.25));
  });
}

double naive_variance(const Eigen::VectorXd& values) {
  return (values.array() - values.mean()).square().sum() / static_cast<double>(values.size() - 1);
}

double naive_rhat(const Chains& series) {
  double within = 0;
  for (Index row = 0; row < series.rows(); ++row) within += naive_variance(series.row(row));
  within /= static_cast<double>(series.rows());
  const double draws = static_cast<double>(series.cols());
  return std::sqrt(((draws - 1) / draws * within + naive_variance(series.rowwise().mean())) / within);
}

/// Mean over rows of the autocovariance at a lag.
double naive_autocovariance(const Chains& series, Index lag) {
  double sum = 0;
  for (Index row = 0; row < series.rows(); ++row) {
    const double mean = series.row(row).mean();
    for (Index i = 0; i + lag < series.cols(); ++i) sum += (series(row, i) - mean) * (series(row, i + lag) - mean);
  }
  return sum / static_cast<double>(series.size());
}

/// Geyer's sequences written to arrays, all lags by direct sums.
double naive_ess(const Chains& series) {
  const double draws = static_cast<double>(series.cols()), size = static_cast<double>(series.size());
  const double within = naive_autocovariance(series, 0) * draws / (draws - 1);
  const double total = naive_autocovariance(series, 0) + naive_variance(series.rowwise().mean());
  std::vector<std::pair<double, double>> pairs;
  for (Index lag = 0; lag == 0 || lag < series.cols() - 2; lag += 2) {
    const double even = lag == 0 ? 1 : 1 - (within - naive_autocovariance(series, lag)) / total;
    pairs.emplace_back(even, 1 - (within - naive_autocovariance(series, lag + 1)) / total);
    if (pairs.back().first + pairs.back().second <= 0) break;
  }
  double time = -1 + std::max(0.0, pairs.back().first), smallest = infinity;
  pairs.pop_back();
  for (const auto& [even, odd] : pairs) {
    smallest = std::min(smallest, even + odd);
    time += 2 * smallest;
  }
  return size / std::max(time, 1 / std::log10(size));
}

/// Type 7 of Hyndman and Fan.
double naive_quantile(const Chains& draws, double probability) {
  std::vector<double> sorted(draws.data(), draws.data() + draws.size());
  std::sort(sorted.begin(), sorted.end());
  const double place = probability * static_cast<double>(sorted.size() - 1);
  const double below = sorted[static_cast<std::size_t>(std::floor(place))];
  return below + (sorted[static_cast<std::size_t>(std::ceil(place))] - below) * (place - std::floor(place));
}

/// Half the sum of the middle two: interpolation rounds otherwise, and the two must stay equally far from it.
double naive_median(const Chains& draws) {
  std::vector<double> sorted(draws.data(), draws.data() + draws.size());
  std::sort(sorted.begin(), sorted.end());
  return (sorted[sorted.size() / 2 - 1] + sorted[sorted.size() / 2]) / 2;
}

double naive_tail_ess(const Chains& draws, double probability) {
  const double quantile = naive_quantile(draws, probability);
  return naive_ess(naive_split(draws.unaryExpr([&](double value) { return value <= quantile ? 1.0 : 0.0; })));
}

void check_like_naive(const Chains& draws) {
  const Chains split = naive_split(draws);
  CHECK(filbert::ess_bulk(draws) == doctest::Approx(naive_ess(naive_scores(split))).epsilon(1e-10));
  CHECK(filbert::ess_mean(draws) == doctest::Approx(naive_ess(split)).epsilon(1e-10));
  CHECK(filbert::ess_tail(draws) ==
        doctest::Approx(std::min(naive_tail_ess(draws, 0.05), naive_tail_ess(draws, 0.95))).epsilon(1e-10));
  const Chains folded = (split.array() - naive_median(split)).abs();
  const double rhat = std::max(naive_rhat(naive_scores(split)), naive_rhat(naive_scores(folded)));
  CHECK(filbert::split_rhat(draws) == doctest::Approx(rhat).epsilon(1e-12));
}

}  // namespace

TEST_CASE("R-hat and the effective sample sizes agree with a naive transcription of their definitions") {
  for (const double correlation : {-0.7, 0.0, 0.6, 0.95}) {
    for (const auto& [chains, draws] :
         std::vector<std::pair<Index, Index>>{{2, 4}, {2, 5}, {3, 7}, {4, 50}, {2, 101}, {4, 200}}) {
      CAPTURE(correlation);
      CAPTURE(chains);
      CAPTURE(draws);
      check_like_naive(autoregressive(chains, draws, correlation, 11));
    }
  }
}

TEST_CASE("ties share their average rank") {
  const Chains draws = (3 * autoregressive(4, 100, 0.4, 3)).array().round();
  check_like_naive(draws);
}

TEST_CASE("slowly mixing chains, whose long lags come from a Fourier transform, agree with direct sums") {
  const Chains draws = autoregressive(2, 1501, 0.998, 5);
  CHECK(filbert::ess_bulk(draws) < 60);
  check_like_naive(draws);
}

TEST_CASE("independent draws are worth about their number, antithetic ones more, correlated ones less") {
  CHECK(filbert::ess_bulk(autoregressive(4, 4000, 0, 1)) == doctest::Approx(16000).epsilon(0.1));
  CHECK(filbert::ess_tail(autoregressive(4, 4000, 0, 1)) == doctest::Approx(16000).epsilon(0.1));
  CHECK(filbert::ess_bulk(autoregressive(4, 4000, -0.5, 1)) == doctest::Approx(48000).epsilon(0.15));
  CHECK(filbert::ess_bulk(autoregressive(4, 4000, 0.5, 1)) == doctest::Approx(16000 / 3.0).epsilon(0.15));
  CHECK(filbert::split_rhat(autoregressive(4, 4000, 0, 1)) < 1.002);
}

TEST_CASE("the effective sample size has a ceiling") {
  Chains alternating = autoregressive(4, 1000, 0, 2);
  for (Index i = 1; i < 1000; i += 2) alternating.col(i) = -alternating.col(i - 1);
  CHECK(filbert::ess_bulk(alternating) == doctest::Approx(4000 * std::log10(4000)));
}

TEST_CASE("R-hat finds chains of another place, another width, and a trend") {
  const Chains mixed = autoregressive(4, 500, 0, 7);
  CHECK(filbert::split_rhat(mixed) < 1.01);
  Chains shifted = mixed;
  shifted.row(2).array() += 1;
  CHECK(filbert::split_rhat(shifted) > 1.05);
  Chains wide = mixed;
  wide.row(2) *= 4;
  CHECK(filbert::split_rhat(wide) > 1.05);
  Chains drifting = mixed;
  drifting.rowwise() += Eigen::RowVectorXd::LinSpaced(500, -1.5, 1.5);
  CHECK(filbert::split_rhat(drifting) > 1.05);
}

TEST_CASE("bulk and tail ESS do not change under a rising map, nor R-hat and bulk ESS under a change of sign") {
  const Chains draws = autoregressive(4, 300, 0.3, 9);
  const Chains mapped = draws.array().cube();
  CHECK(filbert::ess_bulk(mapped) == filbert::ess_bulk(draws));
  CHECK(filbert::ess_tail(mapped) == filbert::ess_tail(draws));
  const Chains mirrored = -draws;
  CHECK(filbert::ess_bulk(mirrored) == doctest::Approx(filbert::ess_bulk(draws)).epsilon(1e-12));
  CHECK(filbert::split_rhat(mirrored) == doctest::Approx(filbert::split_rhat(draws)).epsilon(1e-12));
}

TEST_CASE("a negative zero is a zero") {
  const Chains signs = autoregressive(4, 100, 0, 4).array().round();
  const Chains zeros = signs.unaryExpr([](double value) { return value == 0 ? 0.0 : value; });
  REQUIRE(std::any_of(signs.data(), signs.data() + signs.size(), [](double v) { return v == 0 && std::signbit(v); }));
  CHECK(filbert::ess_bulk(signs) == filbert::ess_bulk(zeros));
  CHECK(filbert::split_rhat(signs) == filbert::split_rhat(zeros));
}

TEST_CASE("constant draws have no R-hat and count in full; chains each constant have an infinite R-hat") {
  const Chains constant = Chains::Constant(4, 101, 0.1);
  CHECK(std::isnan(filbert::split_rhat(constant)));
  CHECK(filbert::ess_bulk(constant) == 400);
  CHECK(filbert::ess_tail(constant) == 400);
  Chains stuck = constant;
  stuck.row(1).setConstant(0.2);
  CHECK(filbert::split_rhat(stuck) == infinity);
  CHECK(filbert::ess_bulk(stuck) < 10);
}

TEST_CASE("one chain has effective sample sizes but no R-hat") {
  const Chains draws = autoregressive(1, 1000, 0, 6);
  CHECK(std::isnan(filbert::split_rhat(draws)));
  CHECK(filbert::ess_bulk(draws) == doctest::Approx(1000).epsilon(0.3));
  CHECK(filbert::ess_tail(draws) > 300);
}

TEST_CASE("too few draws and draws that are not finite give NaN") {
  for (const Index draws : {0, 1, 3}) {
    CHECK(std::isnan(filbert::split_rhat(Chains::Random(4, draws))));
    CHECK(std::isnan(filbert::ess_bulk(Chains::Random(4, draws))));
    CHECK(std::isnan(filbert::ess_tail(Chains::Random(4, draws))));
  }
  CHECK(std::isnan(filbert::ess_bulk(Chains(0, 100))));
  for (const double value : {not_a_number, infinity, -infinity}) {
    Chains draws = autoregressive(4, 100, 0, 8);
    draws(2, 50) = value;
    CHECK(std::isnan(filbert::split_rhat(draws)));
    CHECK(std::isnan(filbert::ess_bulk(draws)));
    CHECK(std::isnan(filbert::ess_tail(draws)));
  }
}

TEST_CASE("draws of any magnitude are ranked") {
  const Chains draws = autoregressive(4, 101, 0.2, 10);
  for (const double scale : {1e-310, 1e-300, 1e300, 1e307}) {
    CHECK(filbert::ess_bulk(scale * draws) == doctest::Approx(filbert::ess_bulk(draws)).epsilon(1e-6));
    CHECK(filbert::split_rhat(scale * draws) == doctest::Approx(filbert::split_rhat(draws)).epsilon(1e-6));
  }
}

TEST_CASE("a summary of many quantities is that of each, on any number of threads") {
  Chains draws(5 * 3, 403);
  for (Index quantity = 0; quantity < 5; ++quantity) {
    draws.middleRows(3 * quantity, 3) = autoregressive(3, 403, 0.2 * static_cast<double>(quantity), 20);
  }
  draws(7, 3) = not_a_number;
  for (const int threads : {1, 2, 9}) {
    filbert::ChainSummaries begun(draws, 3, threads);
    const std::vector<filbert::ChainSummary>& summaries = begun.result();
    const Eigen::VectorXd rhats = filbert::split_rhats(draws, 3, threads);
    REQUIRE(summaries.size() == 5);
    REQUIRE(rhats.size() == 5);
    for (Index quantity = 0; quantity < 5; ++quantity) {
      const auto& [rhat, bulk, tail] = summaries[static_cast<std::size_t>(quantity)];
      const Chains alone = draws.middleRows(3 * quantity, 3);
      CHECK((std::isnan(rhat) == (quantity == 2)));
      CHECK((std::isnan(rhats(quantity)) == (quantity == 2)));
      if (quantity == 2) continue;
      CHECK(rhat == filbert::split_rhat(alone));
      CHECK(rhats(quantity) == rhat);
      CHECK(bulk == filbert::ess_bulk(alone));
      CHECK(tail == filbert::ess_tail(alone));
    }
  }
  CHECK(filbert::ChainSummaries(Chains(0, 100), 4, 2).result().empty());
}

TEST_CASE("a summary refuses impossible numbers of chains and threads") {
  const Chains draws = autoregressive(6, 10, 0, 1);
  CHECK_THROWS_AS(filbert::ChainSummaries(draws, 4), std::invalid_argument);
  CHECK_THROWS_AS(filbert::ChainSummaries(draws, 0), std::invalid_argument);
  CHECK_THROWS_AS(filbert::ChainSummaries(draws, 3, 0), std::invalid_argument);
}

TEST_CASE("E-BFMI is the mean squared change over the variance, chain by chain") {
  Chains energy(2, 4);
  energy << 1, 3, 2, 6,  //
      5, 5, 5, 5;
  const Eigen::VectorXd fractions = filbert::e_bfmi(energy);
  REQUIRE(fractions.size() == 2);
  CHECK(fractions(0) == doctest::Approx((4.0 + 1 + 16) / 3 / (14.0 / 3)));
  CHECK(std::isnan(fractions(1)));
  CHECK(filbert::e_bfmi(autoregressive(1, 20000, 0, 1))(0) == doctest::Approx(2).epsilon(0.05));
  CHECK(filbert::e_bfmi(autoregressive(1, 20000, 0.95, 1))(0) == doctest::Approx(0.1).epsilon(0.1));
  CHECK(std::isnan(filbert::e_bfmi(Chains::Zero(1, 1))(0)));
}
