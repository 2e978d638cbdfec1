// The posterior of a GLM with many rows as a Taylor polynomial at the mode and small factors of single rows, few of which are looked at.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <optional>

#include "filbert/density/framed_glm.hpp"
#include "filbert/density/glm_data.hpp"
#include "filbert/density/remainders.hpp"
#include "filbert/families/third_derivative.hpp"
#include "filbert/numeric/alias_table.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

/// Knobs of SubsampledGlm; tests turn them, draws of any of them have the same distribution, but for the last.
struct SubsamplingSettings {
  int threads = 1;                 ///< that find the bounds; changes no bit
  double most_candidates = 0.1;    ///< a row: where more candidates are expected, all rows are summed instead
  double share_of_the_bounds = 1;  ///< less than 1 breaks the sampler; for tests that show how that is noticed
};

/// Scalable Metropolis-Hastings (Cornish et al. 2019) in the frame of FramedGlm. With ℓ_i the log likelihood of row i, its log density is
///
///   log prior(z) + Σ_i t_i(z) + Σ_i r_i(z),
///
/// where t_i is the Taylor polynomial of ℓ_i of second order at the mode and r_i what is left. A move from z to z' is made where a
/// Metropolis step for the first two terms, which cost O(d²), accepts it, and every row does with probability min(1, exp(r_i(z') - r_i(z))).
/// Each of these factors is in detailed balance by itself, and so is their product.
///
/// |r_i(z)| ≤ b_i(|z|) |z|³, as the third derivative of ℓ_i is bounded near the mode. Whether all rows accept is therefore decided by a
/// Poisson process of candidates, drawn in proportion to the b_i, which are thinned by the true r_i: no candidate, no row is read. A bound
/// that is not tight costs candidates, never truth.
class SubsampledGlm {
 public:
  /// Empty where the family has auxiliaries, no bound is known for its link, or coefficients have bounded support.
  static std::optional<SubsampledGlm> of(const FramedGlm& density, const SubsamplingSettings& settings = {});

  Eigen::Index dimension() const { return framed_.dimension(); }

  /// The first two terms, a column a point.
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::VectorXd> values);

  /// Whether every row accepts a move.
  bool passes(Rng& rng, const Eigen::VectorXd& from, const Eigen::VectorXd& to);

  /// Candidates to expect for moves between draws of a standard normal.
  double expected_candidates() const;

  /// Rows whose likelihood `passes` of this copy has evaluated.
  double rows_evaluated() const { return rows_evaluated_; }

  /// What is left of a row's weighted log likelihood beyond its Taylor polynomial, and the bound of its absolute value.
  double remainder(Eigen::Index row, const Eigen::VectorXd& z);
  double bound(Eigen::Index row, const Eigen::VectorXd& z) const;

 private:
  /// What does not change, and copies share.
  struct Terms : Expansion {
    double value = 0;          ///< log likelihood at the mode
    Eigen::VectorXd gradient;  ///< of the log likelihood in z
    Eigen::MatrixXd hessian;
    Eigen::VectorXd bounds;     ///< b_i(|z|) of each row for |z| up to `radius`
    Eigen::VectorXd of_panels;  ///< their sums over panels
    AliasTable panels;
    double total = 0;  ///< of the bounds
    double radius = 0;
    double growth = 0;  ///< beyond it, bounds rise by at most exp(growth (|z| - radius))
  };
  SubsampledGlm(const FramedGlm& density, const ThirdDerivativeBound& third, const SubsamplingSettings& settings);
  static void expand(const FramedGlm& density, Terms& expansion);
  static void bound_rows(const GlmData& data, const ThirdDerivativeBound& third, const SubsamplingSettings& settings,
                         Terms& terms);
  double reach(double squared_norm) const;
  double loss(Eigen::Index row);
  double loss_of_all(const Eigen::VectorXd& from, const Eigen::VectorXd& to);
  const GlmData& data() const { return framed_.unconstrained().data(); }

  FramedGlm framed_;
  SubsamplingSettings settings_;
  std::shared_ptr<const Terms> expansion_;
  double rows_evaluated_ = 0;

  // Scratch.
  Eigen::MatrixXd bent_;
  Eigen::VectorXd q_, columns_from_, columns_to_;
};

}  // namespace filbert
