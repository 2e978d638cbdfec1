// The posterior of a Gaussian mixed model in coordinates near a standard normal: what is sampled.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>

#include "filbert/density/framed_density.hpp"
#include "filbert/groups/grouped_gaussian.hpp"
#include "filbert/groups/profile_frame.hpp"

namespace filbert {

struct GroupedFrameSettings {
  bool with_effects = true;  ///< whether draws hold the effects
  std::uint64_t seed = 0;    ///< of the coefficients and effects that are drawn given a position
  int threads = 1;           ///< that find the frame, where an evaluation is dear; changes no number
  ProfileFrame::Shape shape = ProfileFrame::Shape::of_profiles;
};

/// `GroupedGaussian` in a ProfileFrame of its position. Models `FramedDensity`.
///
/// What is drawn given a position comes from a stream that the seed and the position (for effects: the parameters of the draw)
/// determine, so that draws depend on nothing else, and effects that were left out can be drawn later.
class FramedGroupedGaussian {
 public:
  /// Throws ImproperPosterior, UncomputablePosterior.
  explicit FramedGroupedGaussian(const GroupedGaussian& posterior, const GroupedFrameSettings& settings = {});

  /// Where nothing is left to be sampled, one coordinate of noise: what is drawn given a position needs different ones.
  Eigen::Index dimension() const { return is_known() ? 1 : posterior_.dimension(); }
  Eigen::Index variables() const {
    return posterior_.parameters() + (settings_.with_effects ? posterior_.effects() : 0);
  }

  double operator()(const Eigen::VectorXd& u, Eigen::VectorXd& gradient);

  /// The log density alone.
  double value(const Eigen::VectorXd& u);

  /// The log densities of many points, a column each.
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& points, Eigen::Ref<Eigen::VectorXd> values);

  /// The parameters of a draw, then the effects, see GroupedGaussian.
  void to_user_scale(const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::MatrixXd> draws);

  /// The same where a chain has been at `position` for `stays` draws before: coefficients and effects are drawn anew each time. Returns
  /// the log density, that of `value` but for rounding.
  double to_user_scale(const Eigen::Ref<const Eigen::VectorXd>& position, std::uint64_t stays,
                       Eigen::Ref<Eigen::VectorXd> draw);

  /// That of GroupedGaussian, on the line.
  double user_log_density(const Eigen::VectorXd& u, double log_density);

  /// The effects of draws whose parameters are given, a column each: those that `to_user_scale` writes.
  void draw_effects(const Eigen::Ref<const Eigen::MatrixXd>& parameters, Eigen::Ref<Eigen::MatrixXd> effects);

  /// That of GroupedGaussian.
  Eigen::VectorXd position(const Eigen::VectorXd& u);

  /// That of GroupedGaussian at the centre of the frame.
  Eigen::VectorXd expected();

  const GroupedGaussian& posterior() const { return posterior_; }
  const GroupedFrameSettings& settings() const { return settings_; }

  /// How often the density was evaluated to find the frame.
  int evaluations() const { return evaluations_; }

 private:
  bool is_known() const { return posterior_.dimension() == 0; }
  double locate(const Eigen::Ref<const Eigen::VectorXd>& u);

  GroupedGaussian posterior_;
  GroupedFrameSettings settings_;
  std::optional<ProfileFrame> frame_;
  int evaluations_ = 0;
  Eigen::VectorXd position_, position_slopes_;  // scratch
};

}  // namespace filbert
