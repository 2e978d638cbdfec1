// The density of a grouped GLM is the obvious sum, its frame an exact change of variables, and draws have the moments of quadrature.
#include "filbert/groups/framed_grouped_glm.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>
#include <functional>

#include "filbert/density/glm_mode.hpp"
#include "filbert/draws/diagnostics.hpp"
#include "filbert/sampler/sample.hpp"
#include "mixed_models.hpp"

using filbert::Family;
using filbert::FramedGroupedGlm;
using filbert::GlmData;
using filbert::GlmPriors;
using filbert::GlmResponses;
using filbert::GroupedDesign;
using filbert::GroupedGlm;
using filbert::Link;
using filbert::Prior;
using filbert::TermModel;
using namespace mixed_models;

namespace {

struct Kind {
  Family family;
  Link link;
  std::vector<filbert::AuxiliaryPrior> auxiliaries;
};

const std::vector<Kind> kinds = {
    {Family::Bernoulli, Link::Logit, {}}, {Family::Binomial, Link::Probit, {}},
    {Family::Poisson, Link::Log, {}},     {Family::NegativeBinomial, Link::Log, {Prior::half_normal(5)}},
    {Family::Gamma, Link::Log, {2.0}},    {Family::Gaussian, Link::Identity, {Prior::half_normal(5)}},
};

/// A response that suits the family, around the groups of the first factor.
GlmResponses responses_of(const Data& data, Family family, bool weighted, std::uint64_t seed) {
  filbert::Rng rng(seed, 9);
  GlmResponses result;
  const Index n = data.y.size();
  result.y.resize(n);
  if (family == Family::Binomial) result.trials.resize(n);
  for (Index i = 0; i < n; ++i) {
    const double eta = 0.05 * data.X.row(i).sum() - 0.5 + std::sin(static_cast<double>(data.codes[0](i)));
    const double mean = std::exp(0.7 * eta), share = 1 / (1 + std::exp(-eta));
    if (family == Family::Binomial) result.trials(i) = static_cast<double>(1 + i % 6);
    switch (family) {
      case Family::Bernoulli:
        result.y(i) = rng.uniform() < share ? 1 : 0;
        break;
      case Family::Binomial:
        result.y(i) = std::floor(result.trials(i) * (share + rng.uniform()) / 2);
        break;
      case Family::Poisson:
      case Family::NegativeBinomial:
        result.y(i) = std::floor(2 * mean * rng.uniform());
        break;
      case Family::Gamma:
        result.y(i) = mean * (0.2 - std::log(rng.uniform()));
        break;
      default:
        result.y(i) = eta + rng.normal();
    }
  }
  if (weighted) {
    result.weights = data.weights;
    result.offset = 0.3 * data.offset;
  }
  return result;
}

std::shared_ptr<const GroupedDesign> design_of(const Data& data) {
  std::vector<std::optional<filbert::RowsRef>> Z;
  for (const MatrixXd& z : data.Z) Z.emplace_back(filbert::RowsRef(z));
  std::vector<filbert::CodesRef> codes;
  for (const Codes& code : data.codes) codes.emplace_back(code);
  return std::make_shared<const GroupedDesign>(data.structure, Z, codes);
}

GlmPriors priors_of(const Data& data, const Kind& kind) {
  GlmPriors priors;
  priors.coefficients.assign(static_cast<std::size_t>(data.X.cols() + 1), Prior::normal(0, 2));
  priors.auxiliaries = kind.auxiliaries;
  return priors;
}

std::vector<TermModel> terms_of(const Data& data, bool correlated = true) {
  std::vector<TermModel> terms;
  for (const filbert::GroupTerm& term : data.structure.terms) {
    TermModel one{correlated, {}, 2};
    one.deviations.assign(static_cast<std::size_t>(term.columns), {Prior::half_normal(1)});
    terms.push_back(one);
  }
  return terms;
}

GroupedGlm posterior_of(const Data& data, const Kind& kind, const GlmPriors& priors, bool weighted = false) {
  const auto rows =
      std::make_shared<const GlmData>(kind.family, kind.link, data.X, responses_of(data, kind.family, weighted, 1));
  return GroupedGlm(rows, design_of(data), priors, terms_of(data));
}

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

/// Log likelihood and priors of a draw, row by row, as anyone would write them; the effects' normals by dense covariances.
double naive(const Data& data, const Kind& kind, const GlmPriors& priors, const GlmResponses& responses,
             const VectorXd& draw) {
  const Index p = data.X.cols();
  double value = 0;
  for (Index k = 1; k <= p; ++k) value += priors.coefficients[at(k)](draw(k)).value;
  double at_means = draw(0), total = 0;
  VectorXd means = VectorXd::Zero(p);
  for (Index i = 0; i < data.y.size(); ++i) {
    const double w = responses.weights.size() > 0 ? responses.weights(i) : 1.0;
    means += w * data.X.row(i).transpose();
    total += w;
  }
  at_means += draw.segment(1, p).dot(means) / total;
  value += priors.coefficients[0](priors.about == filbert::InterceptPrior::AtMeans ? at_means : draw(0)).value;
  Index next = p + 1;
  VectorXd auxiliaries = VectorXd::Ones(1);
  for (const filbert::AuxiliaryPrior& prior : kind.auxiliaries) {
    auxiliaries(0) = std::holds_alternative<double>(prior) ? std::get<double>(prior) : draw(next);
    if (!std::holds_alternative<Prior>(prior)) continue;
    value += std::get<Prior>(prior)(draw(next++)).value;
  }
  Index effect = next;
  for (const filbert::GroupTerm& term : data.structure.terms) {
    effect += term.columns + term.columns * (term.columns - 1) / 2;
  }
  VectorXd eta = data.X * draw.segment(1, p) + VectorXd::Constant(data.y.size(), draw(0));
  if (responses.offset.size() > 0) eta += responses.offset;
  for (std::size_t t = 0; t < data.structure.terms.size(); ++t) {
    const Index q = data.structure.terms[t].columns, groups = data.structure.groups(data.structure.terms[t].factor);
    MatrixXd covariance = draw.segment(next, q).asDiagonal();
    MatrixXd correlation = MatrixXd::Identity(q, q);
    for (Index k = 0; k < q; ++k) value += Prior::half_normal(1)(draw(next + k)).value;
    next += q;
    for (Index a = 0; a < q; ++a) {
      for (Index b = a + 1; b < q; ++b) correlation(a, b) = correlation(b, a) = draw(next++);
    }
    covariance = covariance * correlation * covariance;
    const Codes& codes = data.codes[at(data.structure.terms[t].factor)];
    const Eigen::Map<const MatrixXd> effects(draw.data() + effect, groups, q);
    for (Index g = 0; g < groups; ++g) {
      value += log_normal(effects.row(g).transpose(), covariance.cast<long double>());
    }
    for (Index i = 0; i < eta.size(); ++i) eta(i) += data.Z[t].row(i).dot(effects.row(codes(i)));
    effect += groups * q;
  }
  const GlmData rows(kind.family, kind.link, data.X, responses);
  VectorXd of_rows(eta.size());
  rows.single(eta, auxiliaries, {.value = of_rows.data()});
  for (Index i = 0; i < eta.size(); ++i) {
    const double trials = responses.trials.size() > 0 ? responses.trials(i) : 1.0;
    const double w = rows.weight(i);
    if (w > 0) value += w * (of_rows(i) + filbert::row_constant(kind.family, responses.y(i), trials));
  }
  return value;
}

/// log |d draw / d position| without the correlations, by their maps: what the naive density lacks.
double log_jacobian(const Data& data, const GroupedGlm& posterior, const VectorXd& position, const VectorXd& draw,
                    const Kind& kind) {
  const Index p = data.X.cols();
  double value = -posterior.data().scale().array().log().sum();
  Index next = p + 1;
  for (const filbert::AuxiliaryPrior& prior : kind.auxiliaries) {
    if (std::holds_alternative<Prior>(prior)) value += std::log(draw(next++));
  }
  Index coordinate = 0;
  for (std::size_t t = 0; t < data.structure.terms.size(); ++t) {
    const Index q = data.structure.terms[t].columns;
    const double groups = static_cast<double>(data.structure.groups(data.structure.terms[t].factor));
    for (Index k = 0; k < q; ++k) value += (1 + groups) * std::log(draw(next++));  // of the line, and of b = Λ v
    coordinate += q;
    filbert::EffectCovariance covariance(q, true, 2);
    const Index n = q * (q - 1) / 2;
    const VectorXd w = position.segment(coordinate, n);
    VectorXd slopes = VectorXd::Zero(n);
    value += covariance.lkj(w, slopes);
    MatrixXd factor(q, q);
    covariance.factor(VectorXd::Ones(q), w, factor);
    value += groups * factor.diagonal().array().log().sum();
    coordinate += n;
    next += n;
  }
  return value;
}

void check_gradient(const std::function<double(const VectorXd&, VectorXd&)>& density, const VectorXd& position) {
  VectorXd gradient(position.size()), unused(position.size());
  density(position, gradient);
  for (Index i = 0; i < position.size(); ++i) {
    const VectorXd step = 1e-5 * VectorXd::Unit(position.size(), i);
    const double slope = (density(position + step, unused) - density(position - step, unused)) / 2e-5;
    CHECK(std::abs(gradient(i) - slope) < 1e-6 * (1 + gradient.norm()));
  }
}

VectorXd random_point(Index size, double spread, std::uint64_t seed) {
  filbert::Rng rng(seed, 2);
  VectorXd point(size);
  for (double& coordinate : point) coordinate = spread * rng.normal();
  return point;
}

}  // namespace

TEST_CASE(
    "the density is the sum over rows with dense normals of the effects, for every structure and kind of response") {
  std::uint64_t seed = 0;
  bool weighted = false;
  for (const Data& data : every_structure()) {
    for (const Kind& kind : kinds) {
      GlmPriors priors = priors_of(data, kind);
      if (seed % 3 == 1) priors.about = filbert::InterceptPrior::AtZero;
      GroupedGlm posterior = posterior_of(data, kind, priors, weighted);
      const VectorXd position = random_point(posterior.dimension(), 0.5, ++seed);
      VectorXd gradient(position.size()), draw(posterior.parameters() + posterior.effects());
      const double value = posterior(position, gradient);
      posterior.to_user_scale(position, draw);
      const double expected = naive(data, kind, priors, responses_of(data, kind.family, weighted, 1), draw) +
                              log_jacobian(data, posterior, position, draw, kind);
      CHECK(value == doctest::Approx(expected).epsilon(1e-9));
      check_gradient([&](const VectorXd& x, VectorXd& g) { return posterior(x, g); }, position);
    }
    weighted = !weighted;
  }
}

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
  Rows values(4, n);
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
