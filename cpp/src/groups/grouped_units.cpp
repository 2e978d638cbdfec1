// Centres, scales and whitens: one QR of all rows with the priors.
#include "filbert/groups/grouped_units.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "filbert/numeric/require.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

/// The triangle of all rows of a summary in the given columns.
MatrixXd triangle_of(const GroupedSummary& summary, const MatrixXd& columns) {
  const Index w = columns.rows();
  const Index width = columns.cols();
  MatrixXd triangle = MatrixXd::Zero(width, width);
  MatrixXd stacked(std::max<Index>(4 * width, 512), width);
  Index filled = 0;
  const auto fold = [&] {
    MatrixXd all(width + filled, width);
    all << triangle, stacked.topRows(filled);
    const Eigen::HouseholderQR<Eigen::Ref<MatrixXd>> qr(all);
    triangle = qr.matrixQR().topRows(width).triangularView<Eigen::Upper>();
    filled = 0;
  };
  const auto add = [&](const MatrixXd& rows) {
    for (Index i = 0; i < rows.rows(); ++i) {
      if (filled == stacked.rows()) fold();
      stacked.row(filled++) = rows.row(i);
    }
  };
  add(summary.rest() * columns);
  for (const GroupedSummary::Group& group : summary.groups()) add(group.rows.rightCols(w) * columns);
  fold();
  return triangle;
}

double power_of_two_near(double magnitude) { return magnitude > 0 ? std::ldexp(1.0, std::ilogb(magnitude)) : 1.0; }

void check_scale(const ScalePrior& scale, bool may_be_zero, const std::string& name) {
  if (scale.fixed) {
    require(std::isfinite(*scale.fixed) && (*scale.fixed > 0 || (may_be_zero && *scale.fixed == 0)),
            name + " must be fixed at a positive number, not " + std::to_string(*scale.fixed));
    return;
  }
  require(scale.prior.support().lower >= 0,
          "the prior of " + name + " must be one on positive values, such as HalfNormal or HalfCauchy");
}

/// Whether the intercept's prior is about a mean that levels are part of.
bool is_about_levels(const GroupedModel& model) {
  return model.levels && model.intercept && model.about == InterceptPrior::AtMeans;
}

}  // namespace

void validate(const std::vector<TermModel>& terms, const GroupStructure& structure) {
  require(terms.size() == structure.terms.size(), "there must be a model of each of the " +
                                                      std::to_string(structure.terms.size()) + " group terms, not of " +
                                                      std::to_string(terms.size()));
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const std::string name = "the deviations of group term " + std::to_string(t);
    require(static_cast<Index>(terms[t].deviations.size()) == structure.terms[t].columns,
            name + " must have " + std::to_string(structure.terms[t].columns) + " priors, not " +
                std::to_string(terms[t].deviations.size()));
    for (const ScalePrior& deviation : terms[t].deviations) check_scale(deviation, true, name);
    require(
        terms[t].lkj_eta > 0 && std::isfinite(terms[t].lkj_eta),
        "lkj_eta of group term " + std::to_string(t) + " must be positive, not " + std::to_string(terms[t].lkj_eta));
  }
}

void GroupedModel::validate(const GroupedSummary& summary) const {
  const Index n_coefficients = summary.columns() + (intercept ? 1 : 0);
  require(static_cast<Index>(coefficient_priors.size()) == n_coefficients,
          "coefficient_priors must have one prior for each of the " + std::to_string(n_coefficients) +
              " coefficients, not " + std::to_string(coefficient_priors.size()));
  require(summary.statistics().total_weight() > 0, "there must be a row of positive weight");
  check_scale(sigma, false, "sigma");
  filbert::validate(terms, summary.structure());
  if (!levels) return;
  levels->validate(summary);
  require(terms.front().deviations.front().fixed == 1.0, "the effects of levels must have the deviation 1");
  require(!is_about_levels(*this) || coefficient_priors.front().is_gaussian(),
          "an intercept at the means of many levels must have a normal prior");
}

