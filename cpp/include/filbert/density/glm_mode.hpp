// Climbs to the mode of a GLM's posterior or likelihood by damped Newton steps, and says why where there is none.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <stdexcept>
#include <string>

#include "filbert/density/unconstrained_glm.hpp"

namespace filbert {

/// Why there is no mode, or none was found.
enum class NoModeReason {
  Separated,      ///< along some direction the log density never falls: data are separated, and no prior holds
  NotIdentified,  ///< along some direction it does not change at all
  NoStart,        ///< no point with a positive density was found
  AtEdge,         ///< it is highest at the edge of what the link allows; of likelihoods alone, a posterior is held off
  NotConverged
};

class NoMode : public std::domain_error {
 public:
  NoMode(NoModeReason reason, Eigen::VectorXd direction, const std::string& what)
      : std::domain_error(what), reason_(reason), direction_(std::move(direction)) {}

  NoModeReason reason() const { return reason_; }

  /// In the user's coefficients, each times its predictor's standard deviation, the largest ±1; empty where there is no direction.
  const Eigen::VectorXd& direction() const { return direction_; }

 private:
  NoModeReason reason_;
  Eigen::VectorXd direction_;
};

struct GlmMode {
  Eigen::VectorXd q;          ///< in the coordinates of UnconstrainedGlm
  double log_density = 0;     ///< there, of the smooth surrogate
  Eigen::MatrixXd precision;  ///< less the Hessian there, positive definite
  int iterations = 0;         ///< on all rows

  /// Of what it is the mode, where the density itself is highest at the edge of the link's domain (`glm_edges.hpp`); null otherwise.
  std::shared_ptr<const GlmPosterior> held_off;
};

/// Throws NoMode. Where rows are many, a part of them is climbed first.
GlmMode find_mode(UnconstrainedGlm& density);

/// The climb alone, from a point with a finite density, and such a point. Throw NoMode.
GlmMode climb_from(UnconstrainedGlm& density, Eigen::VectorXd start);
Eigen::VectorXd starting_point(UnconstrainedGlm& density);

/// The top of the likelihood, in the user's scale: (coefficients, log of the free auxiliaries).
struct GlmMaximumLikelihood {
  Eigen::VectorXd estimate;             ///< auxiliaries themselves, not their logarithms
  Eigen::MatrixXd covariance;           ///< inverse observed information of (β, log auxiliaries)
  Eigen::MatrixXd expected_covariance;  ///< of β alone, inverse expected information, as software for GLMs reports
  double log_likelihood = 0;
  int iterations = 0;
  Eigen::VectorXd linear_predictor;  ///< of each row, with its offset; empty where rows are elsewhere
};

/// Priors of `posterior` are ignored, fixed auxiliaries are not. Throws NoMode.
GlmMaximumLikelihood maximum_likelihood(std::shared_ptr<const GlmPosterior> posterior);

}  // namespace filbert
