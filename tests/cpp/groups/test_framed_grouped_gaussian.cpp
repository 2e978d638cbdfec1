// The frame is an exact change of variables, NUTS in it does not diverge, and its draws have the moments of quadrature.
#include "filbert/groups/framed_grouped_gaussian.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <array>
#include <cmath>
#include <functional>

#include "effective_share.hpp"
#include "filbert/draws/diagnostics.hpp"
#include "filbert/groups/profile.hpp"
#include "filbert/sampler/sample.hpp"
#include "filbert/sampler/student_mixture.hpp"
#include "mixed_models.hpp"

using filbert::FramedGroupedGaussian;
using filbert::GroupedGaussian;
using filbert::GroupedModel;
using filbert::Prior;
using namespace mixed_models;

namespace {

/// One factor, an intercept, groups of equal size.
Data one_way(const std::vector<double>& y, Index groups) {
  Data data;
  const Index n = static_cast<Index>(y.size());
  data.structure = {{groups}, {{0, 1}}};
  data.X.resize(n, 0);
  data.y = Eigen::Map<const VectorXd>(y.data(), n);
  data.Z = {MatrixXd::Ones(n, 1)};
  data.codes = {Codes(n)};
  for (Index i = 0; i < n; ++i) data.codes[0](i) = i / (n / groups);
  data.weights = VectorXd::Ones(n);
  data.offset = VectorXd::Zero(n);
  return data;
}

// Davies and Goldsmith (1972): yield of dyestuff in six batches. Box and Tiao (1973): made up, with no variance between batches.
const std::vector<double> dyestuff = {1545, 1440, 1440, 1520, 1580, 1540, 1555, 1490, 1560, 1495,
                                      1595, 1550, 1605, 1510, 1560, 1445, 1440, 1595, 1465, 1545,
                                      1595, 1630, 1515, 1635, 1625, 1520, 1455, 1450, 1480, 1445};
const std::vector<double> dyestuff2 = {7.298, 3.846,  2.434,  9.566, 7.990, 5.220, 6.556, 0.608, 11.788, -0.892,
                                       0.110, 10.386, 13.434, 5.510, 8.166, 2.212, 4.852, 7.092, 9.288,  4.980,
                                       0.282, 9.014,  4.458,  9.446, 7.198, 1.722, 4.782, 8.106, 0.758,  3.758};
const std::vector<double> three_groups = {0.3,  -1.1, 0.8,  0.2, -0.4, 0.1, 1.2, -0.7,
                                          -0.2, 0.5,  -0.9, 0.6, 0.4,  0.0, -0.3};

GroupedModel one_way_model(double scale, const Prior& intercept) {
  GroupedModel model;
  model.coefficient_priors = {intercept};
  model.sigma.prior = Prior::half_cauchy(scale);
  model.terms = {{false, {{Prior::half_cauchy(scale)}}, 1}};
  return model;
}

struct Run {
  MatrixXd draws;  // (variables, chains * draws)
  Index divergences = 0;
  Index chains = 4;
};

Run sample(const FramedGroupedGaussian& density, Index draws, std::uint64_t seed, int cores = 1) {
  filbert::SampleSettings settings{.draws = draws, .tune = 200, .chains = 4, .cores = cores, .seed = seed};
  Run run{MatrixXd(density.variables(), 4 * draws), 0, 4};
  MatrixXd positions(density.dimension(), 4 * draws);
  filbert::Progress progress(4);
  const auto record = [&](int chain, Index iteration, const VectorXd& position, const filbert::TransitionStatistics&) {
    if (iteration >= settings.tune) positions.col(chain * draws + iteration - settings.tune) = position;
  };
  filbert::sample(density, settings, record, progress);
  for (int chain = 0; chain < 4; ++chain) run.divergences += progress[chain].divergences.load();
  FramedGroupedGaussian own = density;
  own.to_user_scale(positions, run.draws);
  return run;
}

/// How far the mean of a function of the draws is from its true value, in Monte Carlo standard errors.
double z_score(const Run& run, const std::function<double(const VectorXd&)>& of, double truth) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Index n = run.draws.cols() / run.chains;
  Rows values(run.chains, n);
  for (Index i = 0; i < run.draws.cols(); ++i) values(i / n, i % n) = of(run.draws.col(i));
  const double mean = values.mean();
  const double sd = std::sqrt((values.array() - mean).square().mean());
  return (mean - truth) / (sd / std::sqrt(filbert::ess_mean(values)));
}

