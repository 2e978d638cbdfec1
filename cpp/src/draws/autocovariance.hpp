// Autocovariances of split chains, averaged over them: of any numbers, and of zeros and ones.
#pragma once

#include <Eigen/Core>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unsupported/Eigen/FFT>
#include <vector>

#include "sorted_draws.hpp"

namespace filbert {

/// Split chains, a half of one in each row.
using ChainMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Lag by lag at first, since Geyer's rule mostly stops after few, and beyond `direct_lags` all at once by Fourier transform, so that badly
/// mixing chains cost O(n log n).
class Autocovariance {
 public:
  /// Below this lag one sum of products is cheaper than its share of a Fourier transform.
  static constexpr Eigen::Index direct_lags = 128;

  /// The number of rows must be even.
  void read(const ChainMatrix& series);

  /// That of lag 0, and the unbiased variance between the means of rows.
  double within() const { return within_; }
  double between() const;
  Eigen::Index draws() const { return centred_.cols(); }
  Eigen::Index size() const { return centred_.size(); }

  double operator()(Eigen::Index lag);

 private:
  double sum_of_products(Eigen::Index lag) const;
  void transform();

  ChainMatrix centred_;
  Eigen::VectorXd means_;
  double within_ = 0;
  bool transformed_ = false;
  Eigen::FFT<double> fourier_;
  std::vector<std::complex<double>> rows_, spectrum_, power_, correlation_;
};

/// The same where every number is 0 or 1: pairs of ones are counted, at a cost that their number determines and not that of draws. Zeros
/// in the place of ones have the same autocovariances, so that the rarer ones are counted.
class IndicatorAutocovariance {
 public:
  /// `zeros` and `ones` are all draws of a series of so many rows and draws a row, and maybe others without a position.
  void read(std::span<const Draw> zeros, std::span<const Draw> ones, Eigen::Index rows, Eigen::Index draws);

  double within() const { return within_; }
  double between() const;
  Eigen::Index draws() const { return draws_; }
  Eigen::Index size() const { return means_.size() * draws_; }

  double operator()(Eigen::Index lag);

 private:
  void read_all();

  Eigen::Index draws_ = 0, counted_ = 0;  // of a row, and lags that pairs are counted for
  std::vector<std::uint8_t>
      marks_;  // 1 where there is a one; zeros behind each row, so that no lag leads into the next
  std::vector<std::size_t> places_;  // of the ones, among the marks
  std::vector<double> beyond_;       // by lag: their rows' means, over ones without a draw so far before or behind them
  Eigen::VectorXd means_;
  double within_ = 0;
  bool has_all_ = false;
  ChainMatrix series_;  // for lags that are not counted
  Autocovariance all_;
};

}  // namespace filbert