void LevelPriors::validate(const GroupedSummary& summary) const {
  const GroupStructure& structure = summary.structure();
  require(structure.factors() == 1 && structure.terms.size() == 1 && structure.terms.front().columns == 1,
          "levels must be the groups of one factor with one effect each");
  const Index n = structure.groups(0) - (reference < 0 ? 0 : 1);
  require(reference >= -1 && reference < structure.groups(0), "the reference must be one of the groups");
  require(mean.size() == n && deviation.size() == n,
          "there must be " + std::to_string(n) + " means and deviations of levels");
  require(mean.allFinite() && deviation.allFinite() && (n == 0 || deviation.minCoeff() > 0),
          "the deviations of levels must be positive, and their means finite");
}

GroupedUnits::GroupedUnits(const GroupedSummary& summary, const GroupedModel& model) {
  const Index n = static_cast<Index>(model.coefficient_priors.size());
  for (const bool is_marginal : {true, false}) {
    for (Index k = 0; k < n; ++k) {
      if (model.coefficient_priors[at(k)].is_gaussian() == is_marginal) order.push_back(k);
    }
  }
  sampled = std::count_if(model.coefficient_priors.begin(), model.coefficient_priors.end(),
                          [](const Prior& prior) { return !prior.is_gaussian(); });
  const MatrixXd placed = place_columns(summary, model);
  const VectorXd shift = set_basis(triangle_of(summary, placed), summary.statistics().total_weight(), model);
  set_prior_square(model);
  columns.of_w.resize(placed.rows(), n + 1);
  columns.of_w.leftCols(n).noalias() = placed(Eigen::all, order) * basis;
  columns.of_w.col(n) = placed.col(n) - placed(Eigen::all, order) * shift;
  set_effect_units(summary);
  if (model.levels) set_levels(summary, model);

  // A density in the user's units: of the response, and of parameters with flat priors.
  const double log_unit = std::log(response_scale) + 0.5 * std::log(2 * std::numbers::pi);
  log_constant -= summary.statistics().total_weight() * log_unit;
  for (Index k = 0; k < n; ++k) {
    if (!model.coefficient_priors[at(k)].is_proper()) log_constant += std::log(scale(k));
  }
}

/// From W to the coefficients' columns, in the model's order, and the response.
MatrixXd GroupedUnits::place_columns(const GroupedSummary& summary, const GroupedModel& model) {
  const Index p = summary.columns();
  const Index first = model.intercept ? 1 : 0;
  const VectorXd origin = summary.origin().cwiseQuotient(summary.unit());
  response_scale = summary.unit()(p);
  scale = VectorXd::Constant(p + first, response_scale);
  scale.tail(p).array() /= summary.unit().head(p).array();
  MatrixXd placed = MatrixXd::Zero(p + 2, p + first + 1);
  placed.block(1, first, p + 1, p + 1).setIdentity();
  reference = VectorXd::Zero(p + first);
  if (!model.intercept) {
    placed.row(0) = origin.transpose();
    return placed;
  }
  placed(0, 0) = 1;
  // Only a coefficient of its own can be sampled.
  const bool at_the_means = model.about == InterceptPrior::AtMeans || model.coefficient_priors.front().is_gaussian();
  prior_at_zero_ = at_the_means && model.about == InterceptPrior::AtZero;
  const VectorXd at_means = summary.statistics().mean().head(p).cwiseQuotient(summary.unit().head(p));
  mean = at_the_means ? at_means : VectorXd(VectorXd::Zero(p));
  placed.block(0, 1, 1, p) = (origin.head(p) - mean).transpose();
  reference(std::find(order.begin(), order.end(), 0) - order.begin()) =
      origin(p);  // the response stays about its origin
  return placed;
}

/// Prior k is about row k times α, columns in `order`.
MatrixXd GroupedUnits::combinations(const GroupedModel& model) const {
  const Index n = coefficients();
  MatrixXd rows = MatrixXd::Identity(n, n);
  if (model.intercept && prior_at_zero_) rows.row(0).tail(mean.size()) = -mean.transpose();
  return rows(Eigen::all, order);
}

