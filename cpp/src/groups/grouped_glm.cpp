// Chains the derivatives of rows through effects, coefficients and the maps of their parameters.
#include "filbert/groups/grouped_glm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>

#include "filbert/groups/effect_centres.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

// In deviations of a predictor: from where on effects are taken at its mean, and from where on they may be.
constexpr double far_from_zero = 10, not_at_zero = 1;

/// No centre of any term.
std::vector<VectorXd> at_zero(const std::vector<TermModel>& terms) { return std::vector<VectorXd>(terms.size()); }

bool has_any(const std::vector<VectorXd>& centres) {
  return std::any_of(centres.begin(), centres.end(), [](const VectorXd& centre) { return centre.size() > 0; });
}

}  // namespace

GroupedGlm::GroupedGlm(const std::shared_ptr<const GlmData>& data, std::shared_ptr<const GroupedDesign> design,
                       const GlmPriors& priors, const std::vector<TermModel>& terms)
    : covariance_(design->structure(), terms, at_zero(terms)) {
  if (data->rows() != design->rows()) {
    throw std::invalid_argument("the codes of the grouping factors must have " + std::to_string(data->rows()) +
                                " elements, one a row, not " + std::to_string(design->rows()));
  }
  const GlmPosterior checked(data, priors);  // throws what is wrong with the priors
  auto shared = std::make_shared<Shared>();
  shared->data = std::make_shared<const GlmData>(data->permuted(design->order()));
  shared->priors = priors;
  const bool at_means = priors.about == InterceptPrior::AtMeans;
  shared->centred = priors.intercept && (at_means || priors.coefficients[0].support().is_real_line());
  if (shared->centred && !at_means) shared->intercept_shift = -1;
  const Index n = static_cast<Index>(priors.coefficients.size());
  shared->scale = VectorXd::Ones(n);
  shared->scale.tail(data->predictors()) = data->scale();

  first_inner_ = covariance_.dimension();
  for (Index k = 0; k < data->auxiliaries(); ++k) {
    const Prior* const prior = std::get_if<Prior>(&priors.auxiliaries[at(k)]);
    shared->auxiliary_maps.emplace_back(prior ? prior->support() : Support{});
    shared->auxiliary_coordinates.push_back(prior ? first_inner_++ : -1);
  }
  for (const bool is_inner : {true, false}) {
    for (Index k = 0; k < n; ++k) {
      if (priors.coefficients[at(k)].support().is_real_line() == is_inner) shared->order.push_back(k);
    }
    if (is_inner) shared->inner = static_cast<Index>(shared->order.size());
  }
  for (Index k = 0; k < shared->inner; ++k) shared->log_constant -= std::log(shared->scale(shared->order[at(k)]));
  for (Index k = shared->inner; k < n; ++k) {
    shared->outer_maps.emplace_back(priors.coefficients[at(shared->order[at(k)])].support());
    ++first_inner_;
  }
  const GroupStructure& structure = design->structure();
  for (Index f = 0; f < structure.factors(); ++f) {
    const Index q = structure.effects(f);
    shared->first_effect.push_back(shared->effects);
    shared->effects += q * structure.groups(f);
    b_.push_back(MatrixXd::Zero(structure.groups(f), q));
    factor_slopes_.push_back(MatrixXd::Zero(q, q));
  }
  b_slopes_ = b_;
  shared->log_constant -= 0.5 * static_cast<double>(shared->effects) * std::log(2 * std::numbers::pi);
  shared->design = design;
  shared->at_zero = std::move(design);
  shared->terms = terms;
  shared->centres = at_zero(terms);
  shared_ = std::move(shared);

  auxiliaries_ = checked.fixed_auxiliaries();
  auxiliary_slopes_ = VectorXd::Zero(std::max<Index>(auxiliaries_.size(), 1));
  outer_coefficients_ = VectorXd::Zero(n - shared_->inner);
  a_ = VectorXd::Zero(n);
  a_slopes_ = a_;
  c_ = VectorXd::Zero(this->data().columns());
  c_slopes_ = c_;
  base_ = VectorXd::Zero(this->data().padded_rows());
  rows_ = base_;
  if (const auto centres = effect_centres(*shared_->at_zero, terms, far_from_zero); has_any(centres)) {
    take_effects_at(centres);
  }
}

void GroupedGlm::take_effects_at(const std::vector<VectorXd>& centres) {
  auto shared = std::make_shared<Shared>(*shared_);
  shared->centres = centres;
  shared->design =
      has_any(centres) ? std::make_shared<const GroupedDesign>(shared->at_zero->centred(centres)) : shared->at_zero;
  shared_ = std::move(shared);
  covariance_ = CovarianceParameters(design().structure(), shared_->terms, centres);
}

