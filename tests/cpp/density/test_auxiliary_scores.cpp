// The scores are a smooth bijection with the Jacobian that they say, and auxiliaries are nearly normal in them.
#include "filbert/density/auxiliary_scores.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "filbert/density/framed_glm.hpp"
#include "filbert/sampler/rng.hpp"

using namespace filbert;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct Model {
  std::string name;
  Family family;
  Link link;
  std::vector<AuxiliaryPrior> auxiliaries;
};

Prior prior(const char* name, std::vector<double> values) { return Prior::named(name, values); }

const std::vector<Model>& models() {
  static const std::vector<Model> all = {
      {"negative binomial", Family::NegativeBinomial, Link::Log, {prior("HalfCauchy", {1})}},
      {"gamma", Family::Gamma, Link::Log, {prior("Exponential", {0.02})}},
      {"t", Family::StudentT, Link::Identity, {prior("HalfCauchy", {10}), prior("Gamma", {2, 0.1})}},
      {"t, nu fixed", Family::StudentT, Link::Identity, {prior("HalfNormal", {10}), 4.0}},
      {"t, sigma between edges", Family::StudentT, Link::Identity, {prior("Uniform", {0.2, 1.5}), 4.0}},
  };
  return all;
}

std::shared_ptr<const GlmPosterior> posterior(const Model& model, Index n = 20) {
  Rng rng(11);
  MatrixXd X(n, 2);
  for (double& x : X.reshaped()) x = rng.normal();
  GlmResponses responses;
  responses.y.resize(n);
  for (Index i = 0; i < n; ++i) {
    const double eta = 0.5 + 0.4 * X(i, 0) - 0.3 * X(i, 1), noise = rng.normal();
    responses.y(i) = model.family == Family::StudentT ? eta + 0.7 * noise
                     : model.family == Family::Gamma  ? std::exp(eta + 0.3 * noise)
                                                      : std::floor(std::exp(eta + 0.8 * noise));
  }
  GlmPriors priors;
  priors.coefficients.assign(3, prior("Normal", {0, 2.5}));
  priors.auxiliaries = model.auxiliaries;
  return std::make_shared<const GlmPosterior>(std::make_shared<const GlmData>(model.family, model.link, X, responses),
                                              priors);
}

VectorXd random_point(Rng& rng, Index d) {
  VectorXd r(d);
  for (double& x : r) x = 1.5 * rng.normal();
  return r;
}

struct Scored {
  UnconstrainedGlm density;
  GlmMode mode;
  AuxiliaryScores scores;
  explicit Scored(const Model& model)
      : density(posterior(model)), mode(find_mode(density)), scores(density, mode), at(scores.room()) {}

  VectorXd q(const VectorXd& r) {
    VectorXd result(r.size());
    scores(r, result, at);
    return result;
  }

  double value(const VectorXd& r) {
    VectorXd gradient(r.size());
    const VectorXd position = q(r);
    return density(position, gradient) + at.log_determinant;
  }

  VectorXd gradient(const VectorXd& r) {
    VectorXd of_q(r.size()), result(r.size());
    const VectorXd position = q(r);
    density(position, of_q);
    scores.pull_back(r, at, of_q, result);
    return result;
  }

  AuxiliaryScores::At at;
};

/// The derivative of a function by a five-point rule, a column an argument.
MatrixXd derivative(const std::function<VectorXd(const VectorXd&)>& function, const VectorXd& at) {
  constexpr double step = 1e-3;
  MatrixXd result(function(at).size(), at.size());
  for (Index k = 0; k < at.size(); ++k) {
    const auto moved = [&](double by) { return function(at + by * step * VectorXd::Unit(at.size(), k)); };
    result.col(k) = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step);
  }
  return result;
}

double largest_error(const MatrixXd& one, const MatrixXd& other) {
  return (one - other).lpNorm<Eigen::Infinity>() / (1 + other.lpNorm<Eigen::Infinity>());
}

}  // namespace

