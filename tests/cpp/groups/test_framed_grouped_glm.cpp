// The frame of a grouped GLM is an exact change of variables, and draws have the moments of quadrature.
#include "filbert/groups/framed_grouped_glm.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>
#include <functional>

#include "filbert/density/glm_mode.hpp"
#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/sample.hpp"
#include "grouped_glms.hpp"

using filbert::Family;
using filbert::FramedGroupedGlm;
using filbert::GlmData;
using filbert::GlmPriors;
using filbert::GlmResponses;
using filbert::GroupedGlm;
using filbert::Link;
using filbert::Prior;
using namespace mixed_models;

TEST_CASE("the frame is an exact change of variables, with its slopes") {
  std::uint64_t seed = 0;
  for (const Data& data : every_structure()) {
    const Kind& kind = kinds[seed % kinds.size()];
    GlmPriors priors = priors_of(data, kind);
    if (data.X.cols() > 0 && seed % 2 == 0) priors.coefficients.back() = Prior::half_normal(1);
    if (data.X.cols() > 0 && seed % 2 == 1) priors.coefficients.back() = Prior::student_t(4, 0, 1);
    GroupedGlm posterior = posterior_of(data, kind, priors);
    FramedGroupedGlm framed(posterior);
    const VectorXd u = random_point(framed.dimension(), 1, ++seed);
    VectorXd gradient(u.size());
    const double value = framed(u, gradient);
    check_gradient([&](const VectorXd& x, VectorXd& g) { return framed(x, g); }, u);
    MatrixXd jacobian(u.size(), u.size());
    for (Index i = 0; i < u.size(); ++i) {
      const VectorXd step = 1e-6 * VectorXd::Unit(u.size(), i);
      jacobian.col(i) = (framed.position(u + step) - framed.position(u - step)) / 2e-6;
    }
    const double of_posterior = posterior(framed.position(u), gradient);
    const double by_differences = Eigen::FullPivLU<MatrixXd>(jacobian).matrixLU().diagonal().array().abs().log().sum();
    CHECK(value - by_differences == doctest::Approx(of_posterior).epsilon(1e-5));
    CHECK(framed.user_log_density(u, value) == doctest::Approx(of_posterior).epsilon(1e-10));
  }
}

TEST_CASE("what is remembered of the point that was asked for last changes no number") {
  for (const Data& data : every_structure()) {
    const FramedGroupedGlm fresh(posterior_of(data, kinds[0], priors_of(data, kinds[0])));
    FramedGroupedGlm asked = fresh;
    const VectorXd first = random_point(fresh.dimension(), 1, 1), second = random_point(fresh.dimension(), 1, 2);
    VectorXd gradient(first.size()), expected_gradient(first.size());
    VectorXd draw(fresh.variables()), expected_draw(fresh.variables());
    for (const VectorXd& u : {first, first, second, first}) {
      FramedGroupedGlm own = fresh;
      const double expected = own(u, expected_gradient);
      for (int time = 0; time < 2; ++time) {
        CHECK(asked(u, gradient) == expected);
        CHECK(gradient == expected_gradient);
      }
      FramedGroupedGlm another = fresh;
      another.to_user_scale(u, expected_draw);
      asked.to_user_scale(u, draw);
      CHECK(draw == expected_draw);
      CHECK(asked.user_log_density(u, expected) == another.user_log_density(u, expected));
    }
  }
}

TEST_CASE("an evaluation allocates nothing, with one factor and with several") {
  for (const Shape& shape : {Shape{}, Shape{.n_groups = {7, 4}, .terms = {{0, 2}, {1, 1}}}}) {
    const Data data = make_data(shape, 1);
    FramedGroupedGlm framed(posterior_of(data, kinds[0], priors_of(data, kinds[0])));
    const VectorXd u = VectorXd::Zero(framed.dimension());
    VectorXd gradient(u.size());
    Eigen::internal::set_is_malloc_allowed(false);
    framed(u, gradient);
    Eigen::internal::set_is_malloc_allowed(true);
  }
}

namespace {

struct Run {
  MatrixXd draws;
  Index divergences = 0;
};

template <typename Density>
Run sample(const Density& density, Index draws, std::uint64_t seed) {
  filbert::SampleSettings settings{.draws = draws, .tune = 200, .chains = 4, .cores = 1, .seed = seed};
  Run run{MatrixXd(density.variables(), 4 * draws), 0};
  MatrixXd positions(density.dimension(), 4 * draws);
  filbert::Progress progress(4);
  const auto record = [&](int chain, Index iteration, const VectorXd& position, const filbert::TransitionStatistics&) {
    if (iteration >= settings.tune) positions.col(chain * draws + iteration - settings.tune) = position;
  };
  filbert::sample(density, settings, record, progress);
  for (int chain = 0; chain < 4; ++chain) run.divergences += progress[chain].divergences.load();
  Density own = density;
  own.to_user_scale(positions, run.draws);
  return run;
}

double z_score(const Run& run, const std::function<double(const VectorXd&)>& of, double truth) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Index n = run.draws.cols() / 4;
  Rows values = Rows::Zero(4, n);
  for (Index i = 0; i < run.draws.cols(); ++i) values(i / n, i % n) = of(run.draws.col(i));
  const double mean = values.mean();
  const double sd = std::sqrt((values.array() - mean).square().mean());
  return (mean - truth) / (sd / std::sqrt(filbert::ess_mean(values)));
}

