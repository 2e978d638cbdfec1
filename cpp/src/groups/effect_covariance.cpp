// Walks along the rows of the correlation factor, forwards for its values and backwards for slopes.
#include "filbert/groups/effect_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using ConstVector = Eigen::Ref<const VectorXd>;
using ConstMatrix = Eigen::Ref<const MatrixXd>;

/// A partial correlation tanh w, and what it leaves of a row's length.
struct Partial {
  double correlation, rest, log_rest;
};

/// By one exponential; the logarithm also where the rest rounds to 0.
Partial partial(double w) {
  const double distance = std::abs(w), e = std::exp(-distance), square = e * e;
  return {std::copysign((1 - square) / (1 + square), w), 2 * e / (1 + square),
          std::numbers::ln2 - distance - std::log(1 + square)};
}

/// The shape of the symmetric beta distribution of a partial correlation given j others.
double shape(double lkj_eta, Index effects, Index j) { return lkj_eta + 0.5 * static_cast<double>(effects - 2 - j); }

}  // namespace

EffectCovariance::EffectCovariance(Index effects, bool correlated, double lkj_eta)
    : effects_(effects), correlated_(correlated), lkj_eta_(lkj_eta) {
  for (Index i = 1; correlated && i < effects; ++i) {
    for (Index j = 0; j < i; ++j) {
      const double a = shape(lkj_eta, effects, j);
      log_normaliser_ -= (2 * a - 1) * std::numbers::ln2 + 2 * std::lgamma(a) - std::lgamma(2 * a);
    }
  }
}

void EffectCovariance::correlation_factor(const ConstVector& w, Eigen::Ref<MatrixXd> into) const {
  into.setIdentity();
  Index at = 0;
  for (Index i = 1; is_correlated() && i < effects_; ++i) {
    double left = 1;  // of the row's length
    for (Index j = 0; j < i; ++j, ++at) {
      const Partial given = partial(w(at));
      into(i, j) = left * given.correlation;
      left *= given.rest;
    }
    into(i, i) = left;
  }
}

void EffectCovariance::factor(const ConstVector& deviations, const ConstVector& w, Eigen::Ref<MatrixXd> into) const {
  correlation_factor(w, into);
  for (Index i = 0; i < effects_; ++i) into.row(i) *= deviations(i);
}

void EffectCovariance::factor_slopes(const ConstVector& deviations, const ConstVector& w, const ConstMatrix& slopes,
                                     Eigen::Ref<VectorXd> deviation_slopes, Eigen::Ref<VectorXd> w_slopes) const {
  for (Index i = 0; i < effects_; ++i) {
    const Index first = i * (i - 1) / 2;
    double slope = slopes(i, i);  // of what is left of the row's length, at unit length
    for (Index j = correlated_ ? i : 0; j-- > 0;) {
      double left = deviations(i);
      for (Index k = 0; k < j; ++k) left *= partial(w(first + k)).rest;
      const Partial given = partial(w(first + j));
      w_slopes(first + j) = left * given.rest * (slopes(i, j) * given.rest - slope * given.correlation);
      slope = slopes(i, j) * given.correlation + slope * given.rest;
    }
    deviation_slopes(i) = slope;
  }
}

void EffectCovariance::correlations_of(const ConstVector& w, Eigen::Ref<MatrixXd> factor,
                                       Eigen::Ref<VectorXd> into) const {
  correlation_factor(w, factor);
  Index at = 0;
  for (Index i = 0; is_correlated() && i < effects_; ++i) {
    for (Index j = i + 1; j < effects_; ++j) into(at++) = factor.row(i).dot(factor.row(j));
  }
}

void EffectCovariance::factor_of(const ConstVector& deviations, const ConstVector& correlations,
                                 Eigen::Ref<MatrixXd> into) const {
  into.setIdentity();
  for (Index i = 1; is_correlated() && i < effects_; ++i) {
    for (Index j = 0; j < i; ++j) {
      const Index pair = j * (2 * effects_ - j - 1) / 2 + (i - j - 1);
      const double covered = into.row(i).head(j).dot(into.row(j).head(j));
      into(i, j) = into(j, j) > 0 ? (correlations(pair) - covered) / into(j, j) : 0;
    }
    into(i, i) = std::sqrt(std::max(0.0, 1 - into.row(i).head(i).squaredNorm()));
  }
  for (Index i = 0; i < effects_; ++i) into.row(i) *= deviations(i);
}

double EffectCovariance::lkj(const ConstVector& w, Eigen::Ref<VectorXd> slopes) const {
  double value = log_normaliser_;
  Index at = 0;
  for (Index i = 1; correlated_ && i < effects_; ++i) {
    for (Index j = 0; j < i; ++j, ++at) {
      const double a = shape(lkj_eta_, effects_, j);
      const Partial given = partial(w(at));
      value += 2 * a * given.log_rest;  // not a - 1: the Jacobian of tanh is the one factor more
      slopes(at) -= 2 * a * given.correlation;
    }
  }
  return value;
}

}  // namespace filbert