TEST_CASE("The Jacobian of the scores is that of finite differences") {
  Rng rng(1);
  for (const Model& model : models()) {
    CAPTURE(model.name);
    Scored scored(model);
    for (int repeat = 0; repeat < 10; ++repeat) {
      const VectorXd r = random_point(rng, scored.density.dimension());
      const MatrixXd numeric = derivative([&](const VectorXd& x) { return scored.q(x); }, r);
      scored.q(r);
      CHECK(std::abs(scored.at.log_determinant - std::log(numeric.determinant())) < 1e-6);
      // A Jacobian that forgets that coefficients are scaled is told apart.
      const double scales = static_cast<double>(scored.scores.coefficients()) * std::log(scored.at.scale);
      if (std::abs(scales) > 1e-3)
        CHECK(std::abs(scored.at.log_determinant - scales - std::log(numeric.determinant())) > 1e-4);
    }
  }
}

TEST_CASE("The gradient in scores is that of finite differences") {
  Rng rng(2);
  for (const Model& model : models()) {
    CAPTURE(model.name);
    Scored scored(model);
    double error_of_broken = 0;
    for (int repeat = 0; repeat < 10; ++repeat) {
      const VectorXd r = random_point(rng, scored.density.dimension());
      const MatrixXd numeric = derivative([&](const VectorXd& x) { return VectorXd::Constant(1, scored.value(x)); }, r);
      const VectorXd gradient = scored.gradient(r);
      CHECK(largest_error(gradient.transpose(), numeric) < 1e-6);
      VectorXd broken = gradient;  // takes the table for a straight line
      for (Index k = 0; k < scored.scores.auxiliaries(); ++k) {
        broken(scored.scores.coefficients() + k) -= scored.at.bends[static_cast<std::size_t>(k)];
      }
      error_of_broken = std::max(error_of_broken, largest_error(broken.transpose(), numeric));
    }
    CHECK(error_of_broken > 1e-4);
  }
}

TEST_CASE("The Hessian in scores is that of finite differences") {
  Rng rng(3);
  for (const Model& model : models()) {
    CAPTURE(model.name);
    Scored scored(model);
    const Index d = scored.density.dimension();
    const VectorXd r = 0.3 * random_point(rng, d);
    VectorXd gradient(d);
    MatrixXd hessian;
    scored.density.curvature(scored.q(r), gradient, hessian, Information::Observed, false);
    const MatrixXd in_scores = scored.scores.pull_back_curvature(r, gradient, hessian);
    const MatrixXd numeric = derivative([&](const VectorXd& x) { return scored.gradient(x); }, r);
    CHECK(largest_error(in_scores, numeric) < 1e-4);
  }
}

TEST_CASE("The scores are a bijection, within the support of the prior") {
  Rng rng(4);
  for (const Model& model : models()) {
    CAPTURE(model.name);
    Scored scored(model);
    for (int repeat = 0; repeat < 10; ++repeat) {
      const VectorXd r = (repeat < 8 ? 1.0 : 6.0) * random_point(rng, scored.density.dimension());
      const VectorXd q = scored.q(r);
      if (repeat < 8) CHECK(largest_error(scored.scores.inverse(q), r) < 1e-7);
      if (model.name == "t, sigma between edges") {
        CHECK(std::exp(q(3)) >= 0.2 * (1 - 1e-12));
        CHECK(std::exp(q(3)) <= 1.5 * (1 + 1e-12));
      }
    }
  }
}

TEST_CASE("Along an auxiliary the frame is closer to normal than the frame of its logarithm") {
  for (const Model& model : models()) {
    if (model.name == "t, sigma between edges") continue;  // its logarithm has a cliff
    CAPTURE(model.name);
    Scored scored(model);
    const Index d = scored.density.dimension(), p = scored.scores.coefficients();
    FramedGlm framed(posterior(model));
    VectorXd gradient(d);
    const double top = framed(VectorXd::Zero(d), gradient);
    const MatrixXd covariance = scored.mode.precision.inverse();
    for (Index k = p; k < d; ++k) {
      double of_frame = 0, of_logarithm = 0;
      for (const double z : {-2.5, 2.5}) {
        // Other coordinates of the frame are whitened; those of the logarithm follow its regression.
        of_frame += std::abs(framed(z * VectorXd::Unit(d, k), gradient) - top + 0.5 * z * z);
        const VectorXd q = scored.mode.q + z * covariance.col(k) / std::sqrt(covariance(k, k));
        of_logarithm += std::abs(scored.density(q, gradient) - scored.mode.log_density + 0.5 * z * z);
      }
      CHECK(of_frame < 0.8 * of_logarithm);
    }
  }
}