using Statistics = std::vector<std::function<double(const VectorXd&)>>;

/// Of (intercept, deviation), with which a draw begins; smooth, so that the grid below integrates them.
const Statistics statistics = {
    [](const VectorXd& d) { return d(0); },           [](const VectorXd& d) { return d(0) * d(0); },
    [](const VectorXd& d) { return d(1); },           [](const VectorXd& d) { return d(1) * d(1); },
    [](const VectorXd& d) { return std::log(d(1)); }, [](const VectorXd& d) { return std::exp(-4 * d(1)); }};

/// `y ~ 1 + (1 | g)` with few binary rows a group: each effect by the trapezoid rule, the other two on a grid. `power` of the deviation is
/// what a density would have wrong.
std::vector<double> quadrature(const std::vector<std::pair<int, int>>& ones_of_rows, double power) {
  std::vector<double> sums(statistics.size(), 0.0);
  double total = 0;
  VectorXd point(2);
  for (double intercept = -5; intercept < 4; intercept += 0.06) {
    for (double logarithm = -9; logarithm < 2.2; logarithm += 0.06) {
      const double deviation = std::exp(logarithm);
      double value = Prior::normal(0, 1.5)(intercept).value + Prior::half_normal(1)(deviation).value + logarithm;
      for (const auto& [ones, rows] : ones_of_rows) {
        double integral = 0;
        for (double v = -7; v <= 7; v += 0.2) {
          const double eta = intercept + deviation * v;
          integral += std::exp(ones * eta - rows * std::log1p(std::exp(eta)) - 0.5 * v * v);
        }
        value += std::log(integral);
      }
      const double mass = std::exp(value + power * logarithm + 30);
      total += mass;
      point << intercept, deviation;
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += mass * statistics[k](point);
    }
  }
  for (double& sum : sums) sum /= total;
  return sums;
}

}  // namespace

TEST_CASE("few binary rows a group: draws have the moments of quadrature, and a lost determinant would be noticed") {
  Data data;
  const Index groups = 12;
  std::vector<std::pair<int, int>> counts;
  std::vector<double> y;
  std::vector<std::int64_t> codes;
  for (Index g = 0; g < groups; ++g) {
    const int rows = 2 + static_cast<int>(g % 4), ones = static_cast<int>(g * g) % (rows + 1);
    counts.emplace_back(ones, rows);
    for (int r = 0; r < rows; ++r) {
      y.push_back(r < ones ? 1 : 0);
      codes.push_back(g);
    }
  }
  const Index n = static_cast<Index>(y.size());
  data.structure = {{groups}, {{0, 1}}};
  data.X.resize(n, 0);
  data.Z = {MatrixXd::Ones(n, 1)};
  data.codes = {Eigen::Map<const Codes>(codes.data(), n)};
  GlmResponses responses;
  responses.y = Eigen::Map<const VectorXd>(y.data(), n);
  GlmPriors priors;
  priors.coefficients = {Prior::normal(0, 1.5)};
  const auto rows = std::make_shared<const GlmData>(Family::Bernoulli, Link::Logit, data.X, responses);
  const FramedGroupedGlm framed(GroupedGlm(rows, design_of(data), priors, terms_of(data)));
  const Run run = sample(framed, 10000, 3);
  CHECK(run.divergences == 0);
  const auto largest = [&](const std::vector<double>& truth) {
    double result = 0;
    for (std::size_t k = 0; k < truth.size(); ++k) {
      result = std::max(result, std::abs(z_score(run, statistics[k], truth[k])));
    }
    return result;
  };
  CHECK(largest(quadrature(counts, 0)) < 4);
  CHECK(largest(quadrature(counts, 1)) > 5);      // the Jacobian of the line counted twice
  CHECK(largest(quadrature(counts, -0.25)) > 5);  // a part of it lost
}

TEST_CASE("separated responses without a prior are refused") {
  const Data data = make_data({.n = 40, .p = 1}, 5);
  GlmResponses responses;
  responses.y = (data.X.col(0).array() > 3).cast<double>();
  GlmPriors priors;
  priors.coefficients.assign(2, Prior::flat());
  const auto rows = std::make_shared<const GlmData>(Family::Bernoulli, Link::Logit, data.X, responses);
  CHECK_THROWS_AS(FramedGroupedGlm(GroupedGlm(rows, design_of(data), priors, terms_of(data))), filbert::NoMode);
}
