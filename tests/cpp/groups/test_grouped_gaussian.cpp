// The marginal posterior is the dense normal one with the priors, for every structure and prior; draws given θ are exact.
#include "filbert/groups/grouped_gaussian.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>
#include <numbers>

#include "mixed_models.hpp"

using filbert::GroupedGaussian;
using filbert::GroupedModel;
using filbert::InterceptPrior;
using filbert::Prior;
using namespace mixed_models;

namespace {

GroupedModel model_of(const Data& data, const Prior& coefficient = Prior::normal(0.5, 3),
                      const Prior& scale = Prior::half_cauchy(2)) {
  GroupedModel model;
  model.coefficient_priors.assign(static_cast<std::size_t>(data.X.cols() + 1), coefficient);
  model.sigma.prior = scale;
  for (const filbert::GroupTerm& term : data.structure.terms) {
    filbert::TermModel one{term.columns > 1, {}, 2};
    for (Index j = 0; j < term.columns; ++j) one.deviations.push_back({scale});
    model.terms.push_back(one);
  }
  return model;
}

/// Λ of each factor, σ and the coefficients in the position, from the values of a position.
struct Theta {
  std::vector<MatrixXd> factors;
  double sigma = 1;
  VectorXd sampled;
  double log_prior = 0;  ///< with LKJ on w and Jacobians of logarithms; scales are on (0, inf)
};

Theta theta_of(const Data& data, const GroupedModel& model, const VectorXd& values) {
  Theta theta;
  Index next = 0;
  const auto scale = [&](const filbert::ScalePrior& prior) {
    if (prior.fixed) return *prior.fixed;
    const double value = values(next++);
    theta.log_prior += prior.prior(value).value + std::log(value);
    return value;
  };
  for (Index f = 0; f < data.structure.factors(); ++f) {
    theta.factors.push_back(MatrixXd::Zero(data.structure.effects(f), data.structure.effects(f)));
  }
  for (std::size_t t = 0; t < model.terms.size(); ++t) {
    const filbert::GroupTerm& term = data.structure.terms[t];
    const filbert::EffectCovariance covariance(term.columns, model.terms[t].correlated, model.terms[t].lkj_eta);
    VectorXd deviations(term.columns);
    for (Index j = 0; j < term.columns; ++j)
      deviations(j) = scale(model.terms[t].deviations[static_cast<std::size_t>(j)]);
    const VectorXd w = values.segment(next, covariance.correlations());
    next += w.size();
    VectorXd unused = VectorXd::Zero(w.size());
    theta.log_prior += covariance.lkj(w, unused);
    MatrixXd factor(term.columns, term.columns);
    covariance.factor(deviations, w, factor);
    const Index first = data.structure.first_column(static_cast<Index>(t));
    theta.factors[static_cast<std::size_t>(term.factor)].block(first, first, term.columns, term.columns) = factor;
  }
  theta.sigma = scale(model.sigma);
  theta.sampled = values.tail(values.size() - next);
  return theta;
}

/// What the coefficients are given θ, by dense matrices, and the log density of θ with those of Gaussian priors integrated out.
struct DensePosterior {
  double log_density = 0;
  VectorXd mean;
  MatrixXd covariance;  // of the coefficients integrated out
  std::vector<Index> integrated;
};

DensePosterior dense_posterior(const Data& data, const GroupedModel& model, const Theta& theta) {
  const Marginal rows = marginal(data, theta.factors, theta.sigma);
  const Index first = model.intercept ? 1 : 0;
  MatrixXd design(data.y.size(), data.X.cols() + first);
  design.rightCols(data.X.cols()) = data.X;
  if (model.intercept) design.col(0).setOnes();
  const LongMatrix X = design(rows.counted, Eigen::all).cast<long double>();
  LongVector y = (data.y - data.offset)(rows.counted).cast<long double>();

  DensePosterior result;
  MatrixXd combination = MatrixXd::Identity(design.cols(), design.cols());
  if (model.intercept && model.about == InterceptPrior::AtMeans) {
    combination.row(0).tail(data.X.cols()) = (data.X.transpose() * data.weights / data.weights.sum()).transpose();
  }
  LongVector known = LongVector::Zero(design.cols());
  Index next = 0;
  for (Index k = 0; k < design.cols(); ++k) {
    if (model.coefficient_priors[static_cast<std::size_t>(k)].is_gaussian()) {
      result.integrated.push_back(k);
    } else {
      known(k) = theta.sampled(next++);
    }
  }
  // A sampled intercept is that at the means where its prior is.
  if (known(0) != 0 && model.intercept && model.about == InterceptPrior::AtMeans) {
    CHECK(result.integrated.size() == 0);
    known(0) -= combination.row(0).tail(data.X.cols()).cast<long double>().dot(known.tail(data.X.cols()));
  }
  y -= X * known;
  const LongMatrix inverse = rows.covariance.inverse();
  const LongMatrix M = X(Eigen::all, result.integrated);
  LongMatrix A = M.transpose() * inverse * M;
  LongVector b = M.transpose() * inverse * y;
  const Eigen::LLT<LongMatrix> cholesky(rows.covariance);
  long double value = -cholesky.matrixLLT().diagonal().array().log().sum() - 0.5L * y.dot(inverse * y);
  value -= 0.5 * static_cast<double>(y.size()) * std::log(2 * std::numbers::pi);
  next = 0;
  for (Index k = 0; k < design.cols(); ++k) {
    const Prior& prior = model.coefficient_priors[static_cast<std::size_t>(k)];
    const long double offset = combination.row(k).cast<long double>().dot(known);
    if (!prior.is_gaussian()) {
      value += prior(static_cast<double>(offset)).value;
    } else if (prior.is_proper()) {
      const filbert::GaussianProxy exact = prior.proxy(0);
      const LongVector row = combination.row(k)(result.integrated).transpose().cast<long double>();
      const long double target = exact.mean - offset;
      A += exact.precision * row * row.transpose();
      b += exact.precision * target * row;
      value += 0.5 * std::log(exact.precision / (2 * std::numbers::pi)) - 0.5L * exact.precision * target * target;
    }
  }
  const LongVector mean = A.inverse() * b;
  value += 0.5L * b.dot(mean) - 0.5L * std::log(A.determinant());
  value += 0.5 * static_cast<double>(A.rows()) * std::log(2 * std::numbers::pi);
  result.log_density = static_cast<double>(value) + rows.weight_constant + theta.log_prior;
  result.mean = mean.cast<double>();
  result.covariance = A.inverse().cast<double>();
  return result;
}

VectorXd random_position(const GroupedGaussian& posterior, std::uint64_t seed) {
  filbert::Rng rng(seed, 6);
  VectorXd position = posterior.starts().front();
  for (double& value : position) value += 0.4 * rng.normal();
  return position;
}

void check_density(const Data& data, const GroupedModel& model, std::uint64_t seed) {
  GroupedGaussian posterior(data.summary(), model);
  for (int k = 0; k < 2; ++k) {
    const VectorXd position = random_position(posterior, ++seed);
    VectorXd gradient(position.size()), unused(position.size());
    const double value = posterior(position, gradient);
    const VectorXd values = posterior.values(position);
    double jacobian = 0;  // of sampled coefficients
    const Theta theta = theta_of(data, model, values);
    for (Index i = position.size() - theta.sampled.size(); i < position.size(); ++i) {
      const VectorXd step = 1e-6 * VectorXd::Unit(position.size(), i);
      jacobian += std::log((posterior.values(position + step) - posterior.values(position - step))(i) / 2e-6);
    }
    const double tolerance = theta.sampled.size() > 0 ? 1e-8 : 1e-9;
    CHECK(value == doctest::Approx(dense_posterior(data, model, theta).log_density + jacobian).epsilon(tolerance));
    CHECK(posterior.value(position) == value);
    CHECK((posterior.position(values) - position).norm() < 1e-9);
    for (Index i = 0; i < position.size(); ++i) {
      const VectorXd step = 1e-5 * VectorXd::Unit(position.size(), i);
      const double slope = (posterior(position + step, unused) - posterior(position - step, unused)) / 2e-5;
      CHECK(std::abs(gradient(i) - slope) < 1e-6 * (1 + gradient.norm()));
    }
  }
}

}  // namespace

