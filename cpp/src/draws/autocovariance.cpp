// Sums products of draws that lie a lag apart.
#include "autocovariance.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "moments.hpp"

namespace filbert {

using Eigen::Index;

void Autocovariance::read(const ChainMatrix& series) {
  means_.resize(series.rows());
  centred_.resize(series.rows(), series.cols());
  for (Index row = 0; row < series.rows(); ++row) {
    means_(row) = mean(series.row(row));
    centred_.row(row) = series.row(row).array() - means_(row);
  }
  within_ = centred_.squaredNorm() / static_cast<double>(centred_.size());
  transformed_ = false;
}

double Autocovariance::between() const { return variance(means_); }

double Autocovariance::operator()(Index lag) {
  if (lag >= direct_lags && !transformed_) transform();
  const double sum = lag < direct_lags ? sum_of_products(lag) : correlation_[static_cast<std::size_t>(lag)].real();
  return sum / static_cast<double>(centred_.size());
}

double Autocovariance::sum_of_products(Index lag) const {
  const Index overlap = centred_.cols() - lag;
  double sum = 0;
  for (Index row = 0; row < centred_.rows(); ++row) {
    sum += centred_.row(row).head(overlap).dot(centred_.row(row).tail(overlap));
  }
  return sum;
}

// Wiener-Khinchin. Two rows share a transform, as its real and imaginary part: the real part of the inverse of its
// power is the sum of their correlations.
void Autocovariance::transform() {
  const std::size_t size = std::bit_ceil(2 * static_cast<std::size_t>(centred_.cols()));  // no lag wraps around
  const Index length = static_cast<Index>(size);
  rows_.assign(size, 0);
  spectrum_.resize(size);
  correlation_.resize(size);
  power_.assign(size, 0);
  for (Index row = 0; row < centred_.rows(); row += 2) {
    for (Index i = 0; i < centred_.cols(); ++i) {
      rows_[static_cast<std::size_t>(i)] = {centred_(row, i), centred_(row + 1, i)};
    }
    fourier_.fwd(spectrum_.data(), rows_.data(), length);
    for (std::size_t i = 0; i < size; ++i) power_[i] += std::norm(spectrum_[i]);
  }
  fourier_.inv(correlation_.data(), power_.data(), length);
  transformed_ = true;
}

void IndicatorAutocovariance::read(std::span<const Draw> zeros, std::span<const Draw> ones, Index rows, Index draws) {
  draws_ = draws;
  counted_ = std::min(draws, Autocovariance::direct_lags);
  has_all_ = false;
  const auto length = static_cast<std::size_t>(draws), row_length = static_cast<std::size_t>(draws + counted_);
  marks_.assign(static_cast<std::size_t>(rows) * row_length, 0);
  places_.clear();
  means_.setZero(rows);
  for (const Draw& one : ones.size() < zeros.size() ? ones : zeros) {
    if (one.position < 0) continue;
    const auto position = static_cast<std::size_t>(one.position), row = position / length;
    places_.push_back(position + row * static_cast<std::size_t>(counted_));
    marks_[places_.back()] = 1;
    ++means_(static_cast<Index>(row));
  }
  means_ /= static_cast<double>(draws);
  within_ = (means_.array() * (1 - means_.array())).mean();  // exactly 0 where each row is constant
  beyond_.assign(static_cast<std::size_t>(counted_) + 1, 0);
  const std::size_t last = length - 1;
  for (const std::size_t place : places_) {
    const std::size_t row = place / row_length, column = place % row_length;
    const double own = means_(static_cast<Index>(row));
    if (column < beyond_.size() - 1) beyond_[column + 1] += own;
    if (last - column < beyond_.size() - 1) beyond_[last - column + 1] += own;
  }
  std::partial_sum(beyond_.begin(), beyond_.end(), beyond_.begin());
}

double IndicatorAutocovariance::between() const { return variance(means_); }

double IndicatorAutocovariance::operator()(Index lag) {
  if (lag >= counted_) {
    if (!has_all_) read_all();
    return all_(lag);
  }
  std::size_t pairs = 0;
  for (const std::size_t place : places_) pairs += marks_[place + static_cast<std::size_t>(lag)];
  // Σ (x - m)(y - m) of each row, over the pairs that the lag leaves.
  const double products =
      static_cast<double>(draws_ + lag) * means_.squaredNorm() - beyond_[static_cast<std::size_t>(lag)];
  return (static_cast<double>(pairs) - products) / static_cast<double>(size());
}

void IndicatorAutocovariance::read_all() {
  series_.resize(means_.size(), draws_);
  for (Index row = 0; row < series_.rows(); ++row) {
    const auto first = marks_.begin() + row * (draws_ + counted_);
    std::copy(first, first + draws_, series_.row(row).begin());
  }
  all_.read(series_);
  has_all_ = true;
}

}  // namespace filbert
