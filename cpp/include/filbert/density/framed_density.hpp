// States what a posterior must offer to be sampled in a frame of its own and reported in the user's variables.
#pragma once

#include <Eigen/Core>
#include <concepts>

#include "filbert/sampler/log_density.hpp"

namespace filbert {

/// A log density in coordinates that suit the sampler, with the way back from there.
///
/// - It models LogDensity: `dimension()` coordinates, and `density(position, gradient)`, Jacobian of the frame included.
/// - `variables()` is how many numbers the user gets a draw; it need not be the dimension.
/// - `to_user_scale(positions, draws)` writes these numbers: positions are (dimension, draws), a column each, and `draws`, which
///   comes sized (variables, draws), gets a column for each of them. A column depends on its position alone, up to rounding.
/// - `user_log_density(position, log_density)` is the log density to report, that of the user's variables, where the one in
///   the frame has just been found to be `log_density`.
///
/// As with LogDensity, a copy is independent of its original, and all but `dimension` and `variables` may use scratch space that
/// the density owns. Exceptions reach the caller.
template <typename Density>
concept FramedDensity =
    LogDensity<Density> &&
    requires(Density density, const Density& constant, const Eigen::VectorXd& position, double log_density,
             const Eigen::Ref<const Eigen::MatrixXd>& positions, Eigen::Ref<Eigen::MatrixXd> draws) {
      { constant.variables() } -> std::convertible_to<Eigen::Index>;
      density.to_user_scale(positions, draws);
      { density.user_log_density(position, log_density) } -> std::convertible_to<double>;
    };

}  // namespace filbert