std::optional<GroupedGlm> GroupedGlm::elsewhere() const {
  std::vector<VectorXd> centres = at_zero(shared_->terms);
  if (!has_any(shared_->centres)) {
    centres = effect_centres(*shared_->at_zero, shared_->terms, not_at_zero);
    if (!has_any(centres)) return std::nullopt;
  }
  GroupedGlm result = *this;
  result.take_effects_at(centres);
  return result;
}

Index GroupedGlm::parameters() const {
  return coefficients() + covariance_.parameters() + outer() - covariance_.dimension() - outer_coefficients_.size();
}

Eigen::Map<const MatrixXd> GroupedGlm::effects_of(std::size_t factor, const double* v) const {
  return {v + shared_->first_effect[factor], b_[factor].rows(), b_[factor].cols()};
}

void GroupedGlm::locate(const Eigen::Ref<const VectorXd>& outer) {
  covariance_.locate(outer.head(covariance_.dimension()));
  for (Index k = 0; k < auxiliaries_.size(); ++k) {
    const Index coordinate = shared_->auxiliary_coordinates[at(k)];
    if (coordinate >= 0) auxiliaries_(k) = auxiliary_map(k)(outer(coordinate)).value;
  }
  for (Index j = 0; j < outer_coefficients_.size(); ++j) {
    const double value = shared_->outer_maps[at(j)](outer(first_outer_coefficient() + j)).value;
    outer_coefficients_(j) = value * shared_->scale(shared_->order[at(inner() + j)]);
  }
}

/// After `locate`: a in the model's order, and c, which GlmData wants.
void GroupedGlm::set_coefficients(const Eigen::Ref<const VectorXd>& of_inner) {
  for (Index k = 0; k < inner(); ++k) a_(shared_->order[at(k)]) = of_inner(k);
  for (Index j = 0; j < outer_coefficients_.size(); ++j) a_(shared_->order[at(inner() + j)]) = outer_coefficients_(j);
  const Index p = data().predictors();
  c_.tail(p) = a_.tail(p);
  c_(0) = has_intercept() ? a_(0) : 0.0;
  if (shared_->centred) return;
  for (Index j = 0; j < p; ++j) c_(0) += a_(coefficients() - p + j) * (data().mean()(j) / data().scale()(j));
}

/// After `locate`: b = Λ v.
void GroupedGlm::set_effects(const double* v) {
  for (std::size_t f = 0; f < b_.size(); ++f) {
    const MatrixXd& factor = factors()[f];
    const Eigen::Map<const MatrixXd> of_factor = effects_of(f, v);
    for (Index i = 0; i < factor.rows(); ++i) {
      b_[f].col(i) = factor(i, 0) * of_factor.col(0);
      for (Index j = 1; j <= i; ++j) b_[f].col(i) += factor(i, j) * of_factor.col(j);
    }
  }
}

