// Deviations and correlations of all group terms on the line, with their priors: to the factors of the effects, and slopes back.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/groups/effect_covariance.hpp"
#include "filbert/groups/grouped_units.hpp"
#include "filbert/priors/line_map.hpp"

namespace filbert {

/// A position has of each term the deviations that are not fixed, on the line (see LineMap), then w of its correlations (see
/// EffectCovariance).
///
/// Of a term with a centre these are of the effects at that centre, `b' = Tb` with `b'_0 = b_0 + Σ centre_j b_j`. Priors are of the
/// effects at zero: from `Σ = D R D` to `Σ' = TΣT'` volumes stay the same, so that in (D', R') their density is that in (D, R) times
/// `Π (D'_j / D_j)^effects`; the factors but that of D_0 are 1.
class CovarianceParameters {
 public:
  /// `centres` are as `effect_centres` has them. Throws std::invalid_argument.
  CovarianceParameters(const GroupStructure& structure, const std::vector<TermModel>& terms,
                       const std::vector<Eigen::VectorXd>& centres);

  Eigen::Index dimension() const { return dimension_; }
  /// Numbers in a draw: of each term deviations, fixed ones too, and correlations.
  Eigen::Index parameters() const { return parameters_; }

  /// Writes the factors Λ, one a grouping factor.
  void locate(const Eigen::Ref<const Eigen::VectorXd>& position);
  const std::vector<Eigen::MatrixXd>& factors() const { return factors_; }

  /// Makes slopes of terms with a centre so small that they hardly move effects at zero.
  void flatten(Eigen::Ref<Eigen::VectorXd> position) const;

  /// Holds deviations at zero off 0 from now on: where effects at the centre are nearly of one kind priors have a spike there.
  void smooth_priors() { smooth_ = true; }

  /// After `locate`: log densities of the priors on the line.
  double log_prior(const Eigen::Ref<const Eigen::VectorXd>& position, Eigen::Ref<Eigen::VectorXd> slopes);

  /// After `locate`: adds the slopes of a function of the factors (lower triangles).
  void add_slopes(const Eigen::Ref<const Eigen::VectorXd>& position, const std::vector<Eigen::MatrixXd>& factor_slopes,
                  Eigen::Ref<Eigen::VectorXd> slopes);

  /// After `locate`: of each term the deviations, then the correlations R_01, R_02, ..., R_12, ..., all of effects at zero.
  void write(Eigen::Ref<Eigen::VectorXd> parameters);

  /// Every deviation that is not fixed at this value of its own, one a term's column, or inside of its support; no correlations.
  Eigen::VectorXd position_at(const std::vector<Eigen::VectorXd>& deviations) const;

 private:
  struct Term {
    GroupTerm structure;
    Eigen::Index first_column;
    EffectCovariance covariance;
    TermModel model;
    std::vector<LineMap> maps;
    std::vector<Eigen::Index> coordinates;  // of deviations; -1 where fixed
    Eigen::Index first_w;
    Eigen::VectorXd centre;  // empty without

    bool is_centred() const { return centre.size() > 0; }
  };

  double log_prior_at_zero(std::size_t t, const Eigen::Ref<const Eigen::VectorXd>& position,
                           Eigen::Ref<Eigen::VectorXd> slopes);
  void add_term_slopes(std::size_t t, const Eigen::Ref<const Eigen::VectorXd>& position,
                       const Eigen::Ref<const Eigen::MatrixXd>& factor_slopes, Eigen::Ref<Eigen::VectorXd> slopes);

  std::vector<Term> terms_;
  bool smooth_ = false;
  Eigen::Index dimension_ = 0, parameters_ = 0;
  std::vector<Eigen::MatrixXd> factors_, term_factors_, term_slopes_;
  std::vector<Eigen::VectorXd> deviations_, deviation_slopes_, w_, w_slopes_;
  std::vector<Eigen::RowVectorXd> intercepts_;  // of centred terms: the row of Λ that effects at zero would have
};

}  // namespace filbert