/// Whitens the rows and the priors, and moves the reference to their solution; returns by how much.
VectorXd GroupedUnits::set_basis(const MatrixXd& data, double total_weight, const GroupedModel& model) {
  const Index n = coefficients();
  const MatrixXd ordered = data(Eigen::all, order);
  const VectorXd response = data.col(n);
  double unexplained = response.squaredNorm();
  double freedom = total_weight;
  if (n > 0) {
    const Eigen::ColPivHouseholderQR<MatrixXd> qr(ordered);
    const VectorXd rotated = qr.householderQ().adjoint() * response;
    unexplained = rotated.tail(rotated.size() - qr.rank()).squaredNorm();
    freedom -= static_cast<double>(qr.rank());
  }
  sigma0 = std::sqrt(unexplained / std::max(freedom, 1.0));
  if (!(sigma0 > 0)) sigma0 = 1e-3;
  basis = MatrixXd::Zero(n, n);
  if (n == 0) return VectorXd(0);

  const MatrixXd combination = combinations(model);
  MatrixXd stacked(data.rows() + n, n);
  VectorXd target(data.rows() + n);
  stacked.topRows(data.rows()) = ordered / sigma0;
  target.head(data.rows()) = response / sigma0;
  for (Index k = 0; k < n; ++k) {
    const Prior prior = model.coefficient_priors[at(k)].scaled(1 / scale(k));
    const GaussianProxy proxy = prior.proxy(prior.proxy(0).mean);
    const double root = std::sqrt(proxy.precision);
    if (!std::isfinite(root * proxy.mean)) throw UncomputablePosterior(k);
    stacked.row(data.rows() + k) = root * combination.row(k);
    target(data.rows() + k) = root * (proxy.mean - combination.row(k).dot(reference));
  }
  VectorXd unit = stacked.colwise().stableNorm().transpose();
  unit = (unit.array() > 0).select(unit, 1);
  stacked *= unit.cwiseInverse().asDiagonal();
  const Eigen::ColPivHouseholderQR<MatrixXd> pivoted(stacked);
  if (!(std::abs(pivoted.matrixQR()(n - 1, n - 1)) > 1e-13)) {
    throw ImproperPosterior(
        "the posterior is improper: some coefficients are determined neither by the data nor by a proper prior");
  }
  const Eigen::HouseholderQR<MatrixXd> qr(stacked);
  const MatrixXd triangle = qr.matrixQR().topRows(n).triangularView<Eigen::Upper>();
  const MatrixXd inverse = triangle.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(n, n));
  basis = unit.cwiseInverse().asDiagonal() * inverse;
  log_constant += basis.diagonal().head(marginal()).array().abs().log().sum();
  const VectorXd shift = unit.cwiseInverse().asDiagonal() * VectorXd(pivoted.solve(target));
  reference += shift;
  return shift;
}

void GroupedUnits::set_prior_square(const GroupedModel& model) {
  const Index n = coefficients();
  const MatrixXd combination = combinations(model);
  prior_square = MatrixXd::Zero(n + 1, n + 1);
  for (Index k = 0; k < n; ++k) {
    const Prior prior = model.coefficient_priors[at(k)].scaled(1 / scale(k));
    if (!prior.is_gaussian() || !prior.is_proper()) continue;
    const VectorXd row = prior_row(prior, combination, k);
    // That of an intercept at the means reaches levels too.
    if (order[at(k)] != 0 || !is_about_levels(model)) prior_square += row * row.transpose();
    log_constant += 0.5 * std::log(prior.proxy(0).precision / (2 * std::numbers::pi));
  }
}

/// A Gaussian prior as a row of unit variance in v.
VectorXd GroupedUnits::prior_row(const Prior& scaled, const MatrixXd& combination, Index k) const {
  const GaussianProxy exact = scaled.proxy(0);
  VectorXd row(coefficients() + 1);
  row.head(coefficients()) = basis.transpose() * combination.row(k).transpose();
  row(coefficients()) = exact.mean - combination.row(k).dot(reference);
  return std::sqrt(exact.precision) * row;
}