double GroupedGlm::operator()(const VectorXd& position, VectorXd& gradient) {
  locate(position.head(outer()));
  set_coefficients(position.segment(outer(), inner()));
  const double* const v = position.data() + outer() + inner();
  set_effects(v);
  for (Index i = 0; i < data().rows(); ++i) base_(i) = data().offset(i);
  design().add_effects(b_, base_);
  double value = shared_->log_constant + data().slopes(c_, base_, auxiliaries_, c_slopes_, auxiliary_slopes_, rows_);
  value -= 0.5 * position.tail(effects()).squaredNorm();

  gradient.head(outer()).setZero();
  const Index n_covariance = covariance_.dimension();
  value += covariance_.log_prior(position.head(n_covariance), gradient.head(n_covariance));
  for (Index k = 0; k < auxiliaries_.size(); ++k) {
    const Index coordinate = shared_->auxiliary_coordinates[at(k)];
    if (coordinate < 0) continue;
    const LineMap::At on_line = auxiliary_map(k)(position(coordinate));
    const LogDensityAt prior = std::get<Prior>(shared_->priors.auxiliaries[at(k)])(on_line.value);
    value += prior.value + on_line.log_slope;
    gradient(coordinate) =
        (prior.derivative + auxiliary_slopes_(k) / on_line.value) * std::exp(on_line.log_slope) + on_line.slope_of_log;
  }
  for (Index j = 0; j < outer_coefficients_.size(); ++j) {
    const Index coordinate = first_outer_coefficient() + j;
    const LineMap::At on_line = shared_->outer_maps[at(j)](position(coordinate));
    value += on_line.log_slope;
    gradient(coordinate) = on_line.slope_of_log;
  }
  gradient.tail(effects()) = -position.tail(effects());
  a_slopes_.setZero();
  value += add_coefficient_priors();
  gradient.segment(outer(), inner()).setZero();
  chain(position, gradient);
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

LogDensityAt GroupedGlm::coefficient_prior(Index k, double argument) const {
  const Prior& prior = shared_->priors.coefficients[at(k)];
  if (!smooth_) return prior(argument);
  const SmoothLogDensity smooth = prior.smooth(argument);
  return {smooth.value, smooth.first};
}

/// Log densities of the coefficients' priors, whose slopes in a are added.
double GroupedGlm::add_coefficient_priors() {
  double value = 0;
  const Index first = has_intercept() ? 1 : 0, p = data().predictors();
  for (Index k = first; k < coefficients(); ++k) {
    const LogDensityAt prior = coefficient_prior(k, a_(k) / shared_->scale(k));
    value += prior.value;
    a_slopes_(k) += prior.derivative / shared_->scale(k);
  }
  if (first == 0) return value;
  double argument = a_(0);
  const double shift = shared_->intercept_shift;
  for (Index j = 0; shift != 0 && j < p; ++j) argument += shift * data().mean()(j) * a_(j + 1) / data().scale()(j);
  const LogDensityAt prior = coefficient_prior(0, argument);
  a_slopes_(0) += prior.derivative;
  for (Index j = 0; shift != 0 && j < p; ++j) {
    a_slopes_(j + 1) += shift * data().mean()(j) / data().scale()(j) * prior.derivative;
  }
  return value + prior.value;
}

/// Adds to the gradient what `rows_`, the slopes in η, and `c_slopes_`, their products with the columns, say, and `a_slopes_`.
void GroupedGlm::chain(const VectorXd& position, VectorXd& gradient) {
  const Index p = data().predictors(), n = coefficients();
  a_slopes_.tail(p) += c_slopes_.tail(p);
  if (has_intercept()) a_slopes_(0) += c_slopes_(0);
  for (Index j = 0; !shared_->centred && j < p; ++j) {
    a_slopes_(n - p + j) += c_slopes_(0) * (data().mean()(j) / data().scale()(j));
  }
  for (Index k = 0; k < inner(); ++k) gradient(outer() + k) += a_slopes_(shared_->order[at(k)]);
  for (Index j = 0; j < outer_coefficients_.size(); ++j) {
    outer_coefficients_(j) = a_slopes_(shared_->order[at(inner() + j)]);  // for a moment its slopes
  }
  design().transposed_product(rows_, b_slopes_);
  spread_effect_slopes(position.data() + outer() + inner(), gradient.data() + outer() + inner());
  add_outer_slopes(position.head(outer()), factor_slopes_, outer_coefficients_, gradient.head(outer()));
  for (Index j = 0; j < outer_coefficients_.size(); ++j) {
    outer_coefficients_(j) = a_(shared_->order[at(inner() + j)]);
  }
}

/// From slopes in b: adds those in v, and writes those in Λ.
void GroupedGlm::spread_effect_slopes(const double* v, double* v_slopes) {
  for (std::size_t f = 0; f < b_.size(); ++f) {
    const MatrixXd& factor = factors()[f];
    const Index q = factor.rows();
    const Eigen::Map<const MatrixXd> of_factor = effects_of(f, v);
    Eigen::Map<MatrixXd> slopes(v_slopes + shared_->first_effect[f], of_factor.rows(), q);
    for (Index j = 0; j < q; ++j) {
      for (Index i = j; i < q; ++i) {
        slopes.col(j) += factor(i, j) * b_slopes_[f].col(i);
        factor_slopes_[f](i, j) = b_slopes_[f].col(i).dot(of_factor.col(j));
      }
    }
  }
}

void GroupedGlm::add_outer_slopes(const Eigen::Ref<const VectorXd>& outer_position,
                                  const std::vector<MatrixXd>& factor_slopes, const VectorXd& coefficient_slopes,
                                  Eigen::Ref<VectorXd> slopes) {
  const Index n_covariance = covariance_.dimension();
  covariance_.add_slopes(outer_position.head(n_covariance), factor_slopes, slopes.head(n_covariance));
  for (Index j = 0; j < coefficient_slopes.size(); ++j) {
    const Index coordinate = first_outer_coefficient() + j;
    const double scale = shared_->scale(shared_->order[at(inner() + j)]);
    slopes(coordinate) +=
        coefficient_slopes(j) * scale * std::exp(shared_->outer_maps[at(j)](outer_position(coordinate)).log_slope);
  }
}

void GroupedGlm::add_row_slopes(const VectorXd& position, const VectorXd& row_slopes, VectorXd& gradient) {
  rows_.head(data().rows()) = row_slopes;
  c_slopes_.setZero();
  for (Index j = 0; j < data().columns(); ++j) {
    for (Index i = 0; i < data().rows(); ++i) c_slopes_(j) += row_slopes(i) * data().design(i, j);
  }
  a_slopes_.setZero();
  chain(position, gradient);
}

void GroupedGlm::predict_direction(const Eigen::Ref<const VectorXd>& direction, VectorXd& eta) {
  const VectorXd kept = outer_coefficients_;
  outer_coefficients_.setZero();
  set_coefficients(direction.head(inner()));
  outer_coefficients_ = kept;
  set_effects(direction.data() + inner());
  data().predict(c_, eta);
  for (Index i = 0; i < data().rows(); ++i) eta(i) -= data().offset(i);
  design().add_effects(b_, eta);
}

void GroupedGlm::predict(const VectorXd& position, VectorXd& eta) {
  locate(position.head(outer()));
  set_coefficients(position.segment(outer(), inner()));
  set_effects(position.data() + outer() + inner());
  data().predict(c_, eta);
  design().add_effects(b_, eta);
}

double GroupedGlm::column(Index row, Index coefficient) const {
  const Index k = shared_->order[at(coefficient)];
  if (has_intercept() && k == 0) return 1;
  const Index j = k - (has_intercept() ? 1 : 0);
  const double centred = data().design(row, j + 1);
  return shared_->centred ? centred : centred + data().mean()(j) / data().scale()(j);
}

VectorXd GroupedGlm::position_at(const VectorXd& of_coefficients, const VectorXd& of_auxiliaries,
                                 const std::vector<VectorXd>& deviations) const {
  VectorXd position = VectorXd::Zero(dimension());
  position.head(covariance_.dimension()) = covariance_.position_at(deviations);
  for (Index k = 0; k < auxiliaries_.size(); ++k) {
    const Index coordinate = shared_->auxiliary_coordinates[at(k)];
    if (coordinate >= 0) position(coordinate) = auxiliary_map(k).inverse(of_auxiliaries(k));
  }
  VectorXd own = of_coefficients;
  const Index p = data().predictors();
  if (has_intercept() && shared_->centred) own(0) += own.tail(p).dot(data().mean());
  for (Index k = 0; k < coefficients(); ++k) {
    const Index of = shared_->order[at(k)];
    if (k < inner()) {
      position(outer() + k) = own(of) * shared_->scale(of);
    } else {
      position(first_outer_coefficient() + k - inner()) = shared_->outer_maps[at(k - inner())].inverse(own(of));
    }
  }
  return position;
}

void GroupedGlm::to_user_scale(const Eigen::Ref<const VectorXd>& position, Eigen::Ref<VectorXd> draw) {
  locate(position.head(outer()));
  set_coefficients(position.segment(outer(), inner()));
  set_effects(position.data() + outer() + inner());
  const Index n = coefficients(), p = data().predictors();
  draw.head(n) = a_.cwiseQuotient(shared_->scale);
  if (has_intercept() && shared_->centred) draw(0) -= draw.segment(1, p).dot(data().mean());
  Index next = n;
  for (Index k = 0; k < auxiliaries_.size(); ++k) {
    if (shared_->auxiliary_coordinates[at(k)] >= 0) draw(next++) = auxiliaries_(k);
  }
  covariance_.write(draw.segment(next, covariance_.parameters()));
  next += covariance_.parameters();
  if (draw.size() == next) return;
  const GroupStructure& structure = design().structure();
  for (std::size_t t = 0; t < structure.terms.size(); ++t) {
    const MatrixXd& b = b_[at(structure.terms[t].factor)];
    const Index first = structure.first_column(static_cast<Index>(t));
    const VectorXd& centre = shared_->centres[t];
    if (centre.size() > 0) b_[at(structure.terms[t].factor)].col(first) -= b.middleCols(first, centre.size()) * centre;
    for (Index j = 0; j < structure.terms[t].columns; ++j) {
      draw.segment(next, b.rows()) = b.col(first + j);
      next += b.rows();
    }
  }
}

}  // namespace filbert
