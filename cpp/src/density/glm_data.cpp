// Lays rows out in panels, and forwards sums over them to the row kernels or to a user's likelihood.
#include "filbert/density/glm_data.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

constexpr std::align_val_t cache_line{64};
constexpr Index table_padding = 4;

void require_size(const char* what, Index given, Index expected) {
  if (given == expected) return;
  throw std::invalid_argument(std::string(what) + " must have " + std::to_string(expected) + " elements, not " +
                              std::to_string(given));
}

[[noreturn]] void refuse(const char* what, Index row, double value, const char* allowed) {
  std::ostringstream message;
  message << what << " of row " << row << " is " << value << "; it must be " << allowed;
  throw std::invalid_argument(message.str());
}

bool is_count(double x) { return x >= 0 && std::floor(x) == x; }

/// What the responses of a family may be; null where `y` is one.
const char* complaint(Family family, double y, double trials) {
  switch (family) {
    case Family::Bernoulli:
      return y == 0 || y == 1 ? nullptr : "0 or 1";
    case Family::Binomial:
    case Family::BetaBinomial:
      return is_count(y) && y <= trials ? nullptr : "a whole number from 0 to the number of trials";
    case Family::Poisson:
    case Family::NegativeBinomial:
      return is_count(y) ? nullptr : "a whole number of at least 0";
    case Family::Gamma:
    case Family::Exponential:
      return y > 0 ? nullptr : "greater than 0";
    case Family::Beta:
      return y > 0 && y < 1 ? nullptr : "between 0 and 1, both excluded";
    case Family::StudentT:
    case Family::Gaussian:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

AlignedArray::AlignedArray(std::ptrdiff_t size)
    : data_(static_cast<double*>(
          ::operator new(static_cast<std::size_t>(std::max<std::ptrdiff_t>(size, 1)) * sizeof(double), cache_line))) {
  std::fill_n(data_.get(), std::max<std::ptrdiff_t>(size, 1), 0.0);
}

void AlignedArray::Release::operator()(double* memory) const { ::operator delete(memory, cache_line); }

GlmData::GlmData(Family family, Link link, const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>& X,
                 const GlmResponses& responses, InstructionSet set, const std::optional<GlmUnits>& units)
    : family_(family), link_(link), kernels_(&row_kernels(family, link, set)) {
  for (const std::string_view name : facts(family).auxiliaries) auxiliary_names_.emplace_back(name);
  if (!facts(family).has_trials && responses.trials.size() > 0) {
    throw std::invalid_argument("family '" + std::string(facts(family).name) + "' has no trials");
  }
  lay_out(X, responses, units);
}

GlmData::GlmData(UserLikelihood likelihood, const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>& X,
                 const GlmResponses& responses)
    : user_(std::make_shared<const UserLikelihood>(std::move(likelihood))), auxiliary_names_(user_->auxiliaries) {
  if (auxiliaries() > max_auxiliaries) {
    throw std::invalid_argument("a family may have " + std::to_string(max_auxiliaries) + " auxiliaries at most, not " +
                                std::to_string(auxiliaries()));
  }
  lay_out(X, responses);
}

void GlmData::check_responses(const GlmResponses& responses) const {
  for (Index i = 0; i < responses.y.size(); ++i) {
    const double trials = responses.trials.size() > 0 ? responses.trials(i) : 1.0;
    if (!std::isfinite(responses.y(i))) refuse("the response", i, responses.y(i), "finite");
    if (!(is_count(trials) && trials >= 1 && std::isfinite(trials)) && responses.trials.size() > 0) {
      refuse("the number of trials", i, trials, "a whole number of at least 1");
    }
    if (family_) {
      if (const char* const allowed = complaint(*family_, responses.y(i), trials)) {
        refuse("the response", i, responses.y(i), allowed);
      }
    }
    if (responses.weights.size() > 0 && !(responses.weights(i) >= 0 && std::isfinite(responses.weights(i)))) {
      refuse("the weight", i, responses.weights(i), "finite and not negative");
    }
    if (responses.offset.size() > 0 && !std::isfinite(responses.offset(i))) {
      refuse("the offset", i, responses.offset(i), "finite");
    }
  }
}

void GlmData::lay_out(const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>& X,
                      const GlmResponses& responses, const std::optional<GlmUnits>& units) {
  const Index n = responses.y.size();
  if (n < 1) throw std::invalid_argument("there must be at least one row");
  if (X.rows() != n) require_size("the response", n, X.rows());
  if (responses.trials.size() > 0) require_size("trials", responses.trials.size(), n);
  if (responses.weights.size() > 0) require_size("weights", responses.weights.size(), n);
  if (responses.offset.size() > 0) require_size("offset", responses.offset.size(), n);
  check_responses(responses);

  total_weight_ = responses.weights.size() > 0 ? responses.weights.sum() : static_cast<double>(n);
  if (!(total_weight_ > 0)) throw std::invalid_argument("every weight is 0");
  const Index p = X.cols();
  rows_.rows = n;
  rows_.columns = p + 1;
  rows_.first_column = 1;
  const Index padded = rows_.panels() * panel_rows;
  X_ = AlignedArray(padded * (p + 1));
  mean_.resize(p);
  scale_.resize(p);
  for (Index i = 0; i < n; ++i) X_[i / panel_rows * panel_rows * (p + 1) + i % panel_rows] = 1;
  if (units) {
    require_size("the means", units->mean.size(), p);
    require_size("the scales", units->scale.size(), p);
    mean_ = units->mean;
    scale_ = units->scale;
  }
  for (Index j = 0; j < p; ++j) {
    const double* const column = X.data() + j * X.outerStride();
    if (!units) measure(j, column, responses);
    for (Index i = 0; i < n; ++i) {
      X_[(i / panel_rows * (p + 1) + j + 1) * panel_rows + i % panel_rows] = (column[i] - mean_(j)) / scale_(j);
    }
  }

  y_ = AlignedArray(padded);
  for (Index i = 0; i < padded; ++i) y_[i] = responses.y(i < n ? i : 0);
  if (responses.trials.size() > 0) trials_.assign(responses.trials.begin(), responses.trials.end());
  if (!trials_.empty() || family_ == Family::Gamma) {
    second_ = AlignedArray(padded);
    for (Index i = 0; i < padded; ++i) {
      second_[i] = family_ == Family::Gamma ? std::log(y_[i]) : responses.trials(i < n ? i : 0);
    }
  }
  if (responses.weights.size() > 0) {
    weights_ = AlignedArray(padded);
    std::copy_n(responses.weights.data(), n, weights_.data());
  }
  if (responses.offset.size() > 0) {
    offset_ = AlignedArray(padded);
    std::copy_n(responses.offset.data(), n, offset_.data());
  }
  make_table();
  point_at_arrays();
}

/// The centre of a column, and its spread.
void GlmData::measure(Index j, const double* column, const GlmResponses& responses) {
  const Index n = responses.y.size();
  const auto weight_of = [&](Index i) { return responses.weights.size() > 0 ? responses.weights(i) : 1.0; };
  double mean = 0;
  for (Index i = 0; i < n; ++i) mean += weight_of(i) * column[i];
  mean /= total_weight_;
  double correction = 0, squares = 0;  // the mean of what is left: the first mean has lost digits in a long sum
  for (Index i = 0; i < n; ++i) correction += weight_of(i) * (column[i] - mean);
  mean += correction / total_weight_;
  for (Index i = 0; i < n; ++i) squares += weight_of(i) * (column[i] - mean) * (column[i] - mean);
  double sd = std::sqrt(squares / total_weight_);
  if (std::isfinite(mean) && !(sd > 1e-140 && sd < 1e140)) {  // squares may have left the range of doubles
    double largest = 0;
    for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(column[i] - mean));
    squares = 0;
    for (Index i = 0; i < n && largest > 0; ++i) {
      const double share = (column[i] - mean) / largest;
      squares += weight_of(i) * share * share;
    }
    sd = largest * std::sqrt(squares / total_weight_);
  }
  if (!std::isfinite(sd)) {
    for (Index i = 0; i < n; ++i) {
      if (!std::isfinite(column[i])) refuse(("predictor " + std::to_string(j)).c_str(), i, column[i], "finite");
    }
    throw std::invalid_argument("predictor " + std::to_string(j) +
                                " is too large: its standard deviation is not a number");
  }
  mean_(j) = mean;
  scale_(j) = sd > 1e-14 * std::abs(mean) ? sd : mean != 0 ? std::abs(mean) : 1.0;
}

void GlmData::make_table() {
  const Index last = (rows_.panels() - 1) * panel_rows;
  last_weights_ = AlignedArray(panel_rows);
  for (Index i = last; i < rows_.rows; ++i) last_weights_[i - last] = weight(i);
  constant_ = 0;
  std::map<double, double> table;
  for (Index i = 0; i < rows_.rows; ++i) {
    const double trials = trials_.empty() ? 1.0 : trials_[static_cast<std::size_t>(i)];
    if (weight(i) == 0 || !family_) continue;
    constant_ += weight(i) * row_constant(*family_, y_[i], trials);
    if (*family_ == Family::NegativeBinomial) table[y_[i]] += weight(i);
    if (*family_ == Family::BetaBinomial) table[trials] += weight(i);
  }
  rows_.table_size = (static_cast<Index>(table.size()) + table_padding - 1) / table_padding * table_padding;
  table_values_ = AlignedArray(rows_.table_size);
  table_weights_ = AlignedArray(rows_.table_size);
  std::fill_n(table_values_.data(), rows_.table_size, 1.0);
  Index at = 0;
  for (const auto& [value, total] : table) {
    table_values_[at] = value;
    table_weights_[at++] = total;
  }
}

void GlmData::point_at_arrays() {
  rows_.X = X_.data();
  rows_.y = y_.data();
  rows_.second = second_.data();
  rows_.weights = weights_.data();
  rows_.offset = offset_.data();
  rows_.last_weights = last_weights_.data();
  rows_.table_values = table_values_.data();
  rows_.table_weights = table_weights_.data();
}

double GlmData::gradient(const VectorXd& c, const VectorXd& auxiliaries, VectorXd& gradient,
                         VectorXd& auxiliary_gradient) const {
  if (user_) return user_gradient(c, auxiliaries, &gradient, &auxiliary_gradient);
  if (passes_) {
    const GlmCurvature at = passes_->at({c, auxiliaries}, Information::Observed);
    gradient = at.gradient;
    auxiliary_gradient.head(at.auxiliary_gradient.size()) = at.auxiliary_gradient;
    return at.value;
  }
  return constant_ +
         kernels_->gradient(rows_, c.data(), auxiliaries.data(), gradient.data(), auxiliary_gradient.data());
}

double GlmData::slopes(const VectorXd& c, const VectorXd& base, const VectorXd& auxiliaries, VectorXd& gradient,
                       VectorXd& auxiliary_gradient, VectorXd& row_slopes) const {
  if (!user_) {
    return constant_ + kernels_->slopes(rows_, c.data(), base.data(), auxiliaries.data(), gradient.data(),
                                        auxiliary_gradient.data(), row_slopes.data());
  }
  VectorXd eta(rows());
  predict(c, eta);
  for (Index i = 0; i < rows(); ++i) eta(i) += base(i) - offset(i);
  VectorXd slope(rows());
  const double value = user_slopes(eta, auxiliaries, slope, &auxiliary_gradient);
  row_slopes.setZero();
  gradient.setZero();
  add_transposed_product(slope, gradient);
  for (Index i = 0; i < rows(); ++i) row_slopes(i) = weight(i) > 0 ? weight(i) * slope(i) : 0;
  return value;
}

void GlmData::working(const VectorXd& eta, const VectorXd& auxiliaries, VectorXd& slopes, VectorXd& weights) const {
  VectorXd least = VectorXd::Zero(rows());
  if (user_) {
    constexpr double step = 1e-4;
    VectorXd ignored(rows()), above(rows()), below(rows());
    user_->evaluate((eta.array() + step).matrix(), auxiliaries, ignored, above);
    user_->evaluate((eta.array() - step).matrix(), auxiliaries, ignored, below);
    user_->evaluate(eta, auxiliaries, ignored, slopes);
    weights = (below - above) / (2 * step);
  } else {
    single(eta, auxiliaries, {.d1 = slopes.data(), .d2 = weights.data(), .information = least.data()});
    weights = -weights;
  }
  for (Index i = 0; i < rows(); ++i) {
    // Observed curvature where it is that of a maximum; never none.
    weights(i) = weight(i) > 0 ? weight(i) * std::max(weights(i), 0.01 * least(i)) : 0.0;
    slopes(i) = weight(i) > 0 ? weight(i) * slopes(i) : 0.0;
  }
}

double GlmData::curvature(const VectorXd& c, const VectorXd& auxiliaries, Information information, VectorXd& gradient,
                          VectorXd& auxiliary_gradient, Eigen::MatrixXd& hessian) const {
  if (passes_) {
    const GlmCurvature at = passes_->at({c, auxiliaries}, information);
    gradient = at.gradient;
    auxiliary_gradient.head(at.auxiliary_gradient.size()) = at.auxiliary_gradient;
    hessian = at.hessian;
    return at.value;
  }
  if (!user_) {
    return constant_ + kernels_->curvature(rows_, c.data(), auxiliaries.data(), information, gradient.data(),
                                           auxiliary_gradient.data(), hessian.data());
  }
  const double value = user_gradient(c, auxiliaries, &gradient, &auxiliary_gradient);
  constexpr double step = 1e-4;
  VectorXd eta(rows()), above(rows()), below(rows()), ignored(rows());
  predict(c, eta);
  user_->evaluate((eta.array() + step).matrix(), auxiliaries, ignored, above);
  user_->evaluate((eta.array() - step).matrix(), auxiliaries, ignored, below);
  VectorXd bend = (above - below) / (2 * step);
  if (information == Information::Expected) bend = bend.cwiseMin(0.0);
  VectorXd weighted(rows()), column(columns());
  for (Index j = 0; j < columns(); ++j) {
    for (Index i = 0; i < rows(); ++i) weighted(i) = bend(i) * design(i, j);
    column.setZero();
    add_transposed_product(weighted, column);
    hessian.col(j) = column;
  }
  return value;
}

void GlmData::batch(int draws, const double* packed, const double* auxiliaries, double* values,
                    const RowEffects& effects) const {
  if (!user_) {
    kernels_->batch(rows_, effects, draws, packed, auxiliaries, values);
    for (int d = 0; d < draws; ++d) values[d] += constant_;
    return;
  }
  VectorXd c(columns());
  for (int d = 0; d < draws; ++d) {
    for (Index j = 0; j < columns(); ++j)
      c(j) = packed[(d / batch_group * columns() + j) * batch_group + d % batch_group];
    const Eigen::Map<const VectorXd> of_draw(auxiliaries + Index{d} * max_auxiliaries, this->auxiliaries());
    values[d] = user_gradient(c, of_draw, nullptr, nullptr);
  }
}

void GlmData::predict(const VectorXd& c, VectorXd& eta) const {
  for (Index first = 0; first < rows(); first += panel_rows) {
    const Index count = std::min<Index>(panel_rows, rows() - first);
    const double* const panel = X_.data() + first * columns();
    for (Index i = 0; i < count; ++i) eta(first + i) = offset(first + i);
    for (Index j = 0; j < columns(); ++j) {
      for (Index i = 0; i < count; ++i) eta(first + i) += c(j) * panel[j * panel_rows + i];
    }
  }
}

void GlmData::single(const VectorXd& eta, const VectorXd& auxiliaries, const RowDerivatives& into) const {
  if (user_) throw std::logic_error("a user's likelihood has no row derivatives");
  kernels_->single(rows(), eta.data(), y_.data(), second_.data(), auxiliaries.data(), into);
}

double GlmData::weighted_sum(const VectorXd& values) const {
  double sum = 0;
  for (Index i = 0; i < rows(); ++i) {
    if (weight(i) > 0) sum += weight(i) * values(i);
  }
  return sum;
}

void GlmData::add_transposed_product(const VectorXd& by_row, VectorXd& to) const {
  for (Index i = 0; i < rows(); ++i) {
    if (weight(i) == 0) continue;
    for (Index j = 0; j < columns(); ++j) to(j) += weight(i) * by_row(i) * design(i, j);
  }
}

double GlmData::user_gradient(const VectorXd& c, const VectorXd& auxiliaries, VectorXd* gradient,
                              VectorXd* auxiliary_gradient) const {
  VectorXd eta(rows()), slope(rows());
  predict(c, eta);
  const double value = user_slopes(eta, auxiliaries, slope, auxiliary_gradient);
  if (gradient != nullptr) {
    gradient->setZero();
    add_transposed_product(slope, *gradient);
  }
  return value;
}

/// The log likelihood, slopes in η of single rows without weights, and unless null the slopes in the logarithms of the auxiliaries.
double GlmData::user_slopes(const VectorXd& eta, const VectorXd& auxiliaries, VectorXd& slope,
                            VectorXd* auxiliary_gradient) const {
  VectorXd value(rows());
  user_->evaluate(eta, auxiliaries, value, slope);
  if (auxiliary_gradient != nullptr) {
    constexpr double step = 1e-5;
    VectorXd above(rows()), below(rows()), ignored(rows());
    for (Index k = 0; k < auxiliaries.size(); ++k) {
      VectorXd moved = auxiliaries;
      moved(k) = auxiliaries(k) * std::exp(step);
      user_->evaluate(eta, moved, above, ignored);
      moved(k) = auxiliaries(k) * std::exp(-step);
      user_->evaluate(eta, moved, below, ignored);
      (*auxiliary_gradient)(k) = (weighted_sum(above) - weighted_sum(below)) / (2 * step);
    }
  }
  return weighted_sum(value);
}

std::vector<double> GlmData::triple_products(const VectorXd& weights) const {
  if (user_) throw std::logic_error("a user's likelihood has no products of its rows");
  AlignedArray padded(rows_.panels() * panel_rows);
  std::copy_n(weights.data(), rows(), padded.data());
  std::vector<double> products(static_cast<std::size_t>(columns() * columns() * columns()));
  kernels_->triple_products(rows_, padded.data(), products.data());
  return products;
}

}  // namespace filbert