/// Means of σ, the deviation, their squares, the log deviation and an indicator, by the trapezoid rule on the line; `change` is
/// added to the log density at (deviation, σ).
std::array<double, 6> quadrature(const Data& data, const GroupedModel& model,
                                 const std::function<double(double, double)>& change) {
  GroupedGaussian posterior(data.summary(), model);
  const VectorXd centre = posterior.starts().front();
  double highest = -1e300;
  std::vector<std::array<double, 3>> points;
  for (double s = -14; s < 5; s += 0.04) {
    for (double r = -2; r < 3; r += 0.02) {
      const VectorXd position = (VectorXd(2) << centre(0) + s, centre(1) + r).finished();
      const VectorXd values = posterior.values(position);
      const double at = posterior.value(position) + change(values(0), values(1));
      points.push_back({at, values(0), values(1)});
      highest = std::max(highest, at);
    }
  }
  std::array<double, 6> sums{};
  double total = 0;
  for (const auto& [at, deviation, sigma] : points) {
    const double mass = std::exp(at - highest);
    total += mass;
    const std::array<double, 6> terms = {sigma,
                                         deviation,
                                         std::sqrt(sigma),
                                         std::sqrt(deviation),
                                         std::log(deviation),
                                         deviation < 0.3 * sigma ? 1.0 : 0.0};
    for (std::size_t k = 0; k < 6; ++k) sums[k] += mass * terms[k];
  }
  for (double& sum : sums) sum /= total;
  return sums;
}

std::array<double, 6> z_scores(const Run& run, const std::array<double, 6>& truth) {
  return {z_score(
              run, [](const VectorXd& draw) { return draw(1); }, truth[0]),
          z_score(
              run, [](const VectorXd& draw) { return draw(2); }, truth[1]),
          z_score(
              run, [](const VectorXd& draw) { return std::sqrt(draw(1)); }, truth[2]),
          z_score(
              run, [](const VectorXd& draw) { return std::sqrt(draw(2)); }, truth[3]),
          z_score(
              run, [](const VectorXd& draw) { return std::log(draw(2)); }, truth[4]),
          z_score(run, [](const VectorXd& draw) { return draw(2) < 0.3 * draw(1) ? 1.0 : 0.0; }, truth[5])};
}

double largest(const std::array<double, 6>& z) {
  double result = 0;
  for (const double value : z) result = std::max(result, std::abs(value));
  return result;
}

}  // namespace

TEST_CASE("the density in the frame is that of the posterior times the Jacobian, with its slopes") {
  for (const Data& data : every_structure()) {
    GroupedModel model = weakly_informed(data, true);
    model.coefficient_priors.back() = Prior::student_t(4, 0, 2);
    GroupedGaussian posterior(data.summary(), model);
    FramedGroupedGaussian framed(posterior);
    filbert::Rng rng(4, 0);
    VectorXd u(framed.dimension()), gradient(u.size()), unused(u.size());
    for (int k = 0; k < 3; ++k) {
      for (double& coordinate : u) coordinate = rng.normal();
      const double value = framed(u, gradient);
      CHECK(framed.value(u) == doctest::Approx(value).epsilon(1e-12));
      for (Index i = 0; i < u.size(); ++i) {
        const VectorXd step = 1e-5 * VectorXd::Unit(u.size(), i);
        const double slope = (framed(u + step, unused) - framed(u - step, unused)) / 2e-5;
        CHECK(std::abs(gradient(i) - slope) < 1e-5 * (1 + gradient.norm()));
      }
      // log |d position / du| by differences, through the user's log density.
      MatrixXd jacobian(u.size(), u.size());
      for (Index i = 0; i < u.size(); ++i) {
        const VectorXd step = 1e-6 * VectorXd::Unit(u.size(), i);
        jacobian.col(i) = (framed.position(u + step) - framed.position(u - step)) / 2e-6;
      }
      const double log_jacobian = std::log(std::abs(jacobian.determinant()));
      CHECK(value - log_jacobian == doctest::Approx(posterior.value(framed.position(u))).epsilon(1e-6));
      CHECK(framed.user_log_density(u, value) == doctest::Approx(posterior.value(framed.position(u))).epsilon(1e-10));
    }
  }
}

