#include "filbert/sampler/independence.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <vector>

#include "filbert/density/glm_sampling.hpp"
#include "filbert/density/skewed_proposal.hpp"
#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/independence_pilot.hpp"
#include "filbert/sampler/student_mixture.hpp"

using namespace filbert;

namespace {

/// log x of a gamma variate x of shape a, in its Laplace frame: skewed to the left, with known moments.
struct LogGamma {
  double shape;
  double log_normaliser = std::lgamma(shape);  // which writes a global, so not in each evaluation
  Eigen::Index dimension() const { return 1; }
  double log_density(double z) const {
    const double y = std::log(shape) + z / std::sqrt(shape);
    return shape * y - std::exp(y) - log_normaliser - 0.5 * std::log(shape);
  }
  double operator()(const Eigen::VectorXd& z, Eigen::VectorXd& gradient) {
    gradient(0) = std::sqrt(shape) * (1 - std::exp(z(0) / std::sqrt(shape)));
    return log_density(z(0));
  }
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& z, Eigen::Ref<Eigen::VectorXd> values) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) values(i) = log_density(z(0, i));
  }
  SkewedProposal proposal(const SkewedProposalSettings& settings = {}) const {
    return SkewedProposal(Eigen::MatrixXd::Constant(1, 1, -1 / std::sqrt(shape)), settings);
  }
};

struct Draws {
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> values;
  std::vector<IndependenceChain> chains;
};

template <typename Rules = IndependenceRules, typename Density, typename Proposal>
Draws run(const Density& density, const Proposal& proposal, Eigen::Index draws, int cores = 1) {
  IndependenceSettings settings;
  settings.draws = draws;
  settings.cores = cores;
  settings.seed = 12;
  Draws result;
  result.values.resize(settings.chains, draws);
  Progress progress(settings.chains);
  const auto record = [&](int chain, Eigen::Index iteration, const Eigen::VectorXd& position,
                          const IndependenceStatistics&) { result.values(chain, iteration) = position(0); };
  result.chains = sample_independence<Rules>(density, proposal, settings, record, progress);
  return result;
}

/// How far mean and second moment are from their exact values, in Monte Carlo standard errors; the worse of the two.
double worst_score(const Draws& draws, double mean, double variance) {
  const auto score = [](const auto& values, double expected) {
    const double spread = std::sqrt((values.array() - values.mean()).square().mean());
    return std::abs(values.mean() - expected) / (spread / std::sqrt(ess_mean(values)));
  };
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> squares =
      (draws.values.array() - mean).square();
  return std::max(score(draws.values, mean), score(squares, variance));
}

struct AcceptsAll : IndependenceRules {
  static bool accepts(double log_ratio, double) { return !std::isnan(log_ratio); }
};

struct WithoutNuts : IndependenceRules {
  static constexpr bool moves_locally = false;
};

/// A proposal that forgets the Jacobian of its map.
struct WithoutJacobian {
  SkewedProposal whole;
  double third;
  int draw(Rng& rng, Eigen::Ref<Eigen::MatrixXd> draws, Eigen::Ref<Eigen::VectorXd> log_density) {
    const int folded = whole.draw(rng, draws, log_density);
    for (Eigen::Index i = 0; i < draws.cols(); ++i) log_density(i) = this->log_density(draws.col(i));
    return folded;
  }
  double log_density(const Eigen::Ref<const Eigen::VectorXd>& z) {
    // z = ξ + T ξ²/6 + T/3, solved for ξ on the side where the map has not folded.
    const double a = third / 6, b = 1, c = third / 3 - z(0);
    const double root = b * b - 4 * a * c;
    if (root < 0) return -std::numeric_limits<double>::infinity();
    const double xi = -2 * c / (b + std::sqrt(root));
    return -0.5 * xi * xi;
  }
};

/// A standard normal above an edge, and nothing below it.
struct AboveEdge {
  double edge;
  Eigen::Index dimension() const { return 1; }
  double log_density(double z) const { return z > edge ? -0.5 * z * z : -std::numeric_limits<double>::infinity(); }
  double operator()(const Eigen::VectorXd& z, Eigen::VectorXd& gradient) {
    gradient(0) = -z(0);
    return log_density(z(0));
  }
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& z, Eigen::Ref<Eigen::VectorXd> values) {
    for (Eigen::Index i = 0; i < z.cols(); ++i) values(i) = log_density(z(0, i));
  }
};