TEST_CASE("the posterior of θ is the dense normal one with its priors, for every structure") {
  std::uint64_t seed = 0;
  for (const Data& data : every_structure()) check_density(data, model_of(data), seed += 10);
}

TEST_CASE("every prior of a deviation and of sigma counts in full") {
  const Data data = make_data({.terms = {{0, 2}}}, 1);
  for (const Prior& prior : {Prior::half_normal(2), Prior::half_student_t(4, 2), Prior::exponential(0.7),
                             Prior::gamma(2, 0.5), Prior::inverse_gamma(2, 3), Prior::half_flat()}) {
    check_density(data, model_of(data, Prior::normal(0, 5), prior), 20);
  }
}

TEST_CASE("flat priors, no intercept, and an intercept prior at zero are exact too") {
  const Data data = make_data({.n_groups = {6}, .terms = {{0, 1}}, .weighted = true}, 2);
  check_density(data, model_of(data, Prior::flat()), 30);
  GroupedModel at_zero = model_of(data);
  at_zero.about = InterceptPrior::AtZero;
  check_density(data, at_zero, 31);
  GroupedModel without = model_of(data);
  without.intercept = false;
  without.coefficient_priors.pop_back();
  check_density(data, without, 32);
  GroupedModel mixed = model_of(data, Prior::flat());
  mixed.coefficient_priors[1] = Prior::normal(1, 0.1);
  check_density(data, mixed, 33);
}