TEST_CASE("a gradient in the frame allocates nothing") {
  const Data data = make_data({.n_groups = {7, 4}, .terms = {{0, 2}, {1, 1}}}, 1);
  FramedGroupedGaussian framed(GroupedGaussian(data.summary(), weakly_informed(data, true)));
  const VectorXd u = VectorXd::Zero(framed.dimension());
  VectorXd gradient(u.size());
  Eigen::internal::set_is_malloc_allowed(false);
  framed(u, gradient);
  Eigen::internal::set_is_malloc_allowed(true);
}

TEST_CASE("one-way draws have the moments of quadrature, and broken densities would be noticed") {
  struct Case {
    Data data;
    GroupedModel model;
  };
  const std::vector<Case> cases = {{one_way(dyestuff, 6), one_way_model(100, Prior::normal(1500, 500))},
                                   {one_way(dyestuff2, 6), one_way_model(5, Prior::normal(5, 10))},
                                   {one_way(three_groups, 3), one_way_model(1, Prior::normal(0, 2))}};
  std::uint64_t seed = 0;
  for (const Case& one : cases) {
    const FramedGroupedGaussian framed(GroupedGaussian(one.data.summary(), one.model));
    const Run run = sample(framed, 10000, ++seed);
    CHECK(run.divergences == 0);
    CHECK(largest(z_scores(run, quadrature(one.data, one.model, [](double, double) { return 0.0; }))) < 4);
    const auto one_row_more = [](double, double sigma) { return -std::log(sigma); };
    CHECK(largest(z_scores(run, quadrature(one.data, one.model, one_row_more))) > 5);
    const double n = static_cast<double>(one.data.y.size()) / static_cast<double>(one.data.structure.groups(0));
    const double groups = static_cast<double>(one.data.structure.groups(0));
    const auto part_of_determinant = [=](double deviation, double sigma) {  // 10 % of Σ log |V_g| with σ² taken out
      return 0.05 * groups * std::log1p(n * deviation * deviation / (sigma * sigma));
    };
    CHECK(largest(z_scores(run, quadrature(one.data, one.model, part_of_determinant))) > 5);
  }
}

// Correlations with a slope whose deviation is close to 0 bend the posterior: there a few in ten thousand still diverge.
TEST_CASE("no seed diverges after a short warm-up: few groups, no variance, independent slopes, nested and crossed") {
  std::vector<FramedGroupedGaussian> framed;
  framed.emplace_back(GroupedGaussian(one_way(dyestuff, 6).summary(), one_way_model(100, Prior::normal(1500, 500))));
  framed.emplace_back(GroupedGaussian(one_way(dyestuff2, 6).summary(), one_way_model(5, Prior::normal(5, 10))));
  framed.emplace_back(GroupedGaussian(one_way(three_groups, 3).summary(), one_way_model(1, Prior::normal(0, 2))));
  for (const Data& data : every_structure()) {
    GroupedModel model = weakly_informed(data, true);
    for (filbert::TermModel& term : model.terms) term.correlated = false;
    framed.emplace_back(GroupedGaussian(data.summary(), model));
  }
  for (const std::uint64_t seed : {1, 2, 3}) {  // of two groups the deviation reaches as far as its prior lets it
    const Data data = make_data({.n_groups = {12, 2}, .terms = {{0, 1}, {1, 1}}}, seed);
    GroupedModel model = weakly_informed(data, true);
    for (filbert::TermModel& term : model.terms) term.deviations = {{Prior::half_normal(10)}};
    framed.emplace_back(GroupedGaussian(data.summary(), model));
  }
  for (const FramedGroupedGaussian& density : framed) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) CHECK(sample(density, 1000, seed).divergences == 0);
  }
}

