// How Python states the priors of a generalised linear model.
#pragma once

#include <variant>
#include <vector>

#include "filbert/density/glm_posterior.hpp"
#include "prior_spec.hpp"

/// A prior, or the number that an auxiliary is fixed at.
using AuxiliarySpec = std::variant<double, PriorSpec>;

inline filbert::GlmPriors make_glm_priors(bool intercept, bool intercept_at_means,
                                          const std::vector<PriorSpec>& coefficient_priors,
                                          const std::vector<AuxiliarySpec>& auxiliary_priors) {
  filbert::GlmPriors priors;
  priors.intercept = intercept;
  priors.about = intercept_at_means ? filbert::InterceptPrior::AtMeans : filbert::InterceptPrior::AtZero;
  for (const PriorSpec& spec : coefficient_priors) priors.coefficients.push_back(make_prior(spec));
  for (const AuxiliarySpec& spec : auxiliary_priors) {
    if (const double* const fixed = std::get_if<double>(&spec)) {
      priors.auxiliaries.emplace_back(*fixed);
    } else {
      priors.auxiliaries.emplace_back(make_prior(std::get<PriorSpec>(spec)));
    }
  }
  return priors;
}
