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

/// log(1 - tanh²w), also where the difference rounds to 0.
double log_one_less_square(double w) {
  const double distance = std::abs(w);
  return 2 * (std::numbers::ln2 - distance - std::log1p(std::exp(-2 * distance)));
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

void EffectCovariance::factor(const ConstVector& deviations, const ConstVector& w, Eigen::Ref<MatrixXd> into) const {
  into.setZero();
  Index at = 0;
  for (Index i = 0; i < effects_; ++i) {
    double left = deviations(i);  // of the row's length
    for (Index j = 0; correlated_ && j < i; ++j, ++at) {
      into(i, j) = left * std::tanh(w(at));
      left /= std::cosh(w(at));
    }
    into(i, i) = left;
  }
}

void EffectCovariance::factor_slopes(const ConstVector& deviations, const ConstVector& w, const ConstMatrix& slopes,
                                     Eigen::Ref<VectorXd> deviation_slopes, Eigen::Ref<VectorXd> w_slopes) const {
  for (Index i = 0; i < effects_; ++i) {
    const Index first = i * (i - 1) / 2;
    double slope = slopes(i, i);  // of what is left of the row's length, at unit length
    for (Index j = correlated_ ? i : 0; j-- > 0;) {
      double left = deviations(i);
      for (Index k = 0; k < j; ++k) left /= std::cosh(w(first + k));
      const double correlation = std::tanh(w(first + j));
      const double remainder = 1 / std::cosh(w(first + j));
      w_slopes(first + j) = left * remainder * (slopes(i, j) * remainder - slope * correlation);
      slope = slopes(i, j) * correlation + slope * remainder;
    }
    deviation_slopes(i) = slope;
  }
}

void EffectCovariance::correlations_of(const ConstVector& w, Eigen::Ref<VectorXd> into) const {
  if (!is_correlated()) return;
  MatrixXd unit(effects_, effects_);
  factor(VectorXd::Ones(effects_), w, unit);
  Index at = 0;
  for (Index i = 0; i < effects_; ++i) {
    for (Index j = i + 1; j < effects_; ++j) into(at++) = unit.row(i).dot(unit.row(j));
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
  into = deviations.asDiagonal() * into;
}

double EffectCovariance::lkj(const ConstVector& w, Eigen::Ref<VectorXd> slopes) const {
  double value = log_normaliser_;
  Index at = 0;
  for (Index i = 1; correlated_ && i < effects_; ++i) {
    for (Index j = 0; j < i; ++j, ++at) {
      const double a = shape(lkj_eta_, effects_, j);
      // The exponent is a, not a - 1: the Jacobian of tanh is the one factor more.
      value += a * log_one_less_square(w(at));
      slopes(at) -= 2 * a * std::tanh(w(at));
    }
  }
  return value;
}

}  // namespace filbert
