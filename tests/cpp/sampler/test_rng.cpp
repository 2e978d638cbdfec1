#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "filbert/sampler/rng.hpp"

using namespace filbert;

namespace {

/// Kolmogorov's distance between a sample and a distribution function, times √n; above 1.95 once in a thousand.
template <typename Cdf>
double kolmogorov_statistic(std::vector<double> sample, const Cdf& cdf) {
  std::sort(sample.begin(), sample.end());
  const double n = static_cast<double>(sample.size());
  double distance = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double expected = cdf(sample[i]);
    const double rank = static_cast<double>(i);
    distance = std::max({distance, expected - rank / n, (rank + 1) / n - expected});
  }
  return distance * std::sqrt(n);
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }

}  // namespace

TEST_CASE("xoshiro256++ gives the numbers of its reference implementation") {
  Xoshiro256 bits(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  for (const std::uint64_t expected :
       {std::uint64_t{41943041}, std::uint64_t{58720359}, std::uint64_t{3588806011781223},
        std::uint64_t{3591011842654386}, std::uint64_t{9228616714210784205U}, std::uint64_t{9973669472204895162U}}) {
    CHECK(bits() == expected);
  }
}

TEST_CASE("A seed becomes a state by splitmix64") {
  const Xoshiro256 expected(std::array<std::uint64_t, 4>{1985237415132408290U, 2979275885539914483U,
                                                         13511426838097143398U, 8488337342461049707U});
  CHECK(Xoshiro256(1477776061723855037U) == expected);
}

TEST_CASE("A jump commutes with single steps, as jumping far ahead must") {
  Xoshiro256 jumps_first(7);
  Xoshiro256 steps_first(7);
  jumps_first.jump();
  for (int i = 0; i < 100; ++i) {
    jumps_first();
    steps_first();
  }
  CHECK_FALSE(jumps_first == steps_first);
  steps_first.jump();
  CHECK(jumps_first == steps_first);
}

TEST_CASE("Draws are golden") {
  Rng rng(42, 1);
  CHECK(rng.bits() == 13886555598616206053U);
  CHECK(rng.uniform() == doctest::Approx(0.36602578091324645).epsilon(1e-15));
  for (const double expected : {0.04964392261138578, -1.652076102908872, -0.01111119908785194, 0.2498125039753422,
                                -1.743238874991359, 0.8804339485825403})
    CHECK(rng.normal() == doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("Seeds and chains have streams of their own") {
  std::vector<std::uint64_t> first;
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    for (int chain = 0; chain < 4; ++chain) first.push_back(Rng(seed, chain).bits());
  }
  std::sort(first.begin(), first.end());
  CHECK(std::adjacent_find(first.begin(), first.end()) == first.end());
  CHECK(Rng(3, 2).bits() == Rng(3, 2).bits());
}

TEST_CASE("Uniforms fill [0, 1) evenly") {
  Rng rng(1);
  std::vector<double> sample(100000);
  for (double& u : sample) u = rng.uniform();
  CHECK(*std::min_element(sample.begin(), sample.end()) >= 0);
  CHECK(*std::max_element(sample.begin(), sample.end()) < 1);
  CHECK(kolmogorov_statistic(sample, [](double u) { return u; }) < 1.95);
  for (double& u : sample) u = rng.uniform(-2, 2);
  CHECK(kolmogorov_statistic(sample, [](double u) { return (u + 2) / 4; }) < 1.95);
  int heads = 0;
  for (int i = 0; i < 100000; ++i) heads += rng.coin() ? 1 : 0;
  CHECK(std::abs(heads - 50000) < 4 * std::sqrt(25000.0));
}

TEST_CASE("Normals have the distribution function of the normal, and a wrong one is noticed") {
  Rng rng(2);
  std::vector<double> sample(300000);
  for (double& x : sample) x = rng.normal();
  CHECK(kolmogorov_statistic(sample, normal_cdf) < 1.95);
  CHECK(kolmogorov_statistic(sample, [](double x) { return normal_cdf(x / 1.02); }) > 1.95);
}

TEST_CASE("Normals have the moments of the normal") {
  Rng rng(3);
  constexpr int n = 1000000;
  std::array<double, 7> moment{};
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    double power = 1;
    for (double& sum : moment) {
      sum += power / n;
      power *= x;
    }
  }
  // E x^k for k = 0..6, and E x^2k less its square for the standard error.
  constexpr std::array<double, 7> expected = {1, 0, 1, 0, 3, 0, 15};
  constexpr std::array<double, 7> variance = {0, 1, 2, 15, 96, 945, 10170};
  for (std::size_t k = 1; k < moment.size(); ++k) {
    CAPTURE(k);
    CHECK(std::abs(moment[k] - expected[k]) < 4 * std::sqrt(variance[k] / n));
  }
}

TEST_CASE("Normals have the tails of the normal, on both sides of the ziggurat's base") {
  Rng rng(4);
  constexpr int n = 5000000;
  constexpr std::array<double, 5> cuts = {2.5, 3.5, Ziggurat::tail, 4.0, 4.5};
  std::array<int, 5> above{};
  std::array<int, 5> below{};
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal();
    if (std::abs(x) < cuts[0]) continue;
    for (std::size_t k = 0; k < cuts.size(); ++k) {
      above[k] += x > cuts[k] ? 1 : 0;
      below[k] += x < -cuts[k] ? 1 : 0;
    }
  }
  for (std::size_t k = 0; k < cuts.size(); ++k) {
    CAPTURE(cuts[k]);
    const double expected = n * normal_cdf(-cuts[k]);
    CHECK(std::abs(above[k] - expected) < 4 * std::sqrt(expected));
    CHECK(std::abs(below[k] - expected) < 4 * std::sqrt(expected));
  }
}

TEST_CASE("The ziggurat's layers have equal areas") {
  const Ziggurat& ziggurat = Ziggurat::instance();
  const double area = ziggurat.edge[0] * ziggurat.height[1];
  for (std::size_t i = 1; i < Ziggurat::layers; ++i) {
    CAPTURE(i);
    const double layer = ziggurat.edge[i] * (ziggurat.height[i + 1] - ziggurat.height[i]);
    // The last one has to fit what is left, which is how the published tail was found.
    CHECK(layer == doctest::Approx(area).epsilon(i + 1 == Ziggurat::layers ? 1e-6 : 1e-9));
  }
}
