// Univariate priors: log density with derivative, support, and the Gaussian that stands in for each in the standard frame.
#pragma once

#include <limits>
#include <span>
#include <string_view>

namespace filbert {

/// The open interval on which a density is positive.
struct Support {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();

  bool contains(double x) const { return x > lower && x < upper; }
  bool is_real_line() const { return lower == -std::numeric_limits<double>::infinity() && upper == -lower; }
};

/// Mean and precision of a Gaussian; precision 0 is flat.
struct GaussianProxy {
  double mean = 0;
  double precision = 0;
};

/// A log density and its derivative at the same point.
struct LogDensityAt {
  double value;
  double derivative;
};

class Prior;

/// A prior that can be asked for by its name.
struct NamedPrior {
  std::string_view name;
  std::span<const std::string_view> parameters;   ///< their names, in order
  Prior (*make)(std::span<const double> values);  ///< of as many values as there are parameters
};

/// One univariate prior. Parameters have PyMC's names, order and meaning; a half prior is its parent cut at 0.
///
/// A new prior is a row of the table in prior.cpp and its formulas there; nothing in this file changes. Constructors throw
/// std::invalid_argument where a parameter is out of range.
class Prior {
 public:
  /// Every prior by name.
  static std::span<const NamedPrior> table();

  /// The prior of that name in the table. Throws std::invalid_argument for an unknown name and for too many or few parameters.
  static Prior named(std::string_view name, std::span<const double> parameters);

  static Prior normal(double mu, double sigma);
  static Prior student_t(double nu, double mu, double sigma);
  static Prior cauchy(double alpha, double beta);
  static Prior laplace(double mu, double b);
  static Prior uniform(double lower, double upper);
  static Prior flat();
  static Prior half_normal(double sigma);
  static Prior half_student_t(double nu, double sigma);
  static Prior half_cauchy(double beta);
  static Prior half_flat();
  static Prior exponential(double lam);
  static Prior gamma(double alpha, double beta);
  static Prior inverse_gamma(double alpha, double beta);

  /// Outside the support the value is -inf and the derivative 0.
  LogDensityAt operator()(double x) const;

  const Support& support() const { return support_; }
  bool is_proper() const;

  /// True where the proxy is the prior itself, up to a constant: a Gaussian, or flat, on the whole line.
  bool is_gaussian() const;

  /// The Gaussian used for this prior in the frame, given that the posterior lies around `at`.
  ///
  /// Student t and Laplace: the quadratic that touches the log density at `at` and has the prior's own centre (the weights of
  /// iteratively reweighted least squares), whose precision is positive everywhere. Uniform, gamma: equal moments.
  GaussianProxy proxy(double at) const;

  /// log π(σ) ≈ exponent · log σ + constant as σ → ∞; decides whether a posterior of σ is proper.
  double tail_exponent() const;

  /// The density of `factor` · x, where x has this one; factor > 0.
  Prior scaled(double factor) const;

 private:
  enum class Shape : int;

  Prior(Shape shape, double location, double scale, double degrees, double log_normaliser, Support support)
      : shape_(shape),
        location_(location),
        scale_(scale),
        degrees_(degrees),
        log_normaliser_(log_normaliser),
        support_(support) {}

  Prior halved() const;

  Shape shape_;
  double location_;
  double scale_;    // of a gamma 1/beta, of an inverse gamma beta
  double degrees_;  // nu of Student's t, alpha of the gammas
  double log_normaliser_;
  Support support_;
};

}  // namespace filbert
