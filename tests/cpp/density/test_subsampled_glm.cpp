// Subsampled posteriors: their parts add up, bounds hold, and draws are those of the whole likelihood.
#include "filbert/density/subsampled_glm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "filbert/density/glm_sampling.hpp"
#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/independence.hpp"

using namespace filbert;

namespace {

struct Model {
  Family family;
  Link link;
  double level;  ///< of the linear predictor
};

/// Rows with weights, some of them 0, offsets, trials where there can be, and a prior that is not Gaussian.
FramedGlm framed(const Model& model, Eigen::Index n, double signal = 0.5) {
  Rng rng(8);
  Eigen::MatrixXd X(n, 2);
  for (double& x : X.reshaped()) x = rng.normal();
  GlmResponses responses;
  responses.y.resize(n);
  responses.weights.resize(n);
  responses.offset.resize(n);
  if (model.family == Family::Binomial) responses.trials.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    responses.weights(i) = i % 10 == 0 ? 0 : rng.uniform(0.5, 1.5);
    responses.offset(i) = 0.3 * rng.normal();
    const double eta = model.level + signal * X(i, 0) + responses.offset(i);
    if (model.family == Family::Poisson) {
      double product = rng.uniform();
      for (responses.y(i) = 0; product > std::exp(-std::exp(eta)); product *= rng.uniform()) ++responses.y(i);
      continue;
    }
    const int trials = model.family == Family::Binomial ? 1 + static_cast<int>(3 * rng.uniform()) : 1;
    if (model.family == Family::Binomial) responses.trials(i) = trials;
    responses.y(i) = 0;
    for (int k = 0; k < trials; ++k) responses.y(i) += rng.uniform() < 1 / (1 + std::exp(-eta)) ? 1 : 0;
  }
  GlmPriors priors;
  priors.coefficients = {Prior::named("Normal", std::vector<double>{0, 2.5}),
                         Prior::named("StudentT", std::vector<double>{3, 1, 0.5}),
                         Prior::named("Normal", std::vector<double>{0, 1})};
  const auto data = std::make_shared<const GlmData>(model.family, model.link, X, responses);
  return FramedGlm(std::make_shared<const GlmPosterior>(data, priors));
}

const std::vector<Model> models = {
    {Family::Bernoulli, Link::Logit, -1},  {Family::Binomial, Link::Logit, -3},  {Family::Bernoulli, Link::Probit, -1},
    {Family::Binomial, Link::Probit, 0.5}, {Family::Binomial, Link::Cloglog, 0}, {Family::Bernoulli, Link::Cloglog, -2},
    {Family::Poisson, Link::Log, 1},
};

Eigen::VectorXd random_point(Rng& rng, Eigen::Index d, double stretch) {
  Eigen::VectorXd z(d);
  for (double& x : z) x = stretch * rng.normal();
  return z;
}

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Draws {
  std::vector<Rows> values;  ///< (chains, draws) of each coordinate in the frame, and of its square
  std::vector<IndependenceChain> chains;
};

template <typename Density>
Draws draw(const Density& density, Eigen::Index draws, std::uint64_t seed, int cores = 1) {
  const Eigen::Index d = density.dimension();
  IndependenceSettings settings;
  settings.draws = draws;
  settings.cores = cores;
  settings.seed = seed;
  Draws result;
  result.values.assign(static_cast<std::size_t>(2 * d), Rows(settings.chains, draws));
  Progress progress(settings.chains);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& z, const IndependenceStatistics&) {
    for (Eigen::Index k = 0; k < d; ++k) {
      result.values[static_cast<std::size_t>(k)](chain, iteration) = z(k);
      result.values[static_cast<std::size_t>(d + k)](chain, iteration) = z(k) * z(k);
    }
  };
  const SkewedProposal normal(Eigen::MatrixXd(0, d), {});
  result.chains = sample_independence(density, normal, settings, record, progress);
  return result;
}

/// The largest difference of means and second moments, in Monte Carlo errors of both.
double worst_score(const Draws& a, const Draws& b) {
  const auto variance = [](const Rows& x) { return (x.array() - x.mean()).square().mean() / ess_mean(x); };
  double worst = 0;
  for (std::size_t k = 0; k < a.values.size(); ++k) {
    const double error = std::sqrt(variance(a.values[k]) + variance(b.values[k]));
    worst = std::max(worst, std::abs(a.values[k].mean() - b.values[k].mean()) / error);
  }
  return worst;
}

/// Forgets the factors of the rows.
struct WithoutRows : SubsampledGlm {
  bool passes(Rng&, const Eigen::VectorXd&, const Eigen::VectorXd&) { return true; }
};

/// Asks the rows half of the time.
struct WithHalfTheRows : SubsampledGlm {
  bool passes(Rng& rng, const Eigen::VectorXd& from, const Eigen::VectorXd& to) {
    return rng.coin() || SubsampledGlm::passes(rng, from, to);
  }
};

constexpr double limit = 4.5;

}  // namespace

TEST_CASE("The expansion and the remainders of all rows add up to the density") {
  Rng rng(9);
  for (const Model& model : models) {
    FramedGlm whole = framed(model, 300);
    SubsampledGlm parts = *SubsampledGlm::of(whole);
    for (const double stretch : {0.1, 1.0, 3.0}) {
      const Eigen::MatrixXd z = random_point(rng, whole.dimension(), stretch);
      Eigen::VectorXd expected(1), value(1);
      whole.batch(z, expected);
      parts.batch(z, value);
      for (Eigen::Index row = 0; row < 300; ++row) value(0) += parts.remainder(row, z.col(0));
      CHECK(value(0) == doctest::Approx(expected(0)).epsilon(1e-10));
    }
  }
}

