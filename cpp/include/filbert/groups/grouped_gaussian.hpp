// The posterior of a Gaussian mixed model over deviations, correlations and σ: coefficients and effects are integrated out.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <vector>

#include "filbert/groups/deviation_tie.hpp"
#include "filbert/groups/effect_covariance.hpp"
#include "filbert/groups/group_elimination.hpp"
#include "filbert/groups/grouped_units.hpp"
#include "filbert/priors/line_map.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

/// The log density of `y ~ Normal(Xβ + Σ Z b, σ)`, `b ~ Normal(0, Σ(θ))`, over θ. Models `LogDensity`.
///
/// A position has, on the line (see LineMap): of each term the deviations, then w of its correlations (see EffectCovariance); then
/// σ; then the coefficients whose priors are not Gaussian. What is fixed is left out. The value has all constants, and the
/// Jacobians of these maps.
///
/// A posterior that is `tied` has other coordinates of intercepts along predictors far from zero, see DeviationTie.
class GroupedGaussian {
 public:
  /// Throws std::invalid_argument, ImproperPosterior, UncomputablePosterior, GroupsTooLarge.
  GroupedGaussian(const GroupedSummary& summary, const GroupedModel& model);

  Eigen::Index dimension() const { return static_cast<Eigen::Index>(shared_->parameters.size()); }
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient);

  /// The value alone, at less than half the cost.
  double value(const Eigen::VectorXd& position);

  /// Where searches of the mode may begin: with small deviations, and with large ones where there may be another mode.
  std::vector<Eigen::VectorXd> starts() const;

  /// Whether some predictor is so far from zero that there may be a ridge; and the same posterior tied to it.
  bool has_ridge() const { return !shared_->ridges.empty(); }
  GroupedGaussian tied() const;

  /// The parameter's value in the user's scale, of each coordinate; w stays as it is.
  Eigen::VectorXd values(const Eigen::VectorXd& position) const;
  /// A position from such values.
  Eigen::VectorXd position(const Eigen::VectorXd& values) const;

  /// How many numbers a draw has without effects: the coefficients, σ unless it is fixed, and of each term the deviations
  /// (fixed ones too) and the correlations R_01, R_02, ..., R_12, ...; nothing of the levels of a factor.
  Eigen::Index parameters() const { return shared_->n_parameters; }
  /// How many effects: of each term, column after column, one a group; or the coefficients of levels.
  Eigen::Index effects() const { return shared_->n_effects; }

  /// Draws the coefficients given θ and writes the parameters of a draw in the user's scale, (parameters()). Returns the log density,
  /// that of `value` but for rounding.
  double draw_parameters(const Eigen::VectorXd& position, Rng& rng, Eigen::Ref<Eigen::VectorXd> parameters);

  /// Draws the effects given the parameters of a draw, (effects()).
  void draw_effects(const Eigen::Ref<const Eigen::VectorXd>& parameters, Rng& rng, Eigen::Ref<Eigen::VectorXd> effects);

  /// The draw that has coefficients and effects at their means given θ, (parameters() + effects()).
  Eigen::VectorXd expected(const Eigen::VectorXd& position);

  const GroupedUnits& units() const { return shared_->units; }

  /// Effects whose precision is one dense matrix: a value takes the cube of their number.
  Eigen::Index dense_effects() const { return elimination_.dense_effects(); }

 private:
  Eigen::VectorXd start(double deviation) const;

  /// One coordinate of a position.
  struct Parameter {
    Prior prior;  // in scaled units; not used for w
    LineMap map;
    double unit = 1;  // the user's value over the scaled one
  };

  /// A deviation: a coordinate of the position or a fixed value, in scaled units.
  struct Scale {
    Eigen::Index coordinate = -1;
    double fixed = 0;
    double unit = 1;
  };

  struct Term {
    GroupTerm structure;
    Eigen::Index first_column = 0;
    EffectCovariance covariance;
    std::vector<Scale> deviations;
    Eigen::Index first_w = 0;  // in the position
  };

  struct Shared {
    Shared(const GroupedSummary& summary, const GroupedModel& model);
    Scale add_scale(const ScalePrior& scale, double unit);
    void find_ridge(const Term& term);
    bool is_log_deviation(const Scale& scale) const;

    GroupedUnits units;
    std::vector<Parameter> parameters;
    std::vector<Term> terms;
    std::vector<DeviationTie> ridges;
    Scale sigma;
    Eigen::Index first_coefficient = 0;  // of those in the position
    Eigen::Index n_parameters = 0, n_effects = 0;
    std::optional<LevelPriors> levels;
    double log_constant = 0;
  };

  double to_line(const Eigen::VectorXd& position, Eigen::VectorXd& line) const;
  double map(const Eigen::VectorXd& position);
  double scaled(const Scale& scale) const;
  void set_factors();
  void set_sampled_coefficients();
  void write_scales(Eigen::Ref<Eigen::VectorXd> parameters);
  void read_scales(const Eigen::Ref<const Eigen::VectorXd>& parameters);
  double condition(const Eigen::VectorXd& position, Eigen::Ref<Eigen::VectorXd> parameters);
  void write_coefficients(Eigen::Ref<Eigen::VectorXd> parameters) const;
  void read_parameters(const Eigen::Ref<const Eigen::VectorXd>& parameters);
  void write_effects(Eigen::Ref<Eigen::VectorXd> effects) const;
  void write_levels(Eigen::Ref<Eigen::VectorXd> coefficients) const;
  double evaluate();
  double integrate_coefficients();
  void add_covariance_slopes(Eigen::VectorXd& gradient);
  void add_priors(double& value, Eigen::VectorXd* gradient);

  std::shared_ptr<const Shared> shared_;
  GroupElimination elimination_;
  std::vector<DeviationTie> ties_;

  // Scratch.
  Eigen::VectorXd line_;
  std::vector<LineMap::At> mapped_;                       // from the line
  std::vector<Eigen::MatrixXd> factors_, factor_slopes_;  // of each grouping factor
  std::vector<Eigen::MatrixXd> term_factors_, term_slopes_;
  std::vector<Eigen::VectorXd> deviations_, deviation_slopes_, w_, w_slopes_;
  double sigma_ = 1;
  Eigen::MatrixXd K_, K_slopes_, precision_;
  Eigen::VectorXd v_, Kv_, alpha_;
  std::vector<Eigen::MatrixXd> effects_;
};

}  // namespace filbert
