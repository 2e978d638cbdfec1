// The posterior of a generalised linear model, over the coefficients and the logarithms of its auxiliaries.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <variant>
#include <vector>

#include "filbert/density/glm_data.hpp"
#include "filbert/density/linear_gaussian.hpp"
#include "filbert/priors/prior.hpp"

namespace filbert {

/// An auxiliary has a prior, or is fixed at a number.
using AuxiliaryPrior = std::variant<Prior, double>;

/// What is asked of the posterior of a GLM beside its rows.
struct GlmPriors {
  bool intercept = true;
  InterceptPrior about = InterceptPrior::AtMeans;
  std::vector<Prior> coefficients;          ///< the intercept's first where there is one
  std::vector<AuxiliaryPrior> auxiliaries;  ///< in the family's order
};

/// `Σ w_i ℓ(y_i, η_i) + Σ log π_j(β_j) + Σ log π_k(α_k) + log α_k` with all constants, at a cost of a pass over the rows.
///
/// Models `LogDensity`; the position is (β, log of the auxiliaries that are not fixed), the intercept first where there is one. A prior of
/// the intercept `AtMeans` is about η, without offset, at the weighted means of the predictors.
class GlmPosterior {
 public:
  /// Throws std::invalid_argument where the number of priors is wrong, an auxiliary may be negative or is fixed at no positive number.
  GlmPosterior(std::shared_ptr<const GlmData> data, GlmPriors priors);

  Eigen::Index coefficients() const { return static_cast<Eigen::Index>(priors_.coefficients.size()); }
  Eigen::Index dimension() const { return coefficients() + static_cast<Eigen::Index>(free_auxiliaries_.size()); }

  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) const;

  const GlmData& data() const { return *data_; }
  const GlmPriors& priors() const { return priors_; }

  /// Which auxiliaries are not fixed, and all of them, the fixed ones at their numbers.
  const std::vector<Eigen::Index>& free_auxiliaries() const { return free_auxiliaries_; }
  const Eigen::VectorXd& fixed_auxiliaries() const { return fixed_auxiliaries_; }
  const Prior& auxiliary_prior(std::size_t free) const {
    return std::get<Prior>(priors_.auxiliaries[static_cast<std::size_t>(free_auxiliaries_[free])]);
  }

  /// The same priors on other rows of the same columns.
  GlmPosterior with_data(std::shared_ptr<const GlmData> data) const { return GlmPosterior(std::move(data), priors_); }

 private:
  std::shared_ptr<const GlmData> data_;
  GlmPriors priors_;
  std::vector<Eigen::Index> free_auxiliaries_;
  Eigen::VectorXd fixed_auxiliaries_;
};

}  // namespace filbert
