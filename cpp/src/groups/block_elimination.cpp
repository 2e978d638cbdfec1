// Factorises small covariance matrices side by side, and sums what they say of the coefficients.
#include "filbert/groups/block_elimination.hpp"

#include <Eigen/QR>
#include <array>
#include <cmath>
#include <map>
#include <vector>

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int most_effects = 32;  // of a group: its matrices lie on the stack

Index triangle(Index row, Index column) { return row * (row + 1) / 2 + column; }

/// Numbers of a block that stands for `count` groups.
struct Block {
  VectorXd numbers;  // R by columns, C by columns
  double count = 1;
};

/// Groups by their R, equal to all but rounding.
std::map<std::vector<std::int64_t>, std::vector<Index>> by_design(const KeptRows& rows) {
  std::map<std::vector<std::int64_t>, std::vector<Index>> classes;
  for (Index g = 0; g < rows.n_groups; ++g) {
    std::vector<std::int64_t> key;
    for (Index j = 0; j < rows.effects; ++j) {
      const double unit = std::ldexp(1.0, std::ilogb(rows.R(g).col(j).norm() + 1e-300) - 44);
      for (Index i = 0; i <= j; ++i) key.push_back(std::llround(rows.R(g)(i, j) / unit));
      key.push_back(std::ilogb(unit));
    }
    classes[std::move(key)].push_back(g);
  }
  return classes;
}

std::vector<Block> merged_blocks(const KeptRows& rows) {
  const Index own = rows.effects * rows.effects;
  const Index numbers = rows.effects * rows.width;
  std::vector<Block> blocks;
  for (const auto& [key, groups] : by_design(rows)) {
    const Index count = static_cast<Index>(groups.size());
    if (count <= numbers) {
      for (const Index g : groups) blocks.push_back({rows.blocks.col(g), 1});
      continue;
    }
    // Σ_g vec(C_g) vec(C_g)' is all that counts, and the triangle of the rows vec(C_g)' has the same.
    MatrixXd stacked(count, numbers);
    for (Index k = 0; k < count; ++k) {
      stacked.row(k) = rows.blocks.col(groups[static_cast<std::size_t>(k)]).tail(numbers).transpose();
    }
    const Eigen::HouseholderQR<Eigen::Ref<MatrixXd>> qr(stacked);
    const MatrixXd upper = qr.matrixQR().topRows(numbers).triangularView<Eigen::Upper>();
    for (Index k = 0; k < numbers; ++k) {
      VectorXd block(own + numbers);
      block << rows.blocks.col(groups.front()).head(own), upper.row(k).transpose();
      blocks.push_back({std::move(block), static_cast<double>(count) / static_cast<double>(numbers)});
    }
  }
  return blocks;
}

}  // namespace

std::shared_ptr<const BlockElimination::Shared> BlockElimination::share(const KeptRows& rows) {
  if (rows.effects > most_effects) {
    throw GroupsTooLarge("a grouping factor may have at most " + std::to_string(most_effects) +
                         " effects a group, not " + std::to_string(rows.effects));
  }
  const std::vector<Block> blocks = merged_blocks(rows);
  auto shared = std::make_shared<Shared>();
  const Index q = rows.effects;
  shared->effects = q;
  shared->width = rows.width;
  shared->blocks = static_cast<Index>(blocks.size());
  shared->chunks = (shared->blocks + lanes - 1) / lanes;
  shared->free_rows = rows.total_weight - static_cast<double>(rows.n_groups * q);
  shared->rest_square = rows.rest_square;
  const Index numbers = q * (q + 1) / 2 + q * rows.width + 1;
  shared->numbers = Columns::Zero(lanes, shared->chunks * numbers);
  for (Index b = 0; b < shared->blocks; ++b) {
    const Block& block = blocks[static_cast<std::size_t>(b)];
    Index at = b / lanes * numbers;
    for (Index j = 0; j < q; ++j) {
      for (Index i = 0; i <= j; ++i) shared->numbers(b % lanes, at++) = block.numbers(j * q + i);
    }
    for (Index k = q * q; k < block.numbers.size(); ++k) shared->numbers(b % lanes, at++) = block.numbers(k);
    shared->numbers(b % lanes, at) = block.count;
  }
  return shared;
}

