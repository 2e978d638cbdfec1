// Coordinates in which a smooth density of few variables is near a standard normal: scores of its profiles, whitened.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <memory>
#include <vector>

#include "filbert/frame/marginal_coordinate.hpp"
#include "filbert/groups/quasi_newton.hpp"

namespace filbert {

/// Each coordinate of a position is a table of normal scores of its profile, and these are whitened by their curvature over ±0.8:
/// `position_k = score_k⁻¹((directions s)_k)`, `s_j = 3 asinh(u_j / 3)`. The last map does little where the density is, and
/// lightens what is steeper than a normal beyond: a step that is long enough for the one is too long for the other, and a
/// trajectory that strays there would diverge.
class ProfileFrame {
 public:
  /// What coordinates are scores of: profiles, the same found with care, or, where the ridge of a bent density says little of what is
  /// beside it, something smooth of their widths, not whitened.
  enum class Shape { of_profiles, of_careful_profiles, smooth };

  /// From the highest of the modes that are found from some starts, on up to `threads` threads, which changes no number. `copy` gives the
  /// density, each time with scratch of its own. Throws ImproperPosterior, UncomputablePosterior.
  ProfileFrame(const std::function<SmoothFunction()>& copy, const std::vector<Eigen::VectorXd>& starts, int threads = 1,
               Shape shape = Shape::of_profiles);

  Eigen::Index dimension() const { return s_.size(); }

  /// Writes the position, and returns the log Jacobian.
  double locate(const Eigen::Ref<const Eigen::VectorXd>& u, Eigen::Ref<Eigen::VectorXd> position);

  /// After `locate`: from slopes in the position to those in u, with the Jacobian's.
  void pull_back(const Eigen::Ref<const Eigen::VectorXd>& u, const Eigen::Ref<const Eigen::VectorXd>& position_slopes,
                 Eigen::Ref<Eigen::VectorXd> slopes);

  /// The mode of the density, in its own coordinates.
  const Eigen::VectorXd& mode() const { return shared_->mode; }

 private:
  struct Shared {
    Eigen::VectorXd mode;
    std::vector<MarginalCoordinate> scores;
    Eigen::MatrixXd directions;  // upper triangle
    double log_determinant = 0;  // of the directions
  };

  void score(const Eigen::VectorXd& scores, Eigen::Ref<Eigen::VectorXd> position);
  void pull_back_scores(const Eigen::Ref<const Eigen::VectorXd>& position_slopes);

  std::shared_ptr<const Shared> shared_;
  Eigen::VectorXd s_, roots_;                     // of 1 + (u / 3)²
  Eigen::VectorXd scores_, slopes_, curvatures_;  // of the position along the scores
  Eigen::VectorXd score_slopes_;                  // of a density along them
};

}  // namespace filbert