constexpr double shape = 6;
const double exact_mean = std::sqrt(shape) * (1.70611766843180047 - std::log(shape));  // digamma(6)
const double exact_square = [] {
  const double variance = shape * 0.18132295573711532536;  // trigamma(6)
  return variance;
}();

}  // namespace

TEST_CASE("The mixture's density is that of its draws, and integrates to one less what folds") {
  for (const double third : {-0.9, -0.3, 0.4}) {
    SkewedProposal proposal(Eigen::MatrixXd::Constant(1, 1, third), {});
    double mass = 0, first_moment = 0;
    const double step = 0.002;
    for (double z = -60; z < 60; z += step) {
      const double density = std::exp(proposal.log_density(Eigen::VectorXd::Constant(1, z)));
      mass += density * step;
      first_moment += z * density * step;
    }
    Rng rng(3);
    constexpr Eigen::Index count = 96;
    Eigen::MatrixXd draws(1, count);
    Eigen::VectorXd log_density(count);
    double folded = 0, sum = 0, squares = 0;
    constexpr int blocks = 1000;
    for (int block = 0; block < blocks; ++block) {
      folded += proposal.draw(rng, draws, log_density);
      for (Eigen::Index i = 0; i < count; ++i) {
        if (std::isnan(log_density(i))) continue;
        sum += draws(0, i);
        squares += draws(0, i) * draws(0, i);
        if (block == 0) CHECK(log_density(i) == doctest::Approx(proposal.log_density(draws.col(i))).epsilon(1e-9));
      }
    }
    const double n = count * static_cast<double>(blocks);
    CHECK(std::abs(mass + folded / n - 1) < 1e-3 + 4 * std::sqrt(folded) / n);
    CHECK(std::abs(sum / n - first_moment) < 4 * std::sqrt(squares / n / n) + 1e-3);
  }
}

TEST_CASE("In several dimensions the map is inverted to where it came from") {
  // T of Σ_r l_r (a_rᵀ z)³: symmetric in all indices.
  constexpr Eigen::Index d = 4;
  Eigen::MatrixXd packed = Eigen::MatrixXd::Zero(d * (d + 1) / 2, d);
  Rng rng(4);
  for (int r = 0; r < 6; ++r) {
    Eigen::VectorXd a(d);
    for (double& x : a) x = 0.35 * rng.normal();
    Eigen::Index place = 0;
    for (Eigen::Index j = 0; j < d; ++j) {
      for (Eigen::Index i = j; i < d; ++i, ++place)
        packed.row(place) += (r % 2 == 0 ? 1 : -1) * a(i) * a(j) * a.transpose();
    }
  }
  SkewedProposal proposal(packed, {});
  Eigen::MatrixXd draws(d, 90);
  Eigen::VectorXd log_density(90);
  proposal.draw(rng, draws, log_density);
  for (Eigen::Index i = 0; i < 90; ++i) {
    if (!std::isnan(log_density(i)))
      CHECK(log_density(i) == doctest::Approx(proposal.log_density(draws.col(i))).epsilon(1e-9));
  }
}

TEST_CASE("Independence Metropolis draws from a skewed density, and broken variants do not") {
  const LogGamma density{shape};
  const double square = exact_square;
  CHECK(worst_score(run(density, density.proposal(), 20000), exact_mean, square) < 4);
  CHECK(worst_score(run<AcceptsAll>(density, density.proposal(), 20000), exact_mean, square) > 6);
  const WithoutJacobian broken{density.proposal({.share_of_t = 0}), -1 / std::sqrt(shape)};
  CHECK(worst_score(run(density, broken, 20000), exact_mean, square) > 6);
}

TEST_CASE("Draws are the same on any number of cores") {
  const LogGamma density{shape};
  const Draws one = run(density, density.proposal(), 500), three = run(density, density.proposal(), 500, 3);
  CHECK(one.values == three.values);
  CHECK(one.values.row(0) != one.values.row(1));
}

