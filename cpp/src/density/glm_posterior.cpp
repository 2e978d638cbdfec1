// Adds the priors to the log likelihood, in the user's coefficients.
#include "filbert/density/glm_posterior.hpp"

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

GlmPosterior::GlmPosterior(std::shared_ptr<const GlmData> data, GlmPriors priors)
    : data_(std::move(data)), priors_(std::move(priors)), fixed_auxiliaries_(VectorXd::Ones(data_->auxiliaries())) {
  const Index expected = data_->predictors() + (priors_.intercept ? 1 : 0);
  std::ostringstream message;
  if (coefficients() != expected) {
    message << "there are " << expected << " coefficients, but " << coefficients() << " priors of coefficients";
    throw std::invalid_argument(message.str());
  }
  if (static_cast<Index>(priors_.auxiliaries.size()) != data_->auxiliaries()) {
    message << "there are " << data_->auxiliaries() << " auxiliaries, but " << priors_.auxiliaries.size()
            << " priors of auxiliaries";
    throw std::invalid_argument(message.str());
  }
  for (std::size_t k = 0; k < priors_.auxiliaries.size(); ++k) {
    const std::string& name = data_->auxiliary_names()[k];
    if (const double* const fixed = std::get_if<double>(&priors_.auxiliaries[k])) {
      if (!(*fixed > 0 && std::isfinite(*fixed))) {
        message << name << " is fixed at " << *fixed << "; it must be positive and finite";
        throw std::invalid_argument(message.str());
      }
      fixed_auxiliaries_(static_cast<Index>(k)) = *fixed;
    } else {
      if (std::get<Prior>(priors_.auxiliaries[k]).support().lower < 0) {
        throw std::invalid_argument("the prior of " + name + " allows negative values; take one of positive values");
      }
      free_auxiliaries_.push_back(static_cast<Index>(k));
    }
  }
}

double GlmPosterior::operator()(const VectorXd& position, VectorXd& gradient) const {
  const Index p = data_->predictors();
  const Index first = priors_.intercept ? 1 : 0;
  VectorXd c(p + 1), c_gradient(p + 1), auxiliaries = fixed_auxiliaries_, auxiliary_gradient(auxiliaries.size());
  const auto slopes = position.segment(first, p);
  const double intercept = priors_.intercept ? position(0) : 0.0;
  c(0) = intercept + slopes.dot(data_->mean());
  c.tail(p) = slopes.cwiseProduct(data_->scale());
  for (std::size_t k = 0; k < free_auxiliaries_.size(); ++k) {
    auxiliaries(free_auxiliaries_[k]) = std::exp(position(coefficients() + static_cast<Index>(k)));
  }
  double value = data_->gradient(c, auxiliaries, c_gradient, auxiliary_gradient);
  gradient.segment(first, p) = c_gradient.tail(p).cwiseProduct(data_->scale()) + c_gradient(0) * data_->mean();
  if (priors_.intercept) {
    const bool at_means = priors_.about == InterceptPrior::AtMeans;
    const LogDensityAt prior = priors_.coefficients[0](at_means ? c(0) : intercept);
    value += prior.value;
    gradient(0) = c_gradient(0) + prior.derivative;
    if (at_means) gradient.tail(dimension() - 1).head(p) += prior.derivative * data_->mean();
  }
  for (Index j = first; j < coefficients(); ++j) {
    const LogDensityAt prior = priors_.coefficients[static_cast<std::size_t>(j)](position(j));
    value += prior.value;
    gradient(j) += prior.derivative;
  }
  for (std::size_t k = 0; k < free_auxiliaries_.size(); ++k) {
    const Index at = coefficients() + static_cast<Index>(k);
    const double natural = auxiliaries(free_auxiliaries_[k]);
    const LogDensityAt prior = auxiliary_prior(k)(natural);
    value += prior.value + position(at);
    gradient(at) = auxiliary_gradient(free_auxiliaries_[k]) + prior.derivative * natural + 1;
  }
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

}  // namespace filbert