TEST_CASE("coefficients whose priors are not Gaussian stay in the position, and the density stays exact") {
  const Data data = make_data({.n_groups = {7, 3}, .terms = {{0, 2}, {1, 1}}}, 3);
  for (const Prior& prior : {Prior::student_t(4, 0.1, 1), Prior::laplace(0.1, 2), Prior::half_normal(1),
                             Prior::uniform(-3, 4), Prior::cauchy(0, 1)}) {
    GroupedModel model = model_of(data);
    model.coefficient_priors[1] = prior;
    CHECK(GroupedGaussian(data.summary(), model).units().sampled == 1);
    check_density(data, model, 40);
    check_density(data, model_of(data, prior), 41);
    GroupedModel at_zero = model_of(data);
    at_zero.about = InterceptPrior::AtZero;
    at_zero.coefficient_priors[0] = prior;
    check_density(data, at_zero, 42);
  }
}

TEST_CASE("fixed deviations and a known sigma leave the position") {
  const Data data = make_data({.n_groups = {7, 3}, .terms = {{0, 2}, {1, 1}}}, 4);
  GroupedModel model = model_of(data);
  model.sigma.fixed = 1.3;
  CHECK(GroupedGaussian(data.summary(), model).dimension() == 4);
  check_density(data, model, 50);
  model.terms[0].deviations[1].fixed = 0.4;
  model.terms[1].deviations[0].fixed = 0;
  CHECK(GroupedGaussian(data.summary(), model).dimension() == 2);
  check_density(data, model, 51);
}

TEST_CASE("collinear columns far from zero cost no digits") {
  Data data = make_data({.n = 80, .p = 2, .n_groups = {8}, .terms = {{0, 1}}}, 5);
  data.X.col(1) = data.X.col(0) + 1e-5 * data.X.col(1);
  data.X.array() += 100;
  check_density(data, model_of(data, Prior::normal(0, 50)), 60);
}

TEST_CASE("tied to the ridge of a predictor far from zero, the posterior is the same on another scale") {
  const Shape shape{.n_groups = {6, 4}, .terms = {{0, 3}, {1, 2}}};
  const Data near = make_data(shape, 12);
  CHECK_FALSE(GroupedGaussian(near.summary(), model_of(near)).has_ridge());
  Data far = near;
  for (MatrixXd& z : far.Z) {
    z.col(0).setOnes();
    z.col(1).array() -= 80;
  }
  const GroupedModel model = model_of(far);
  GroupedGaussian posterior(far.summary(), model);
  REQUIRE(posterior.has_ridge());
  GroupedGaussian tied = posterior.tied();
  filbert::Rng rng(5, 1);
  const Index n = posterior.dimension();
  VectorXd gradient(n), unused(n);
  for (int repeat = 0; repeat < 5; ++repeat) {
    VectorXd position(n);
    for (double& one : position) one = 0.7 * rng.normal();
    const VectorXd values = tied.values(position);
    CHECK((tied.position(values) - position).norm() < 1e-8);
    const double value = tied(position, gradient);
    CHECK(tied.value(position) == doctest::Approx(value).epsilon(1e-12));
    const auto moved = [&](Index k, double by) { return VectorXd(position + by * VectorXd::Unit(n, k)); };
    double log_slopes = 0;  // of the two deviations of intercepts, the first of each term
    for (const Index k : {Index{0}, Index{6}}) {
      const double rise = std::log(tied.values(moved(k, 1e-4))(k) / tied.values(moved(k, -1e-4))(k));
      log_slopes += std::log(rise / 2e-4);
    }
    CHECK(value == doctest::Approx(posterior(posterior.position(values), unused) + log_slopes).epsilon(1e-8));
    for (Index k = 0; k < n; ++k) {
      const double slope = (tied.value(moved(k, 1e-5)) - tied.value(moved(k, -1e-5))) / 2e-5;
      CHECK(gradient(k) == doctest::Approx(slope).epsilon(1e-5).scale(gradient.norm()));
    }
  }
}