void GroupedUnits::set_levels(const GroupedSummary& summary, const GroupedModel& model) {
  const LevelPriors& priors = *model.levels;
  const Index n_groups = summary.structure().groups(0);
  StandardLevels levels{VectorXd::Zero(n_groups), VectorXd::Zero(n_groups)};
  VectorXd share = VectorXd::Zero(n_groups);  // the mean of each level's column
  for (Index g = 0, k = 0; g < n_groups; ++g) {
    if (g == priors.reference) continue;
    levels.mean(g) = priors.mean(k) / response_scale;
    levels.deviation(g) = priors.deviation(k) / response_scale;
    const MatrixXd& rows = summary.groups()[at(g)].rows;
    if (rows.rows() > 0) share(g) = rows(0, 0) * rows(0, 0) / summary.statistics().total_weight();
    ++k;
  }
  columns.effect_unit.front()(0) = response_scale;  // so that 1 is the deviation in any unit
  const auto intercept = std::find(order.begin(), order.end(), 0) - order.begin();
  if (is_about_levels(model) && model.coefficient_priors.front().is_proper()) {
    const Prior prior = model.coefficient_priors.front().scaled(1 / scale(0));
    const double root = std::sqrt(prior.proxy(0).precision);
    LevelRow row{prior_row(prior, combinations(model), intercept), VectorXd()};
    row.of_v.tail(1).array() -= root * share.dot(levels.mean);
    row.of_groups = root * share.cwiseProduct(levels.deviation);
    columns.level_row = std::move(row);
  }
  columns.levels = std::move(levels);
}

/// Powers of two near the root mean square of each column of Z.
void GroupedUnits::set_effect_units(const GroupedSummary& summary) {
  const GroupStructure& structure = summary.structure();
  for (Index f = 0; f < structure.factors(); ++f) {
    effect_products.push_back(MatrixXd::Zero(structure.effects(f), structure.effects(f)));
  }
  const Index primary = structure.primary();
  for (const GroupedSummary::Group& group : summary.groups()) {
    const Index q = structure.effects(primary);
    const auto own = group.rows.leftCols(q);
    effect_products[at(primary)] += own.transpose() * own;
    for (std::size_t k = 0; k < group.tail.size(); ++k) {
      Index factor = 0;
      while (factor == primary || group.tail[k] >= structure.tail_offset(factor + 1)) ++factor;
      const Index effects = structure.effects(factor);
      const Index column = (group.tail[k] - structure.tail_offset(factor)) % effects;
      const Index of_level = group.tail[k] - column;  // the first column of its level
      for (std::size_t l = k; l < group.tail.size() && group.tail[l] < of_level + effects; ++l) {
        const Index other = group.tail[l] - of_level;
        const double product = group.rows.col(q + static_cast<Index>(k)).dot(group.rows.col(q + static_cast<Index>(l)));
        effect_products[at(factor)](column, other) += product;
        if (other != column) effect_products[at(factor)](other, column) += product;
      }
    }
  }
  const double n = summary.statistics().total_weight();
  for (const MatrixXd& products : effect_products) {
    columns.effect_unit.push_back(
        products.diagonal().unaryExpr([n](double sum) { return power_of_two_near(std::sqrt(sum / n)); }));
  }
}

void GroupedUnits::to_user(const Eigen::Ref<const VectorXd>& gamma, Eigen::Ref<VectorXd> coefficients) const {
  for (Index i = 0; i < gamma.size(); ++i) {
    const Index k = order[at(i)];
    coefficients(k) = (reference(i) + basis.row(i).tail(gamma.size() - i).dot(gamma.tail(gamma.size() - i))) * scale(k);
  }
  for (Index j = 0; j < mean.size(); ++j) {  // the mean is in the columns' units
    coefficients(0) -= mean(j) * (coefficients(1 + j) / scale(1 + j)) * response_scale;
  }
}

void GroupedUnits::from_user(const Eigen::Ref<const VectorXd>& coefficients, Eigen::Ref<VectorXd> gamma) const {
  const Index n = gamma.size();
  for (Index i = 0; i < n; ++i) {
    const Index k = order[at(i)];
    double alpha = coefficients(k) / scale(k);
    for (Index j = 0; k == 0 && j < mean.size(); ++j) alpha += mean(j) * (coefficients(1 + j) / scale(1 + j));
    gamma(i) = alpha - reference(i);
  }
  basis.triangularView<Eigen::Upper>().solveInPlace(gamma);
}

}  // namespace filbert
