// Bounds the third derivative of a row's log likelihood around a linear predictor.
#pragma once

#include <optional>

#include "filbert/families/family.hpp"

namespace filbert {

/// An upper bound of |d³ℓ/dη³|, unweighted, over all η within some distance of a linear predictor. It need not be tight.
class ThirdDerivativeBound {
 public:
  /// Empty for families and links whose bound is not known.
  static std::optional<ThirdDerivativeBound> of(Family family, Link link);

  /// Over [eta - reach, eta + reach].
  double operator()(double eta, double reach, double y, double trials) const;

  /// Where `reach` grows by r, the bound grows by a factor of at most exp(growth · r).
  double growth() const { return kind_ == Kind::Probit ? 2 : 1; }

 private:
  enum class Kind { Logit, Probit, Cloglog, Exponential };
  explicit ThirdDerivativeBound(Kind kind) : kind_(kind) {}

  Kind kind_;
};

}  // namespace filbert
