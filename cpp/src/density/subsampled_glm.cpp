// Expands the likelihood at the mode, bounds what the expansion leaves of each row, and thins candidates by what it truly leaves.
#include "filbert/density/subsampled_glm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "filbert/threads/thread_pool.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double cube(double x) { return x * x * x; }

double positive_part(double x) { return std::isnan(x) ? infinity : std::max(x, 0.0); }

}  // namespace

std::optional<SubsampledGlm> SubsampledGlm::of(const FramedGlm& density, const SubsamplingSettings& settings) {
  const UnconstrainedGlm& unconstrained = density.unconstrained();
  if (!unconstrained.data().family() || !unconstrained.is_linear() || unconstrained.coefficients() == 0 ||
      unconstrained.dimension() != unconstrained.coefficients()) {
    return std::nullopt;
  }
  const auto third = ThirdDerivativeBound::of(*unconstrained.data().family(), unconstrained.data().link());
  if (!third) return std::nullopt;
  return SubsampledGlm(density, *third, settings);
}

SubsampledGlm::SubsampledGlm(const FramedGlm& density, const ThirdDerivativeBound& third,
                             const SubsamplingSettings& settings)
    : framed_(density), settings_(settings), q_(density.dimension()) {
  auto expansion = std::make_shared<Terms>();
  expand(density, *expansion);
  bound_rows(data(), third, settings, *expansion);
  expansion_ = std::move(expansion);
  columns_from_ = columns_to_ = VectorXd::Zero(data().columns());
}

void SubsampledGlm::expand(const FramedGlm& density, Terms& expansion) {
  const UnconstrainedGlm& unconstrained = density.unconstrained();
  const GlmData& data = unconstrained.data();
  const Index columns = data.columns();
  expansion.columns.resize(columns);
  unconstrained.to_columns(density.centre(), expansion.columns);
  expansion.slopes = unconstrained.column_slopes(density.centre()) * density.directions();
  VectorXd gradient(columns), of_auxiliaries(1);
  MatrixXd hessian(columns, columns);
  expansion.value = data.curvature(expansion.columns, unconstrained.posterior().fixed_auxiliaries(),
                                   Information::Observed, gradient, of_auxiliaries, hessian);
  expansion.gradient = expansion.slopes.transpose() * gradient;
  expansion.hessian = expansion.slopes.transpose() * (hessian.selfadjointView<Eigen::Lower>() * expansion.slopes);
}

void SubsampledGlm::bound_rows(const GlmData& data, const ThirdDerivativeBound& third,
                               const SubsamplingSettings& settings, Terms& terms) {
  const Index n = data.rows(), d = terms.slopes.cols();
  const Index panels = (n + panel_rows - 1) / panel_rows;
  terms.radius = std::sqrt(static_cast<double>(d)) + 3;  // hardly a draw of a standard normal is longer
  terms.bounds.resize(n);
  terms.of_panels.resize(panels);
  VectorXd longest(panels);
  share(panels, settings.threads, 64, [&](Index first, Index last) {
    for (Index panel = first; panel < last; ++panel) {
      const Index row = panel * panel_rows, count = std::min<Index>(panel_rows, n - row);
      longest(panel) =
          bound_remainders(data, third, terms, terms.radius, row, row + count, terms.bounds.segment(row, count));
    }
  });
  terms.bounds *= settings.share_of_the_bounds;
  for (Index panel = 0; panel < panels; ++panel) {
    const Index row = panel * panel_rows;
    terms.of_panels(panel) = terms.bounds.segment(row, std::min<Index>(panel_rows, n - row)).sum();
  }
  terms.total = terms.of_panels.sum();
  terms.growth = third.growth() * longest.maxCoeff();
  if (terms.total > 0 && std::isfinite(terms.total)) terms.panels = AliasTable(terms.of_panels);
}

void SubsampledGlm::batch(const Eigen::Ref<const MatrixXd>& positions, Eigen::Ref<VectorXd> values) {
  const Terms& at_mode = *expansion_;
  bent_.noalias() = at_mode.hessian * positions;
  for (Index i = 0; i < positions.cols(); ++i) {
    q_ = framed_.centre();
    q_.noalias() += framed_.directions().triangularView<Eigen::Upper>() * positions.col(i);
    const double value = framed_.log_determinant() + framed_.unconstrained().prior_value(q_) + at_mode.value +
                         positions.col(i).dot(at_mode.gradient + 0.5 * bent_.col(i));
    values(i) = std::isnan(value) ? -infinity : value;
  }
}