TEST_CASE("a ridge between a plateau and a cliff rises above neither") {
  const filbert::Ridge ridge({{0, 0, 0}, {3, -100, -500}, {4, -700, -700}});
  for (double at = 0; at < 4; at += 0.01) CHECK(ridge(at) <= 0);
  CHECK(ridge(3) == doctest::Approx(-100));
}

TEST_CASE("draws do not depend on the number of cores, and effects left out can be drawn later") {
  const Data data = make_data({.n_groups = {7, 4}, .terms = {{0, 2}, {1, 1}}}, 2);
  const GroupedGaussian posterior(data.summary(), weakly_informed(data, true));
  const FramedGroupedGaussian framed(posterior, {.with_effects = true, .seed = 5});
  const Run run = sample(framed, 50, 3);
  CHECK(sample(framed, 50, 3, 4).draws == run.draws);
  FramedGroupedGaussian without(posterior, {.with_effects = false, .seed = 5});
  const Run parameters = sample(without, 50, 3);
  CHECK(parameters.draws == run.draws.topRows(posterior.parameters()));
  MatrixXd effects(posterior.effects(), 200);
  without.draw_effects(parameters.draws, effects);
  CHECK(effects == run.draws.bottomRows(posterior.effects()));
  const FramedGroupedGaussian other(posterior, {.with_effects = true, .seed = 6});
  CHECK(sample(other, 50, 3).draws != run.draws);
}

TEST_CASE(
    "proposals of a heavy-tailed t are worth at least half as many draws of one-way models, and weigh them rightly") {
  const Data data = one_way(dyestuff2, 6);
  const GroupedModel model = one_way_model(5, Prior::normal(5, 10));
  FramedGroupedGaussian framed(GroupedGaussian(data.summary(), model));
  filbert::StudentMixture proposal(2);
  constexpr Index n = 20000;
  MatrixXd points(2, n);
  VectorXd proposed(n), density(n);
  filbert::Rng rng(1, 0);
  proposal.draw(rng, points, proposed);
  framed.batch(points, density);
  CHECK(framed.value(points.col(3)) == density(3));
  const VectorXd log_weights = density - proposed;
  CHECK(filbert::effective_share(log_weights) > 0.5);
  MatrixXd draws(framed.variables(), n);
  framed.to_user_scale(points, draws);
  const VectorXd weights = (log_weights.array() - log_weights.maxCoeff()).exp();
  const std::array<double, 6> truth = quadrature(data, model, [](double, double) { return 0.0; });
  const VectorXd deviations = draws.row(2);
  const double mean = weights.dot(deviations) / weights.sum();
  const double error = (weights.array() * (deviations.array() - mean)).matrix().norm() / weights.sum();
  CHECK(std::abs(mean - truth[1]) < 4 * error);
  const double unweighted = deviations.mean();
  CHECK(std::abs(unweighted - truth[1]) > 4 * error);
}

TEST_CASE("deviations that nothing keeps from growing are refused") {
  GroupedModel model = one_way_model(1, Prior::flat());
  model.terms[0].deviations[0].prior = Prior::half_flat();
  const std::vector<double> two_groups(three_groups.begin(), three_groups.begin() + 10);
  CHECK_THROWS_AS(FramedGroupedGaussian(GroupedGaussian(one_way(two_groups, 2).summary(), model)),
                  filbert::ImproperPosterior);
  CHECK_NOTHROW(FramedGroupedGaussian(GroupedGaussian(one_way(dyestuff, 6).summary(), model)));
}