TEST_CASE("A request to stop keeps what is done") {
  struct Slow : LogGamma {
    std::shared_ptr<std::atomic<int>> batches;
    std::stop_source* source;
    void batch(const Eigen::Ref<const Eigen::MatrixXd>& z, Eigen::Ref<Eigen::VectorXd> values) {
      if (++*batches == 40) source->request_stop();
      LogGamma::batch(z, values);
    }
  };
  std::stop_source source;
  Slow density;
  density.shape = shape;
  density.batches = std::make_shared<std::atomic<int>>(0);
  density.source = &source;
  IndependenceSettings settings;
  settings.draws = 100000;
  settings.chains = 1;
  Progress progress(1);
  Eigen::Index recorded = 0;
  const auto record = [&](int, Eigen::Index, const Eigen::VectorXd&, const IndependenceStatistics&) { ++recorded; };
  const auto chains =
      sample_independence(density, density.proposal(), settings, record, progress, KeepGoing{}, source.get_token());
  CHECK(chains[0].iterations == recorded);
  CHECK(recorded > 0);
  CHECK(recorded < settings.draws);
}

TEST_CASE("Bad settings are refused by name, with value and remedy") {
  IndependenceSettings settings;
  settings.block = 97;
  CHECK_THROWS_WITH(settings.validate(), "block is 97; it must be a whole number from 1 to 96.");
}

namespace {

/// A logistic regression whose one predictor separates 15 rows.
std::shared_ptr<const GlmPosterior> separated_rows() {
  Eigen::MatrixXd X(15, 1);
  GlmResponses responses;
  responses.y.resize(15);
  for (Eigen::Index i = 0; i < 15; ++i) {
    X(i, 0) = -1.4 + 0.2 * static_cast<double>(i);
    responses.y(i) = X(i, 0) > 0.1 ? 1 : 0;
  }
  GlmPriors priors;
  priors.intercept = false;
  priors.about = InterceptPrior::AtZero;
  priors.coefficients = {Prior::named("Normal", std::vector<double>{0, 100})};
  return std::make_shared<const GlmPosterior>(
      std::make_shared<const GlmData>(Family::Bernoulli, Link::Logit, X, responses), priors);
}

struct Moments {
  double mean, variance, fold;
};

Moments by_quadrature(FramedGlm density) {
  double mass = 0, mean = 0, square = 0;
  Eigen::MatrixXd z(1, 1);
  Eigen::VectorXd value(1);
  const double step = 0.002;
  for (z(0, 0) = -20; z(0, 0) < 60; z(0, 0) += step) {
    density.batch(z, value);
    const double weight = std::exp(value(0)) * step;
    mass += weight;
    mean += weight * z(0, 0);
    square += weight * z(0, 0) * z(0, 0);
  }
  mean /= mass;
  return {mean, square / mass - mean * mean, 0};
}

}  // namespace

TEST_CASE(
    "Separated rows: the map alone is wrong with nothing to show for it; with the t, a run is right or complains") {
  const FramedGlm density(separated_rows());
  const Moments exact = by_quadrature(density);
  const SkewedProposal alone(density.third_derivatives(), {.share_of_t = 0});
  const Draws wrong = run<WithoutNuts>(density, alone, 20000);
  CHECK(split_rhat(wrong.values) < 1.01);
  CHECK(worst_score(wrong, exact.mean, exact.variance) > 6);
  const Draws mixed = run(density, skewed_proposal(density), 20000);
  const bool complains = !complaint_about(mixed.chains, mixed.values).empty();
  const bool is_right = worst_score(mixed, exact.mean, exact.variance) < 4;
  CHECK((complains || is_right));
  const GlmPilot pilot = pilot_glm(density, 1);
  CHECK_FALSE(pilot.refusal.empty());
}