/// A multiple of it bounds the remainder of each row: |z|³, and more beyond the ball that the bounds are of.
double SubsampledGlm::reach(double squared_norm) const {
  const double norm = std::sqrt(squared_norm);
  return cube(norm) * std::exp(expansion_->growth * std::max(norm - expansion_->radius, 0.0));
}

double SubsampledGlm::bound(Index row, const VectorXd& z) const {
  return expansion_->bounds(row) * reach(z.squaredNorm());
}

double SubsampledGlm::expected_candidates() const {
  const double d = static_cast<double>(dimension());
  return 2 * expansion_->total * std::exp(1.5 * std::log(2.0) + std::lgamma((d + 3) / 2) - std::lgamma(d / 2));
}

bool SubsampledGlm::passes(Rng& rng, const VectorXd& from, const VectorXd& to) {
  const double reaches = reach(from.squaredNorm()) + reach(to.squaredNorm());
  const double intensity = expansion_->total * reaches;
  if (intensity == 0) return true;
  if (!(intensity <= settings_.most_candidates * static_cast<double>(data().rows()))) {
    return -std::log1p(-rng.uniform()) > loss_of_all(from, to);
  }
  bool is_ready = false;
  for (double time = -std::log1p(-rng.uniform()); time < intensity; time -= std::log1p(-rng.uniform())) {
    const Index panel = expansion_->panels(rng.uniform());
    double left = rng.uniform() * expansion_->of_panels(panel);
    Index row = panel * panel_rows;
    const Index last = std::min(row + panel_rows, data().rows()) - 1;
    while (row < last && left >= expansion_->bounds(row)) left -= expansion_->bounds(row++);
    if (!std::exchange(is_ready, true)) {
      columns_from_.noalias() = expansion_->slopes * from;
      columns_to_.noalias() = expansion_->slopes * to;
    }
    if (rng.uniform() * reaches * expansion_->bounds(row) < loss(row)) return false;
  }
  return true;
}

/// By how much the remainder of a row falls between `columns_from_` and `columns_to_`; 0 where it rises.
double SubsampledGlm::loss(Index row) {
  ++rows_evaluated_;
  return remainder_loss(data(), row, expansion_->columns, columns_from_, columns_to_,
                        framed_.unconstrained().posterior().fixed_auxiliaries());
}

double SubsampledGlm::remainder(Index row, const VectorXd& z) {
  columns_to_.setZero();
  columns_from_.noalias() = expansion_->slopes * z;
  const double fall = loss(row);
  columns_to_.swap(columns_from_);
  return fall > 0 ? fall : -loss(row);
}

double SubsampledGlm::loss_of_all(const VectorXd& from, const VectorXd& to) {
  const Index n = data().rows();
  rows_evaluated_ += static_cast<double>(n);
  const VectorXd& auxiliaries = framed_.unconstrained().posterior().fixed_auxiliaries();
  VectorXd eta(n), eta_from(n), eta_to(n), d1(n), d2(n), value_from(n), value_to(n);
  data().predict(expansion_->columns, eta);
  data().predict(expansion_->columns + expansion_->slopes * from, eta_from);
  data().predict(expansion_->columns + expansion_->slopes * to, eta_to);
  data().single(eta, auxiliaries, {.d1 = d1.data(), .d2 = d2.data()});
  data().single(eta_from, auxiliaries, {.value = value_from.data()});
  data().single(eta_to, auxiliaries, {.value = value_to.data()});
  double sum = 0;
  for (Index i = 0; i < n; ++i) {
    if (!(data().weight(i) > 0)) continue;
    const double a = eta_from(i) - eta(i), b = eta_to(i) - eta(i);
    sum += data().weight(i) *
           positive_part(value_from(i) - value_to(i) - d1(i) * (a - b) - 0.5 * d2(i) * (a - b) * (a + b));
  }
  return sum;
}

}  // namespace filbert
