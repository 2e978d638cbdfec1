// Ties the deviation of intercepts to that of the slopes they make up for, along a predictor that is far from zero.
#pragma once

#include <Eigen/Core>
#include <optional>

namespace filbert {

/// How far a predictor is from zero: its mean over its deviation.
struct PredictorPlace {
  double mean = 0, deviation = 0;
  double distance() const;
};

/// The place of column j of effects whose column `one` is that of intercepts, from the sums of their products over rows; none where
/// the column does not vary.
std::optional<PredictorPlace> place_of(const Eigen::MatrixXd& products, Eigen::Index one, Eigen::Index j);

/// Seen from a far zero, slopes are made up for by intercepts: log deviations of both lie on a ridge that is as narrow as the
/// predictor's deviation over its mean. Tied, the coordinate of the intercepts is how far they are from that ridge, in that unit close
/// to it and as a logarithm far away:
/// `log deviation of intercepts = log deviation of slopes + log_ratio + unit * sinh(coordinate)`.
struct DeviationTie {
  Eigen::Index intercepts, slopes;  ///< coordinates of a position: of both log deviations
  Eigen::Index w;                   ///< that of their correlation, see EffectCovariance
  double log_ratio;                 ///< the log of the predictor's mean, in the units of the deviations
  double unit;                      ///< the predictor's deviation over its mean
  double sign;                      ///< of its mean

  /// Replaces the coordinate of the intercepts by their log deviation, and returns the log of the rate at which that changes.
  double to_line(Eigen::Ref<Eigen::VectorXd> position) const;
  /// The other way.
  void from_line(Eigen::Ref<Eigen::VectorXd> line) const;
  /// From the slopes of a density on the line at a position, those of the tied density.
  void pull_back(const Eigen::Ref<const Eigen::VectorXd>& position, Eigen::Ref<Eigen::VectorXd> slopes_of) const;
  /// Moves a start, whose deviation of slopes is that of effects at one deviation of the predictor, onto the ridge.
  void place(Eigen::Ref<Eigen::VectorXd> start) const;
};

}  // namespace filbert
