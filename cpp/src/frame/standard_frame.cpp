// Puts the parts of the frame together, and moves them to where the posterior is.
#include "filbert/frame/standard_frame.hpp"

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "filbert/summary/triangle.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Residual deviation of least squares where there is one, and otherwise the size of the response. A start, no more: the rank is read
/// off the diagonal of a triangle without pivots.
double starting_sigma(const ScaledRegression& regression) {
  double unexplained = regression.residual;
  double freedom = regression.total_weight;
  const Index p = regression.factor.cols();
  if (p > 0) {
    MatrixXd rows(regression.factor.rows(), p + 1);
    rows << regression.factor, regression.target;
    const MatrixXd triangle = triangle_of(rows);
    unexplained += triangle(p, p) * triangle(p, p);
    for (Index j = 0; j < p; ++j) {
      if (triangle(j, j) > 1e-10 * triangle.col(j).head(j + 1).norm()) {
        freedom -= 1;
      } else {
        unexplained += triangle(j, p) * triangle(j, p);
      }
    }
  }
  if (freedom > 0 && unexplained > 0) return std::sqrt(unexplained / freedom);
  return std::sqrt((regression.residual + regression.target.squaredNorm()) / regression.total_weight);
}

/// The regression at σ₀, with proxies for priors; the bounded coefficients stand at their reference values.
GaussianRows rows_of(const ScaledRegression& regression, const PriorEdges& edges, const PriorProxies& proxies,
                     double sigma0) {
  const Index rows = regression.target.size();
  const Index p = static_cast<Index>(edges.free().size());
  GaussianRows result{rows, MatrixXd(rows + p, p), MatrixXd(rows + p, edges.bounded_size()), VectorXd(rows + p),
                      regression.residual / (sigma0 * sigma0)};
  result.free.topRows(rows) = regression.factor(Eigen::all, edges.free()) / sigma0;
  result.held.topRows(rows) = regression.factor(Eigen::all, edges.bounded()) / sigma0;
  result.target.head(rows) = regression.target / sigma0;
  for (Index k = 0; k < p; ++k) {
    const Index coefficient = edges.free()[static_cast<std::size_t>(k)];
    const double root = std::sqrt(proxies[coefficient].precision);
    result.free.row(rows + k) = root * regression.combinations(coefficient, edges.free());
    result.held.row(rows + k) = root * regression.combinations(coefficient, edges.bounded());
    result.target(rows + k) = root * proxies[coefficient].mean;
  }
  result.target -= result.held * edges.reference();
  return result;
}

}  // namespace

StandardFrame::StandardFrame(const ScaledRegression& regression)
    : edges_(static_cast<Index>(regression.coefficient_priors.size())),
      proxies_(regression.coefficient_priors),
      sigma_(regression.total_weight, regression.sigma_prior, std::log(starting_sigma(regression))) {
  sigma_.require_proper(proxies_.flat());
  do {
    settle(regression);
  } while (edges_.bind(regression, proxies_, coefficients_at_median(), deviations_at_median()));
}

// σ₀ follows the mode of σ, and proxies follow the mode of the coefficients; Gaussian priors need one round, or two.
void StandardFrame::settle(const ScaledRegression& regression) {
  constexpr int most_rounds = 12;
  for (int round = 1; round <= most_rounds; ++round) {
    precision_ = PrecisionFrame(rows_of(regression, edges_, proxies_, sigma_.sigma0()));
    sigma_.locate(precision_);
    if (round == most_rounds) break;  // the frame is a change of variables: exact, if not the best
    const bool far = std::abs(sigma_.median()) > 1;
    const bool moved = proxies_.update(regression.coefficient_priors, edges_.free(),
                                       regression.combinations * coefficients_at_median());
    if (!far && !moved) break;
    if (far) sigma_.move_to_median();
  }
}

VectorXd StandardFrame::coefficients_at_median() const {
  PrecisionFrame::Conditional at;
  precision_.condition(sigma_.median(), precision_.reference_pulls(), at);
  VectorXd coefficients(this->coefficients());
  coefficients(edges_.free()) = precision_.centre() + precision_.directions() * at.mean.matrix();
  coefficients(edges_.bounded()) = edges_.reference();
  return coefficients;
}

VectorXd StandardFrame::deviations_at_median() const {
  PrecisionFrame::Conditional at;
  precision_.condition(sigma_.median(), precision_.reference_pulls(), at);
  return (precision_.directions() * at.inverse_root_precision.matrix().asDiagonal()).rowwise().norm();
}

void StandardFrame::pulls_at(const VectorXd& bounded_values, PrecisionFrame::Pulls& into) const {
  into.distance = bounded_values - edges_.reference();
  precision_.update(into);
}

VectorXd StandardFrame::prior_shifts(double sigma) const {
  if (!(sigma > 0)) throw std::invalid_argument("sigma must be positive, not " + std::to_string(sigma));
  return precision_.prior_shifts(sigma_.median()) * (sigma_.sigma0() / sigma);
}

MatrixXd StandardFrame::prior_shares() const {
  MatrixXd shares = MatrixXd::Zero(coefficients(), free());
  const MatrixXd of_free = precision_.prior_shares();
  for (Index j = 0; j < free(); ++j) shares.col(j)(edges_.free()) = of_free.col(j);
  return shares;
}

}  // namespace filbert
