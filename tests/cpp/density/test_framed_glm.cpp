#include "filbert/density/framed_glm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "filbert/sampler/rng.hpp"

using namespace filbert;

namespace {

struct Model {
  Family family;
  Link link;
  std::vector<AuxiliaryPrior> auxiliaries;
};

Prior prior(const char* name, std::vector<double> values) { return Prior::named(name, values); }

std::shared_ptr<const GlmPosterior> posterior(const Model& model, Eigen::Index n = 300, bool bounded = false) {
  Rng rng(5);
  Eigen::MatrixXd X(n, 3);
  for (double& x : X.reshaped()) x = rng.normal();
  GlmResponses responses;
  responses.y.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) responses.y(i) = rng.uniform() < 1 / (1 + std::exp(-X(i, 0))) ? 1 : 0;
  if (model.family == Family::StudentT) responses.y += X.col(0);
  GlmPriors priors;
  priors.coefficients.assign(4, prior("Normal", {0, 2.5}));
  if (bounded) priors.coefficients[1] = prior("HalfNormal", {1});
  priors.auxiliaries = model.auxiliaries;
  return std::make_shared<const GlmPosterior>(std::make_shared<const GlmData>(model.family, model.link, X, responses),
                                              priors);
}

const std::vector<Model>& models() {
  static const std::vector<Model> all = {
      {Family::Bernoulli, Link::Logit, {}},
      {Family::Bernoulli, Link::Probit, {}},
      {Family::Poisson, Link::Log, {}},
      {Family::NegativeBinomial, Link::Log, {prior("HalfCauchy", {1})}},
      {Family::StudentT, Link::Identity, {prior("HalfNormal", {1}), prior("Gamma", {2, 0.1})}},
  };
  return all;
}

}  // namespace

TEST_CASE("Evaluating the framed posterior allocates nothing") {
  for (const Model& model : models()) {
    for (const bool bounded : {false, true}) {
      FramedGlm density(posterior(model, 300, bounded));
      Eigen::VectorXd z = Eigen::VectorXd::Constant(density.dimension(), 0.3), gradient = z;
      Eigen::MatrixXd many = Eigen::MatrixXd::Constant(density.dimension(), 96, 0.2);
      Eigen::VectorXd values(96);
      Eigen::internal::set_is_malloc_allowed(false);
      const double value = density(z, gradient);
      density.batch(many, values);
      Eigen::internal::set_is_malloc_allowed(true);
      CHECK(std::isfinite(value));
      CHECK(values.allFinite());
    }
  }
}

TEST_CASE("Third derivatives in the frame are those of the density") {
  for (const Model& model : models()) {
    FramedGlm density(posterior(model));
    const Eigen::Index d = density.dimension();
    const Eigen::MatrixXd packed = density.third_derivatives();
    // Along a direction u, the second difference of the gradient is Σ T_ijk u_j u_k.
    Rng rng(6);
    for (int repeat = 0; repeat < 3; ++repeat) {
      Eigen::VectorXd u(d), above(d), below(d), here(d), expected = Eigen::VectorXd::Zero(d);
      for (double& x : u) x = rng.normal();
      u.normalize();
      const double step = 1e-3;
      density(step * u, above);
      density(-step * u, below);
      density(Eigen::VectorXd::Zero(d), here);
      const Eigen::VectorXd bend = (above - 2 * here + below) / (step * step);
      Eigen::Index place = 0;
      for (Eigen::Index j = 0; j < d; ++j) {
        for (Eigen::Index i = j; i < d; ++i, ++place) {
          const double contracted = packed.row(place).dot(u);
          expected(i) += contracted * u(j);
          if (i != j) expected(j) += contracted * u(i);
        }
      }
      CHECK((bend - expected).lpNorm<Eigen::Infinity>() < 2e-3 * (1 + expected.lpNorm<Eigen::Infinity>()));
    }
  }
}

TEST_CASE("Many rows are climbed from a part of them, and end at the same mode") {
  Rng rng(7);
  const Eigen::Index n = 60000;
  Eigen::MatrixXd X(n, 1);
  GlmResponses responses;
  responses.y.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    X(i, 0) = 5 + rng.normal();
    responses.y(i) = rng.uniform() < 1 / (1 + std::exp(0.5 * (5 - X(i, 0)))) ? 1 : 0;
  }
  GlmPriors priors;
  priors.coefficients.assign(2, Prior::named("Normal", std::vector<double>{0, 2.5}));
  const auto data = std::make_shared<const GlmData>(Family::Bernoulli, Link::Logit, X, responses);
  FramedGlm density(std::make_shared<const GlmPosterior>(data, priors));
  CHECK(density.mode().iterations <= 4);
  Eigen::VectorXd gradient(2);
  density(Eigen::VectorXd::Zero(2), gradient);
  CHECK(gradient.norm() < 1e-6);
}
