// The posterior of a generalised linear model with group effects, over everything in it.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>
#include <vector>

#include "filbert/density/glm_posterior.hpp"
#include "filbert/groups/covariance_parameters.hpp"
#include "filbert/groups/grouped_design.hpp"
#include "filbert/groups/working_blocks.hpp"

namespace filbert {

/// `Σ w_i ℓ(y_i, η_i)`, η = offset + Xβ + Σ Z b, `b = Λ v`, v standard normal, with the priors of all parameters. Models `LogDensity`.
///
/// A position has, in this order,
///   - outer coordinates, on the line: those of CovarianceParameters, auxiliaries that are not fixed, coefficients whose priors have edges;
///   - the other coefficients (*inner*): slopes times their predictors' scales, and the intercept at the predictors' means;
///   - the standardised effects v: of each grouping factor, column after column, one a group; b is at the centre of a term's columns
///     where it has one, see effect_centres.
/// The value has all constants and the Jacobians of these maps.
class GroupedGlm {
 public:
  /// Throws std::invalid_argument.
  GroupedGlm(const std::shared_ptr<const GlmData>& data, std::shared_ptr<const GroupedDesign> design,
             const GlmPriors& priors, const std::vector<TermModel>& terms);

  /// The same with effects at the centre in place of zero, or the other way, see effect_centres; none where there is no centre.
  std::optional<GroupedGlm> elsewhere() const;

  Eigen::Index outer() const { return first_inner_; }
  Eigen::Index inner() const { return shared_->inner; }
  Eigen::Index effects() const { return shared_->effects; }
  Eigen::Index dimension() const { return outer() + inner() + effects(); }

  /// How many numbers a draw has without effects: coefficients, auxiliaries that are not fixed, deviations and correlations.
  Eigen::Index parameters() const;

  /// Allocates nothing (a user's likelihood apart).
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient);

  /// The parameters of a draw in the user's scale, and, if there is room, the effects of each term, column after column, one a group.
  void to_user_scale(const Eigen::Ref<const Eigen::VectorXd>& position, Eigen::Ref<Eigen::VectorXd> draw);

  // ---- For a frame

  /// Rounds the corners of priors from now on, see Prior::smooth: they would hold up a climb.
  void smooth_priors() {
    smooth_ = true;
    covariance_.smooth_priors();
  }

  /// Reads the outer coordinates.
  void locate(const Eigen::Ref<const Eigen::VectorXd>& outer);
  const std::vector<Eigen::MatrixXd>& factors() const { return covariance_.factors(); }
  /// Values of the coefficients among the outer coordinates, in the units of the inner ones.
  const Eigen::VectorXd& outer_coefficients() const { return outer_coefficients_; }

  /// After `locate`: adds to `slopes`, of the outer coordinates, those of a function of factors and outer coefficients.
  void add_outer_slopes(const Eigen::Ref<const Eigen::VectorXd>& outer,
                        const std::vector<Eigen::MatrixXd>& factor_slopes, const Eigen::VectorXd& coefficient_slopes,
                        Eigen::Ref<Eigen::VectorXd> slopes);

  /// Adds the slopes of `Σ row_slopes_i η_i` to a gradient at a position that was evaluated last.
  void add_row_slopes(const Eigen::VectorXd& position, const Eigen::VectorXd& row_slopes, Eigen::VectorXd& gradient);

  /// dη along a direction in (inner coefficients, v), at the outer coordinates that were located last.
  void predict_direction(const Eigen::Ref<const Eigen::VectorXd>& direction, Eigen::VectorXd& eta);

  /// η of all rows at a position, in the order of the design.
  void predict(const Eigen::VectorXd& position, Eigen::VectorXd& eta);

  /// The quadratic at working slopes and weights of all rows.
  WorkingBlocks working_blocks(const Eigen::VectorXd& position, const Eigen::VectorXd& eta,
                               const Eigen::VectorXd& slopes, const Eigen::VectorXd& weights) const;

  const GlmData& data() const { return *shared_->data; }
  const GlmPriors& priors() const { return shared_->priors; }
  const GroupedDesign& design() const { return *shared_->design; }
  const CovarianceParameters& covariance() const { return covariance_; }

  /// All auxiliaries, after `locate`; and the coordinate of each, or -1.
  const Eigen::VectorXd& auxiliaries() const { return auxiliaries_; }
  const std::vector<Eigen::Index>& auxiliary_coordinates() const { return shared_->auxiliary_coordinates; }
  const LineMap& auxiliary_map(Eigen::Index auxiliary) const {
    return shared_->auxiliary_maps[static_cast<std::size_t>(auxiliary)];
  }

  /// The columns of inner and outer coefficients in a row.
  double column(Eigen::Index row, Eigen::Index coefficient) const;

  /// A position from values in the user's scale, with v = 0. Values outside of a support become some inside.
  Eigen::VectorXd position_at(const Eigen::VectorXd& coefficients, const Eigen::VectorXd& auxiliaries,
                              const std::vector<Eigen::VectorXd>& deviations) const;

 private:
  struct Shared {
    std::shared_ptr<const GlmData> data;  // rows in the design's order
    std::shared_ptr<const GroupedDesign> design;
    GlmPriors priors;
    bool centred = true;         // the intercept is that at the predictors' means
    double intercept_shift = 0;  // its prior is about a₀ + this · Σ mean_j β_j
    Eigen::Index inner = 0, effects = 0;
    std::vector<Eigen::Index> order;      // coefficients, the inner ones first
    Eigen::VectorXd scale;                // of each coefficient, in the model's order: a = scale β
    std::vector<LineMap> outer_maps;      // of outer coefficients
    std::vector<LineMap> auxiliary_maps;  // of all auxiliaries
    std::vector<Eigen::Index> auxiliary_coordinates;
    std::vector<Eigen::Index> first_effect;  // of each factor, in v
    std::shared_ptr<const GroupedDesign> at_zero;
    std::vector<TermModel> terms;
    std::vector<Eigen::VectorXd> centres;  // of each term, empty at zero
    double log_constant = 0;
  };

  void take_effects_at(const std::vector<Eigen::VectorXd>& centres);
  bool has_intercept() const { return shared_->priors.intercept; }
  Eigen::Index coefficients() const { return shared_->scale.size(); }
  Eigen::Index first_outer_coefficient() const { return first_inner_ - outer_coefficients_.size(); }
  Eigen::Map<const Eigen::MatrixXd> effects_of(std::size_t factor, const double* v) const;
  void set_coefficients(const Eigen::Ref<const Eigen::VectorXd>& position);
  void set_effects(const double* v);
  LogDensityAt coefficient_prior(Eigen::Index k, double argument) const;
  double add_coefficient_priors();
  void chain(const Eigen::VectorXd& position, Eigen::VectorXd& gradient);
  void spread_effect_slopes(const double* v, double* v_slopes);

  std::shared_ptr<const Shared> shared_;
  CovarianceParameters covariance_;
  Eigen::Index first_inner_ = 0;
  bool smooth_ = false;

  // Scratch.
  Eigen::VectorXd auxiliaries_, auxiliary_slopes_, outer_coefficients_, a_, a_slopes_, c_, c_slopes_, base_, rows_;
  std::vector<Eigen::MatrixXd> b_, b_slopes_, factor_slopes_;
};

}  // namespace filbert