TEST_CASE("given θ, coefficients are drawn from their normal, and effects given those") {
  const Data data = make_data({.n = 50, .n_groups = {6, 3}, .terms = {{0, 2}, {1, 1}}, .weighted = true}, 6);
  const GroupedModel model = model_of(data);
  GroupedGaussian posterior(data.summary(), model);
  const VectorXd position = random_position(posterior, 70);
  const DensePosterior exact = dense_posterior(data, model, theta_of(data, model, posterior.values(position)));
  constexpr int draws = 20000;
  filbert::Rng rng(7, 0);
  VectorXd parameters(posterior.parameters()), effects(posterior.effects());
  CHECK(parameters.size() == 3 + 1 + 3 + 1);
  CHECK(effects.size() == 15);
  VectorXd sum = VectorXd::Zero(3), fitted_sum = VectorXd::Zero(data.y.size());
  MatrixXd squares = MatrixXd::Zero(3, 3);
  for (int k = 0; k < draws; ++k) {
    posterior.draw_parameters(position, rng, parameters);
    const VectorXd distance = parameters.head(3) - exact.mean;
    sum += distance;
    squares += distance * distance.transpose();
    posterior.draw_effects(parameters, rng, effects);
    for (Index i = 0; i < data.y.size(); ++i) {
      const Index g = data.codes[0](i), h = data.codes[1](i);
      fitted_sum(i) += parameters(0) + data.X.row(i).dot(parameters.segment(1, 2)) + effects(g) +
                       data.Z[0](i, 1) * effects(6 + g) + effects(12 + h);
    }
  }
  const double root = std::sqrt(static_cast<double>(draws));
  CHECK((sum / root).cwiseQuotient(exact.covariance.diagonal().cwiseSqrt()).cwiseAbs().maxCoeff() < 4);
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const double c = exact.covariance(i, j);
      const double spread = std::sqrt(exact.covariance(i, i) * exact.covariance(j, j) + c * c);
      CHECK(std::abs(squares(i, j) / draws - c) * root / spread < 4);
    }
  }
  // E y = Xβ + Zb over all draws is y less what the errors explain: y - σ²/w V⁻¹(y - Xβ) at the mean of β.
  const Theta theta = theta_of(data, model, posterior.values(position));
  const Marginal rows = marginal(data, theta.factors, theta.sigma);
  const VectorXd residual =
      data.y - data.offset - data.X * exact.mean.tail(2) - VectorXd::Constant(data.y.size(), exact.mean(0));
  const VectorXd pulled = rows.covariance.cast<double>().inverse() * residual(rows.counted);
  for (std::size_t k = 0; k < rows.counted.size(); ++k) {
    const Index i = rows.counted[k];
    const double expected =
        data.y(i) - data.offset(i) - theta.sigma * theta.sigma / data.weights(i) * pulled(static_cast<Index>(k));
    CHECK(std::abs(fitted_sum(i) / draws - expected) < 4.5 * theta.sigma / std::sqrt(data.weights(i) * draws));
  }
}

TEST_CASE("what no posterior can be made of is refused") {
  const Data data = make_data({}, 8);
  const filbert::GroupedSummary summary = data.summary();
  GroupedModel model = model_of(data);
  model.terms[0].lkj_eta = 0;
  CHECK_THROWS_AS(GroupedGaussian(summary, model), std::invalid_argument);
  model = model_of(data);
  model.terms[0].deviations[0].prior = Prior::normal(0, 1);
  CHECK_THROWS_AS(GroupedGaussian(summary, model), std::invalid_argument);
  model = model_of(data);
  model.coefficient_priors.pop_back();
  CHECK_THROWS_AS(GroupedGaussian(summary, model), std::invalid_argument);
  Data collinear = data;
  collinear.X.col(1) = 2 * collinear.X.col(0);
  CHECK_THROWS_AS(GroupedGaussian(collinear.summary(), model_of(collinear, Prior::flat())), filbert::ImproperPosterior);
  CHECK_NOTHROW(GroupedGaussian(collinear.summary(), model_of(collinear)));
}

TEST_CASE("a gradient of the posterior allocates nothing") {
  for (const Data& data : every_structure()) {
    GroupedModel model = model_of(data);
    model.coefficient_priors.back() = Prior::laplace(0, 1);
    GroupedGaussian posterior(data.summary(), model);
    const VectorXd position = posterior.starts().front();
    VectorXd gradient(position.size());
    Eigen::internal::set_is_malloc_allowed(false);
    posterior(position, gradient);
    Eigen::internal::set_is_malloc_allowed(true);
  }
}