BlockElimination::BlockElimination(const KeptRows& rows) : shared_(share(rows)) {
  const Index q = shared_->effects;
  whitened_.resize(lanes, shared_->chunks * q * (q + shared_->width));
  sums_.resize(lanes, shared_->width * (shared_->width + 1) / 2);
  covariance_slopes_.resize(q, q);
}

template <int Q>
double BlockElimination::eliminate(const MatrixXd& factor, double variance, MatrixXd& K) {
  constexpr std::size_t size = Q > 0 ? Q : most_effects;
  const Index q = Q > 0 ? Q : shared_->effects;
  const Index width = shared_->width;
  const Index numbers = q * (q + 1) / 2 + q * width + 1;
  std::array<Lanes, size * size> spread;        // R Λ, by rows
  std::array<Lanes, size*(size + 1) / 2> root;  // L, by rows
  std::array<Lanes, size> inverse;              // of its diagonal
  sums_.setZero();
  Lanes log_determinant = Lanes::Zero();
  for (Index chunk = 0; chunk < shared_->chunks; ++chunk) {
    const double* const R = shared_->numbers.data() + chunk * numbers * lanes;
    const double* const C = R + q * (q + 1) / 2 * lanes;
    double* const HA = whitened_.data() + chunk * q * (q + width) * lanes;
    const auto in = [](const double* at, Index k) { return Eigen::Map<const Lanes>(at + k * lanes); };
    const auto out = [HA](Index k) { return Eigen::Map<Lanes>(HA + k * lanes); };

    for (Index i = 0; i < q; ++i) {
      for (Index j = 0; j < q; ++j) {
        Lanes sum = Lanes::Zero();
        for (Index k = std::max(i, j); k < q; ++k) sum += in(R, triangle(k, i)) * factor(k, j);
        spread[static_cast<std::size_t>(i * q + j)] = sum;
      }
    }
    Lanes determinant = Lanes::Ones();
    for (Index i = 0; i < q; ++i) {
      for (Index j = 0; j <= i; ++j) {
        Lanes sum = Lanes::Constant(i == j ? variance : 0.0);
        for (Index k = 0; k < q; ++k) {
          sum += spread[static_cast<std::size_t>(i * q + k)] * spread[static_cast<std::size_t>(j * q + k)];
        }
        for (Index k = 0; k < j; ++k) {
          sum -= root[static_cast<std::size_t>(triangle(i, k))] * root[static_cast<std::size_t>(triangle(j, k))];
        }
        if (i > j) {
          root[static_cast<std::size_t>(triangle(i, j))] = sum * inverse[static_cast<std::size_t>(j)];
          continue;
        }
        inverse[static_cast<std::size_t>(i)] = sum.sqrt().inverse();
        if constexpr (Q > 0) {
          determinant *= sum;
        } else {
          log_determinant += in(C, q * width) * sum.log();  // so that no product of many overflows
        }
      }
    }
    if constexpr (Q > 0) log_determinant += in(C, q * width) * determinant.log();

    for (Index j = 0; j < q + width; ++j) {
      for (Index i = 0; i < q; ++i) {
        Lanes sum = Lanes::Zero();
        if (j >= q) {
          sum = in(C, (j - q) * q + i);
        } else if (i <= j) {
          sum = in(R, triangle(j, i));
        }
        for (Index k = 0; k < i; ++k) sum -= root[static_cast<std::size_t>(triangle(i, k))] * out(j * q + k);
        out(j * q + i) = sum * inverse[static_cast<std::size_t>(i)];
      }
    }
    for (Index a = 0; a < width; ++a) {
      for (Index b = 0; b <= a; ++b) {
        Lanes sum = sums_.col(triangle(a, b));
        for (Index i = 0; i < q; ++i) sum += out((q + a) * q + i) * out((q + b) * q + i);
        sums_.col(triangle(a, b)) = sum;
      }
    }
  }
  for (Index a = 0; a < width; ++a) {
    for (Index b = 0; b <= a; ++b) {
      K(a, b) = sums_.col(triangle(a, b)).sum() + shared_->rest_square(a, b) / variance;
      K(b, a) = K(a, b);
    }
  }
  return log_determinant.sum() + shared_->free_rows * std::log(variance);
}

double BlockElimination::forward(const MatrixXd& factor, double sigma, MatrixXd& K) {
  switch (shared_->effects) {
    case 1:
      return eliminate<1>(factor, sigma * sigma, K);
    case 2:
      return eliminate<2>(factor, sigma * sigma, K);
    case 3:
      return eliminate<3>(factor, sigma * sigma, K);
    default:
      return eliminate<0>(factor, sigma * sigma, K);
  }
}