TEST_CASE("Points without density are no proposals: beyond an edge every draw of the right shape is accepted") {
  const AboveEdge density{1.0};
  const SkewedProposal normal(Eigen::MatrixXd(0, 1), {.share_of_t = 0});
  const IndependencePilot pilot = pilot_independence(density, normal, 3);
  CHECK(pilot.outside == doctest::Approx(0.841).epsilon(0.05));
  CHECK(pilot.acceptance == doctest::Approx(1));
  CHECK(pilot.log_largest_weight == doctest::Approx(0));

  const Draws draws = run(density, normal, 4000);
  for (const IndependenceChain& chain : draws.chains) CHECK(chain.accepted == chain.proposals);
  const double ratio = 0.24197072451914337 / 0.15865525393145707;  // φ(1) / Φ(-1)
  const double variance = 1 + ratio - ratio * ratio;
  CHECK(worst_score(draws, ratio, variance) < 4);
  // Of another edge they would not be.
  const double other = 0.26608524989875482 / 0.18406012534675947;  // 0.9
  CHECK(worst_score(draws, other, 1 + 0.9 * other - other * other) > 6);
}

TEST_CASE("What draws of several moves are worth is foreseen from weights") {
  CHECK(autocorrelation_time(Eigen::Vector3d(5, 5, 5), 1) == doctest::Approx(1));
  // Of two weights the threefold one stays with 1/3.
  const Eigen::Vector2d logarithms(0, std::log(3));
  CHECK(autocorrelation_time(logarithms, 1) == doctest::Approx((1 + 3 * (4.0 / 3) / (2.0 / 3)) / 4));
  CHECK(autocorrelation_time(logarithms, 2) == doctest::Approx((1 + 3 * (10.0 / 9) / (8.0 / 9)) / 4));

  // A label that says nothing of weights, of a normal that is proposed too widely.
  constexpr double width = 1.6;
  constexpr int n = 100000;
  Rng rng(1);
  Eigen::VectorXd log_weights(n), labels(n), uniforms(n);
  for (int i = 0; i < n; ++i) {
    const double x = width * rng.normal();
    log_weights(i) = 0.5 * x * x * (1 / (width * width) - 1);
    labels(i) = rng.coin() ? 1 : -1;
    uniforms(i) = rng.uniform();
  }
  for (const int every : {1, 2}) {
    Eigen::Matrix<double, 4, Eigen::Dynamic, Eigen::RowMajor> chains(4, n / (4 * every));
    int next = 0;
    for (Eigen::Index chain = 0; chain < 4; ++chain) {
      int state = next;
      for (double& draw : chains.row(chain)) {
        for (int move = 0; move < every; ++move, ++next) {
          if (IndependenceRules::accepts(log_weights(next) - log_weights(state), uniforms(next))) state = next;
        }
        draw = labels(state);
      }
    }
    const double measured = static_cast<double>(chains.size()) / ess_mean(chains);
    CHECK(autocorrelation_time(log_weights.head(400), every) == doctest::Approx(measured).epsilon(0.1));
  }
}

TEST_CASE("A quarter of the mixture's proposals are normal, the rest as wide t, and it knows its density") {
  StudentMixture mixture = StudentMixture::with_normal(3);
  const Eigen::Vector3d point(0.3, -2, 4);
  const double squared = point.squaredNorm(), log_normal = -1.5 * std::log(2 * std::acos(-1.0)) - 0.5 * squared;
  const double log_t = StudentMixture(3).log_density(point);
  CHECK(mixture.log_density(point) == doctest::Approx(std::log(0.25 * std::exp(log_normal) + 0.75 * std::exp(log_t))));
  constexpr int n = 40000;
  Rng rng(2);
  Eigen::MatrixXd draws(3, n);
  Eigen::VectorXd log_density(n);
  mixture.draw(rng, draws, log_density);
  CHECK(log_density(7) == mixture.log_density(draws.col(7)));
  const Eigen::ArrayXd squares = draws.colwise().squaredNorm().transpose();  // 3 of a normal, 3 · 8 / 6 of a t
  const double spread = std::sqrt((squares - squares.mean()).square().mean() / n);
  CHECK(std::abs(squares.mean() - (0.25 * 3 + 0.75 * 4)) < 4 * spread);
  CHECK(std::abs(squares.mean() - (0.5 * 3 + 0.5 * 4)) > 6 * spread);
  const Eigen::ArrayXd weights = (-1.5 * std::log(2 * std::acos(-1.0)) - 0.5 * squares - log_density.array()).exp();
  CHECK(std::abs(weights.mean() - 1) < 4 * std::sqrt((weights - weights.mean()).square().mean() / n));
}
