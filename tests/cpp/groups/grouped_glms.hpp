// Mixed models of other families to test on, with responses that suit them.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "filbert/groups/grouped_glm.hpp"
#include "mixed_models.hpp"

namespace mixed_models {

struct Kind {
  filbert::Family family;
  filbert::Link link;
  std::vector<filbert::AuxiliaryPrior> auxiliaries;
};

inline const std::vector<Kind> kinds = {
    {filbert::Family::Bernoulli, filbert::Link::Logit, {}},
    {filbert::Family::Binomial, filbert::Link::Probit, {}},
    {filbert::Family::Poisson, filbert::Link::Log, {}},
    {filbert::Family::NegativeBinomial, filbert::Link::Log, {filbert::Prior::half_normal(5)}},
    {filbert::Family::Gamma, filbert::Link::Log, {2.0}},
    {filbert::Family::Gaussian, filbert::Link::Identity, {filbert::Prior::half_normal(5)}},
};

/// A response that suits the family, around the groups of the first factor.
inline filbert::GlmResponses responses_of(const Data& data, filbert::Family family, bool weighted, std::uint64_t seed) {
  filbert::Rng rng(seed, 9);
  filbert::GlmResponses result;
  const Index n = data.y.size();
  result.y.resize(n);
  if (family == filbert::Family::Binomial) result.trials.resize(n);
  for (Index i = 0; i < n; ++i) {
    const double eta = 0.05 * data.X.row(i).sum() - 0.5 + std::sin(static_cast<double>(data.codes[0](i)));
    const double mean = std::exp(0.7 * eta), share = 1 / (1 + std::exp(-eta));
    if (family == filbert::Family::Binomial) result.trials(i) = static_cast<double>(1 + i % 6);
    switch (family) {
      case filbert::Family::Bernoulli:
        result.y(i) = rng.uniform() < share ? 1 : 0;
        break;
      case filbert::Family::Binomial:
        result.y(i) = std::floor(result.trials(i) * (share + rng.uniform()) / 2);
        break;
      case filbert::Family::Poisson:
      case filbert::Family::NegativeBinomial:
        result.y(i) = std::floor(2 * mean * rng.uniform());
        break;
      case filbert::Family::Gamma:
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

inline std::shared_ptr<const filbert::GroupedDesign> design_of(const Data& data) {
  std::vector<std::optional<filbert::RowsRef>> Z;
  for (const MatrixXd& z : data.Z) Z.emplace_back(filbert::RowsRef(z));
  std::vector<filbert::CodesRef> codes;
  for (const Codes& code : data.codes) codes.emplace_back(code);
  return std::make_shared<const filbert::GroupedDesign>(data.structure, Z, codes);
}

inline filbert::GlmPriors priors_of(const Data& data, const Kind& kind) {
  filbert::GlmPriors priors;
  priors.coefficients.assign(static_cast<std::size_t>(data.X.cols() + 1), filbert::Prior::normal(0, 2));
  priors.auxiliaries = kind.auxiliaries;
  return priors;
}

inline std::vector<filbert::TermModel> terms_of(const Data& data, bool correlated = true) {
  std::vector<filbert::TermModel> terms;
  for (const filbert::GroupTerm& term : data.structure.terms) {
    filbert::TermModel one{correlated, {}, 2};
    one.deviations.assign(static_cast<std::size_t>(term.columns), {filbert::Prior::half_normal(1)});
    terms.push_back(one);
  }
  return terms;
}

inline filbert::GroupedGlm posterior_of(const Data& data, const Kind& kind, const filbert::GlmPriors& priors,
                                        bool weighted = false) {
  const auto rows = std::make_shared<const filbert::GlmData>(kind.family, kind.link, data.X,
                                                             responses_of(data, kind.family, weighted, 1));
  return filbert::GroupedGlm(rows, design_of(data), priors, terms_of(data));
}

inline void check_gradient(const std::function<double(const VectorXd&, VectorXd&)>& density, const VectorXd& position) {
  VectorXd gradient(position.size()), unused(position.size());
  density(position, gradient);
  for (Index i = 0; i < position.size(); ++i) {
    const VectorXd step = 1e-5 * VectorXd::Unit(position.size(), i);
    const double slope = (density(position + step, unused) - density(position - step, unused)) / 2e-5;
    CHECK(std::abs(gradient(i) - slope) < 1e-6 * (1 + gradient.norm()));
  }
}

inline VectorXd random_point(Index size, double spread, std::uint64_t seed) {
  filbert::Rng rng(seed, 2);
  VectorXd point(size);
  for (double& coordinate : point) coordinate = spread * rng.normal();
  return point;
}

}  // namespace mixed_models
