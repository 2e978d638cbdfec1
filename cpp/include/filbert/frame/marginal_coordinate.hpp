// Maps a standard normal onto a one-dimensional density: closely onto its shape, exactly onto its support.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <vector>

#include "filbert/priors/prior.hpp"

namespace filbert {

/// A monotone map x(ζ) under which ζ is nearly standard normal when x has the density it was made for.
///
/// Nearly, because it interpolates a table of normal scores; whoever uses it counts its Jacobian, so that this costs nothing in
/// exactness. Skewed marginals, and those that press against an edge of their support, become as easy to sample as a normal.
class MarginalCoordinate {
 public:
  struct At {
    double value;
    double log_slope;     ///< log of the rate of change of x with ζ
    double slope_of_log;  ///< rate of change of log_slope with ζ
  };

  /// θ, which is mapped onto the support; x itself where there is no edge.
  struct OnLine {
    double theta;
    double slope, curvature;  ///< its derivatives with ζ
  };

  /// The identity.
  MarginalCoordinate() = default;

  /// `log_density(x)` need not be normalised. Throws std::range_error where it is finite nowhere within e^±740 of a finite edge
  /// of the support, or within ±740 where there is none.
  MarginalCoordinate(const Support& support, const std::function<double(double)>& log_density);

  At operator()(double zeta) const;
  OnLine on_line(double zeta) const;

 private:
  struct Knot {
    double theta, slope;  // dθ/dζ
  };
  struct Scored {
    double score, theta, slope;
  };

  static constexpr double reach = 6;  // of the table, in ζ; straight lines beyond
  static constexpr std::size_t steps = 240;
  static constexpr double step = 2 * reach / static_cast<double>(steps);

  At on_support(double theta) const;
  std::vector<Scored> normal_scores(const std::function<double(double)>& log_density) const;

  Support support_;
  std::array<Knot, steps + 1> table_{};
  bool is_identity_ = true;
};

}  // namespace filbert