/// Adds up the slopes in Σ, and returns the trace of the slopes in V times V.
template <int Q>
double BlockElimination::slopes(const MatrixXd& K_slopes, double log_det_slope) {
  constexpr std::size_t size = Q > 0 ? Q : most_effects;
  const Index q = Q > 0 ? Q : shared_->effects;
  const Index width = shared_->width;
  const Index numbers = q * (q + 1) / 2 + q * width + 1;
  std::array<Lanes, size*(size + 1) / 2> inner, sums;  // by rows
  std::array<Lanes, size * size> product;              // inner L⁻¹R, by columns
  for (Lanes& sum : sums) sum.setZero();
  Lanes trace = Lanes::Zero();
  for (Index chunk = 0; chunk < shared_->chunks; ++chunk) {
    const double* const count = shared_->numbers.data() + ((chunk + 1) * numbers - 1) * lanes;
    const double* const HA = whitened_.data() + chunk * q * (q + width) * lanes;
    const auto whitened = [HA](Index k) { return Eigen::Map<const Lanes>(HA + k * lanes); };
    for (Index i = 0; i < q; ++i) {
      for (Index j = 0; j <= i; ++j) inner[static_cast<std::size_t>(triangle(i, j))].setZero();
      inner[static_cast<std::size_t>(triangle(i, i))] = log_det_slope * Eigen::Map<const Lanes>(count);
    }
    for (Index a = 0; a < width; ++a) {
      for (Index i = 0; i < q; ++i) {
        Lanes sum = K_slopes(a, a) * whitened((q + a) * q + i);
        for (Index b = 0; b < a; ++b) sum += (2 * K_slopes(a, b)) * whitened((q + b) * q + i);
        // Twice the products below the diagonal of K stand for both; inner is made symmetric by halves.
        for (Index j = 0; j < q; ++j) {
          const Index at = i >= j ? triangle(i, j) : triangle(j, i);
          const double share = i == j ? 1.0 : 0.5;
          inner[static_cast<std::size_t>(at)] -= share * sum * whitened((q + a) * q + j);
        }
      }
    }
    for (Index j = 0; j < q; ++j) {
      trace += inner[static_cast<std::size_t>(triangle(j, j))];
      for (Index i = 0; i < q; ++i) {
        Lanes sum = Lanes::Zero();
        for (Index k = 0; k < q; ++k) {
          sum += inner[static_cast<std::size_t>(i >= k ? triangle(i, k) : triangle(k, i))] * whitened(j * q + k);
        }
        product[static_cast<std::size_t>(j * q + i)] = sum;
      }
    }
    for (Index i = 0; i < q; ++i) {
      for (Index j = 0; j <= i; ++j) {
        for (Index k = 0; k < q; ++k) {
          sums[static_cast<std::size_t>(triangle(i, j))] +=
              whitened(i * q + k) * product[static_cast<std::size_t>(j * q + k)];
        }
      }
    }
  }
  for (Index i = 0; i < q; ++i) {
    for (Index j = 0; j <= i; ++j) {
      covariance_slopes_(i, j) = sums[static_cast<std::size_t>(triangle(i, j))].sum();
      covariance_slopes_(j, i) = covariance_slopes_(i, j);
    }
  }
  return trace.sum();
}

double BlockElimination::backward(const MatrixXd& factor, double sigma, const MatrixXd& K_slopes, double log_det_slope,
                                  MatrixXd& factor_slopes) {
  double trace = 0;
  switch (shared_->effects) {
    case 1:
      trace = slopes<1>(K_slopes, log_det_slope);
      break;
    case 2:
      trace = slopes<2>(K_slopes, log_det_slope);
      break;
    case 3:
      trace = slopes<3>(K_slopes, log_det_slope);
      break;
    default:
      trace = slopes<0>(K_slopes, log_det_slope);
  }
  factor_slopes.noalias() = covariance_slopes_.lazyProduct(factor);
  const double of_factor = factor_slopes.cwiseProduct(factor).sum();  // the trace of Σ times its slopes
  factor_slopes *= 2;
  const double of_rest = K_slopes.cwiseProduct(shared_->rest_square).sum() / (sigma * sigma);
  return 2 * (trace - of_factor - of_rest + log_det_slope * shared_->free_rows);
}

}  // namespace filbert
