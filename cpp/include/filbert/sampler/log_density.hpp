// States what a target distribution must offer to be sampled.
#pragma once

#include <Eigen/Core>
#include <concepts>

namespace filbert {

/// A log density on R^d, known up to a constant, with its gradient.
///
/// - `dimension()` is d.
/// - `density(position, gradient)` returns the log density at `position` and writes its gradient, which comes sized
///   d, in place. Where the density is zero or undefined it returns -inf or NaN, and the gradient is not read: the
///   sampler counts a divergence. An exception is never swallowed: it ends the sampling and reaches the caller.
/// - A copy is independent of its original. Evaluation may be non-const and use scratch space the density owns,
///   because every chain works on its own copy.
template <typename Density>
concept LogDensity =
    std::copy_constructible<Density> &&
    requires(Density density, const Density& constant, const Eigen::VectorXd& position, Eigen::VectorXd& gradient) {
      { constant.dimension() } -> std::convertible_to<Eigen::Index>;
      { density(position, gradient) } -> std::convertible_to<double>;
    };

}  // namespace filbert
