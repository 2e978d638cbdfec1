// Changes coordinates twice: outer ones by their profiles, the others by their conditional Cholesky factor.
#include "filbert/groups/framed_grouped_glm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/groups/grouped_glm_laplace.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct PosteriorInParts : UncomputablePosterior {
  PosteriorInParts() : UncomputablePosterior({}) {}
};

/// Throws where a posterior has two parts that no chain would go between, and neither is nothing beside the other: slopes of groups that
/// intercepts at a far zero make up for, and hardly any slopes.
void refuse_parts(const SmoothFunction& density, const VectorXd& start, const VectorXd& other_start) {
  constexpr double same = 0.5;     // distance of coordinates
  constexpr double nothing = 15;   // in log density: e^-15 of a mode is no part
  constexpr double crossable = 4;  // in log density: how far down the way between may lead
  constexpr int steps = 20;
  const Mode one = climb(density, start), other = climb(density, other_start);
  if (!((one.position - other.position).lpNorm<Eigen::Infinity>() > same)) return;
  if (!(std::abs(one.value - other.value) < nothing)) return;
  VectorXd unused(start.size());
  double lowest = std::min(one.value, other.value);
  const double lower_mode = lowest;
  for (int i = 1; i < steps; ++i) {
    const VectorXd between = one.position + (other.position - one.position) * (static_cast<double>(i) / steps);
    lowest = std::min(lowest, density(between, unused));
  }
  if (lowest < lower_mode - crossable) throw PosteriorInParts();
}

}  // namespace

FramedGroupedGlm::FramedGroupedGlm(const GroupedGlm& posterior, bool with_effects)
    : posterior_(posterior),
      with_effects_(with_effects),
      position_(VectorXd::Zero(posterior.dimension())),
      position_slopes_(position_),
      outer_slopes_(VectorXd::Zero(posterior.outer_coefficients().size())),
      located_(VectorXd::Constant(posterior.dimension(), std::numeric_limits<double>::quiet_NaN())) {
  const GroupStructure& structure = posterior_.design().structure();
  for (Index f = 0; f < structure.factors(); ++f) {
    factor_slopes_.push_back(MatrixXd::Zero(structure.effects(f), structure.effects(f)));
  }
  const auto find_another = [&] {
    std::optional<GroupedGlm> other = posterior_.elsewhere();
    if (!other) throw;
    posterior_ = *std::move(other);
    find_frame();
  };
  try {
    find_frame();
  } catch (const PosteriorInParts&) {
    throw;
  } catch (const UncomputablePosterior&) {
    find_another();
  } catch (const ImproperPosterior&) {
    find_another();
  }
}

std::optional<FramedGroupedGlm> FramedGroupedGlm::elsewhere() const {
  const std::optional<GroupedGlm> other = posterior_.elsewhere();
  if (!other) return std::nullopt;
  try {
    return FramedGroupedGlm(*other, with_effects_);
  } catch (const UncomputablePosterior&) {
    return std::nullopt;
  } catch (const ImproperPosterior&) {
    return std::nullopt;
  }
}

void FramedGroupedGlm::find_frame() {
  GroupedGlmLaplace laplace(posterior_);
  const SmoothFunction density = [&](const VectorXd& outer, VectorXd& gradient) {
    ++evaluations_;
    return laplace(outer, gradient);
  };
  const std::vector<VectorXd> starts = laplace.starts();
  if (starts.size() > 1) refuse_parts(density, starts.front(), starts.back());
  using Shape = ProfileFrame::Shape;
  const auto find = [&](Shape shape) {
    frame_.emplace([&] { return SmoothFunction(density); }, starts, 1, shape);
    VectorXd unused(posterior_.outer());
    if (!std::isfinite(laplace(frame_->mode(), unused))) throw UncomputablePosterior({});
    whitening_.emplace(laplace.blocks());
    located_.setConstant(std::numeric_limits<double>::quiet_NaN());  // what an earlier frame knew
    VectorXd slopes(dimension());
    if (!std::isfinite((*this)(VectorXd::Zero(dimension()), slopes))) throw UncomputablePosterior({});
  };
  try {
    find(Shape::of_profiles);
  } catch (const UncomputablePosterior&) {
    find(Shape::of_careful_profiles);
  } catch (const ImproperPosterior&) {
    find(Shape::of_careful_profiles);
  }
}

/// Writes the position, and returns the log Jacobian.
double FramedGroupedGlm::locate(const Eigen::Ref<const VectorXd>& u) {
  if (u == located_) return log_jacobian_;
  const Index outer = posterior_.outer(), inner = dimension() - outer;
  double log_jacobian = frame_->locate(u.head(outer), position_.head(outer));
  posterior_.locate(position_.head(outer));
  log_jacobian -=
      whitening_->forward(posterior_.factors(), posterior_.outer_coefficients(), u.tail(inner), position_.tail(inner));
  located_ = u;
  log_jacobian_ = log_jacobian;
  return log_jacobian;
}

double FramedGroupedGlm::operator()(const VectorXd& u, VectorXd& gradient) {
  const Index outer = posterior_.outer(), inner = dimension() - outer;
  const double log_jacobian = locate(u);
  const double value = posterior_(position_, position_slopes_) + log_jacobian;
  if (!std::isfinite(value)) return -std::numeric_limits<double>::infinity();
  whitening_->backward(posterior_.factors(), position_slopes_.tail(inner), gradient.tail(inner), factor_slopes_,
                       outer_slopes_);
  posterior_.add_outer_slopes(position_.head(outer), factor_slopes_, outer_slopes_, position_slopes_.head(outer));
  frame_->pull_back(u.head(outer), position_slopes_.head(outer), gradient.head(outer));
  return value;
}

VectorXd FramedGroupedGlm::position(const VectorXd& u) {
  locate(u);
  return position_;
}

double FramedGroupedGlm::user_log_density(const VectorXd& u, double log_density) { return log_density - locate(u); }

void FramedGroupedGlm::to_user_scale(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<MatrixXd> draws) {
  for (Index i = 0; i < positions.cols(); ++i) {
    locate(positions.col(i));
    posterior_.to_user_scale(position_, draws.col(i));
  }
}

}  // namespace filbert