TEST_CASE("No remainder is beyond its bound, near the mode or far from it") {
  Rng rng(10);
  int beyond_a_fifth = 0;
  for (const Model& model : models) {
    const FramedGlm whole = framed(model, 120, 1.5);
    SubsampledGlm parts = *SubsampledGlm::of(whole);
    SubsampledGlm broken = *SubsampledGlm::of(whole, {.share_of_the_bounds = 0.2});
    for (int repeat = 0; repeat < 300; ++repeat) {
      const Eigen::VectorXd z = random_point(rng, whole.dimension(), repeat % 3 == 0 ? 4.0 : 1.0);
      const Eigen::Index row = static_cast<Eigen::Index>(120 * rng.uniform());
      const double remainder = std::abs(parts.remainder(row, z));
      CHECK(remainder <= parts.bound(row, z) + 1e-12);
      if (remainder > broken.bound(row, z) + 1e-12) ++beyond_a_fifth;
    }
  }
  CHECK(beyond_a_fifth > 20);
}

TEST_CASE("Draws with subsampled rows are those of the whole likelihood, whichever way rows are asked") {
  for (const Model& model : {Model{Family::Bernoulli, Link::Logit, -3}, Model{Family::Poisson, Link::Log, -1.5}}) {
    const FramedGlm whole = framed(model, 200);
    const SubsampledGlm subsampled = *SubsampledGlm::of(whole, {.most_candidates = 1e9});
    const SubsampledGlm summed = *SubsampledGlm::of(whole, {.most_candidates = 0});
    const SubsampledGlm broken = *SubsampledGlm::of(whole, {.most_candidates = 1e9, .share_of_the_bounds = 0.05});
    const Eigen::Index many = 12'000;
    const Draws expected = draw(whole, many, 1);
    const Draws found = draw(subsampled, many, 2);
    CHECK(worst_score(expected, found) < limit);
    CHECK(worst_score(expected, draw(summed, many / 5, 3)) < limit);
    CHECK(found.chains[0].rows_evaluated > 0);
    CHECK(worst_score(expected, draw(broken, many, 2)) > limit);
    CHECK(worst_score(expected, draw(WithoutRows{subsampled}, many, 2)) > limit);
    CHECK(worst_score(expected, draw(WithHalfTheRows{subsampled}, many, 2)) > limit);
  }
}

TEST_CASE("Neither threads nor cores change a draw") {
  const FramedGlm whole = framed(models[0], 40'000);
  SubsampledGlm one = *SubsampledGlm::of(whole, {.threads = 1});
  SubsampledGlm three = *SubsampledGlm::of(whole, {.threads = 3});
  const Draws a = draw(one, 300, 4, 1), b = draw(three, 300, 4, 3);
  for (std::size_t k = 0; k < a.values.size(); ++k) CHECK(a.values[k] == b.values[k]);
}

TEST_CASE("Rows are subsampled where they are many, known to be bounded, and few would be looked at") {
  const FramedGlm whole = framed(models[0], 40'000);
  CHECK(!pilot_glm(whole, 1).subsampled);
  SwitchRule rule;
  rule.least_values = 1e5;
  const GlmPilot pilot = pilot_glm(whole, 1, 1, rule);
  REQUIRE(pilot.subsampled);
  CHECK(pilot.refusal.empty());
  CHECK(pilot.pilot.acceptance > 0.9);
  CHECK(pilot.subsampled->expected_candidates() < 2);
  rule.most_candidates = 1e-4;
  CHECK(!pilot_glm(whole, 1, 1, rule).subsampled);
  rule = {};
  rule.least_values = 0;  // one event in many rows, and skewed by it: the expansion is poor, and the pilot sees it
  CHECK(!pilot_glm(framed({Family::Bernoulli, Link::Logit, -5}, 150, 0), 1, 1, rule).subsampled);
}

TEST_CASE("Auxiliaries and bounded coefficients are not subsampled") {
  Eigen::MatrixXd X(4, 1);
  X << 1, 2, 3, 5;
  GlmResponses responses;
  responses.y = Eigen::Vector4d(1, 0, 2, 3);
  GlmPriors priors;
  priors.coefficients.assign(2, Prior::named("Normal", std::vector<double>{0, 1}));
  priors.auxiliaries = {Prior::named("HalfCauchy", std::vector<double>{1})};
  const auto counts = std::make_shared<const GlmData>(Family::NegativeBinomial, Link::Log, X, responses);
  CHECK(!SubsampledGlm::of(FramedGlm(std::make_shared<const GlmPosterior>(counts, priors))));
  priors.auxiliaries.clear();
  const auto poisson = std::make_shared<const GlmData>(Family::Poisson, Link::Log, X, responses);
  CHECK(SubsampledGlm::of(FramedGlm(std::make_shared<const GlmPosterior>(poisson, priors))));
  priors.coefficients[1] = Prior::named("HalfNormal", std::vector<double>{1});
  CHECK(!SubsampledGlm::of(FramedGlm(std::make_shared<const GlmPosterior>(poisson, priors))));
}
