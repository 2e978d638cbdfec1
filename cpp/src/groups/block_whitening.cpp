// Factorises, substitutes and differentiates small blocks side by side.
#include "filbert/groups/block_whitening.hpp"

#include <cmath>
#include <string>

#include "block_kernel.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }
constexpr double overflowing = 1e60;  // so that no product with one more block leaves the doubles

/// Of numbers below `overflowing`.
double logarithm_of_product(const Lanes& x) {
  return std::log(x(0) * x(1) * x(2) * x(3)) + std::log(x(4) * x(5) * x(6) * x(7));
}

Index triangle(Index row, Index column) { return row * (row + 1) / 2 + column; }

}  // namespace

BlockWhitening::BlockWhitening(const WorkingBlocks& blocks) : border_(blocks.inner) {
  auto shared = std::make_shared<Shared>();
  const Index q = blocks.structure.effects(0);
  if (q > most_block_effects) {
    throw GroupsTooLarge("a grouping factor may have at most " + std::to_string(most_block_effects) +
                         " effects a group, not " + std::to_string(q));
  }
  shared->effects = q;
  shared->groups = blocks.structure.groups(0);
  shared->chunks = (shared->groups + lanes - 1) / lanes;
  shared->inner = blocks.inner;
  shared->outer = blocks.outer;
  shared->square = blocks.square;
  shared->pull = blocks.pull;
  shared->numbers.assign(at(shared->chunks * shared->block()), Lanes(0.0));
  for (Index g = 0; g < shared->groups; ++g) {
    Lanes* const to = shared->numbers.data() + g / lanes * shared->block();
    for (Index k = 0; k < shared->block(); ++k) to[k].set(g % lanes, blocks.blocks(k, g));
  }
  const Index p = blocks.inner;
  roots_.assign(at(shared->chunks * q * q), Lanes(0.0));
  coupled_.assign(at(shared->chunks * q * (p + 1)), Lanes(0.0));
  right_.assign(at(shared->chunks * q), Lanes(0.0));
  r_ = right_;
  r_slopes_ = right_;
  sums_.assign(at((p + 1) * (p + 2) / 2), Lanes(0.0));
  column_.assign(at(2 * q), Lanes(0.0));
  P_.assign(at(q * q), Lanes(0.0));
  factor_sums_ = P_;
  coefficients_ = VectorXd::Zero(p);
  coefficient_slopes_ = coefficients_;
  shared_ = std::move(shared);
}

/// The effects of a chunk, whose columns lie a column of groups apart.
void BlockWhitening::load(const double* from, Index chunk, Lanes* to) const {
  const Index first = chunk * lanes;
  const Index count = std::min<Index>(lanes, shared_->groups - first);
  for (Index j = 0; j < shared_->effects; ++j) {
    const double* const column = from + j * shared_->groups + first;
    if (count == lanes) {
      to[j] = Lanes::load(column);
      continue;
    }
    double numbers[lanes] = {};
    for (Index i = 0; i < count; ++i) numbers[i] = column[i];
    to[j] = Lanes::load(numbers);
  }
}

void BlockWhitening::store(const Lanes* from, Index chunk, double* to) const {
  const Index first = chunk * lanes;
  const Index count = std::min<Index>(lanes, shared_->groups - first);
  for (Index j = 0; j < shared_->effects; ++j) {
    double* const column = to + j * shared_->groups + first;
    if (count == lanes) {
      from[j].store(column);
      continue;
    }
    for (Index i = 0; i < count; ++i) column[i] = from[j](i);
  }
}

template <int Q>
double BlockWhitening::eliminate(const MatrixXd& factor, const VectorXd& outer, const Eigen::Ref<const VectorXd>& z) {
  const Shared& shared = *shared_;
  const Index q = Q > 0 ? Q : shared.effects, p = shared.inner;
  const BlockKernel<Lanes, Q> kernel(q);
  for (Lanes& sum : sums_) sum = Lanes(0.0);
  Lanes log_determinant(0.0), determinant(1.0);
  for (Index chunk = 0; chunk < shared.chunks; ++chunk) {
    const Lanes* const G = shared.numbers.data() + chunk * shared.block();
    const Lanes* const F = G + q * q;
    const Lanes* const k = F + q * (p + shared.outer);
    Lanes* const root = roots_.data() + chunk * q * q;
    Lanes* const A = coupled_.data() + chunk * q * (p + 1);
    Lanes* const right = right_.data() + chunk * q;
    kernel.factorise(factor, G, root, determinant, log_determinant);
    if (!(determinant.sum() < overflowing)) {  // no determinant of a block is below 1
      log_determinant += 0.5 * logarithm_of(determinant);
      determinant = Lanes(1.0);
    }
    for (Index i = 0; i < q; ++i) {
      right[i] = k[i];
      for (Index j = 0; j < shared.outer; ++j) right[i] -= F[(p + j) * q + i] * outer(j);
    }
    for (Index c = 0; c < p; ++c) kernel.couple(factor, root, F + c * q, A + c * q);
    kernel.couple(factor, root, right, A + p * q);
    for (Index a = 0; a <= p; ++a) {
      for (Index b = 0; b <= std::min(a, p - 1); ++b) {
        sums_[at(triangle(a, b))] += kernel.dot(A + a * q, A + b * q);
      }
    }
    Lanes* const y = r_.data() + chunk * q;
    load(z.data(), chunk, y);
    for (Index i = 0; i < q; ++i) y[i] += A[p * q + i];
  }
  border_.square() = shared.square.topLeftCorner(p, p);
  border_.pull() = shared.pull.head(p);
  for (Index a = 0; a < p; ++a) {
    for (Index b = 0; b <= a; ++b) border_.square()(a, b) -= sums_[at(triangle(a, b))].sum();
    border_.pull()(a) -= sums_[at(triangle(p, a))].sum();
    for (Index j = 0; j < shared.outer; ++j) border_.pull()(a) -= shared.square(a, p + j) * outer(j);
  }
  return log_determinant.sum() + 0.5 * logarithm_of_product(determinant);
}

template <int Q>
void BlockWhitening::back_substitute(Eigen::Ref<VectorXd> x) {
  const Index q = Q > 0 ? Q : shared_->effects, p = shared_->inner;
  const BlockKernel<Lanes, Q> kernel(q);
  for (Index chunk = 0; chunk < shared_->chunks; ++chunk) {
    const Lanes* const A = coupled_.data() + chunk * q * (p + 1);
    Lanes* const r = r_.data() + chunk * q;
    for (Index c = 0; c < p; ++c) {
      for (Index i = 0; i < q; ++i) r[i] -= A[c * q + i] * coefficients_(c);
    }
    for (Index i = 0; i < q; ++i) column_[at(i)] = r[i];
    kernel.solve_transposed(roots_.data() + chunk * q * q, column_.data());
    store(column_.data(), chunk, x.data());
  }
}

template <int Q>
void BlockWhitening::whiten_slopes(const Eigen::Ref<const VectorXd>& x_slopes, Eigen::Ref<VectorXd> z_slopes) {
  const Index q = Q > 0 ? Q : shared_->effects, p = shared_->inner;
  const BlockKernel<Lanes, Q> kernel(q);
  for (Index c = 0; c < p; ++c) sums_[at(c)] = Lanes(0.0);
  for (Index chunk = 0; chunk < shared_->chunks; ++chunk) {
    const Lanes* const A = coupled_.data() + chunk * q * (p + 1);
    Lanes* const r_slopes = r_slopes_.data() + chunk * q;
    load(x_slopes.data(), chunk, r_slopes);
    kernel.solve(roots_.data() + chunk * q * q, r_slopes);
    for (Index c = 0; c < p; ++c) sums_[at(c)] += kernel.dot(A + c * q, r_slopes);
    store(r_slopes, chunk, z_slopes.data());
  }
  for (Index c = 0; c < p; ++c) coefficient_slopes_(c) -= sums_[at(c)].sum();
}

template <int Q>
void BlockWhitening::slopes(const MatrixXd& factor, MatrixXd& factor_slopes, VectorXd& outer_slopes) {
  const Shared& shared = *shared_;
  const Index q = Q > 0 ? Q : shared.effects, p = shared.inner;
  const BlockKernel<Lanes, Q> kernel(q);
  const MatrixXd& S = border_.square_slopes();
  const VectorXd& s = border_.pull_slopes();
  for (Lanes& sum : factor_sums_) sum = Lanes(0.0);
  for (Index chunk = 0; chunk < shared.chunks; ++chunk) {
    const Lanes* const G = shared.numbers.data() + chunk * shared.block();
    const Lanes* const F = G + q * q;
    const Lanes* const root = roots_.data() + chunk * q * q;
    const Lanes* const A = coupled_.data() + chunk * q * (p + 1);
    const Lanes* const r = r_.data() + chunk * q;
    const Lanes* const r_slopes = r_slopes_.data() + chunk * q;
    Lanes* const slope = column_.data();
    kernel.begin_slopes(r, r_slopes, P_.data());
    for (Index c = 0; c < p; ++c) {
      for (Index i = 0; i < q; ++i) {
        Lanes sum = r_slopes[i] * coefficients_(c) + A[p * q + i] * s(c);
        for (Index d = 0; d < p; ++d) sum += A[d * q + i] * (2 * S(d, c));
        slope[i] = -sum;
      }
      kernel.couple_slopes(root, A + c * q, slope, P_.data());
      kernel.column_slopes(F + c * q, slope, factor_sums_.data());
    }
    for (Index i = 0; i < q; ++i) {
      Lanes sum = r_slopes[i];
      for (Index d = 0; d < p; ++d) sum -= A[d * q + i] * s(d);
      slope[i] = sum;
    }
    kernel.couple_slopes(root, A + p * q, slope, P_.data());
    kernel.column_slopes(right_.data() + chunk * q, slope, factor_sums_.data());
    kernel.end_slopes(factor, G, root, P_.data(), factor_sums_.data());
    if (shared.outer == 0) continue;
    Lanes* const of_right = slope + q;  // Λ times the slopes in Λ'k
    for (Index i = 0; i < q; ++i) {
      of_right[i] = Lanes(0.0);
      for (Index j = 0; j <= i; ++j) of_right[i] += factor(i, j) * slope[j];
    }
    for (Index j = 0; j < shared.outer; ++j) outer_slopes(j) -= kernel.dot(F + (p + j) * q, of_right).sum();
  }
  for (Index j = 0; j < q; ++j) {
    for (Index i = j; i < q; ++i) factor_slopes(i, j) = factor_sums_[at(j * q + i)].sum();
  }
}

double BlockWhitening::forward(const std::vector<MatrixXd>& factors, const VectorXd& outer,
                               const Eigen::Ref<const VectorXd>& z, Eigen::Ref<VectorXd> x) {
  const Index p = shared_->inner;
  const Eigen::Ref<const VectorXd> of_effects = z.tail(z.size() - p);
  Eigen::Ref<VectorXd> effects = x.tail(z.size() - p);
  const auto run = [&]<int Q>() {
    double value = eliminate<Q>(factors.front(), outer, of_effects);
    value += border_.factorise();
    border_.draw(z.head(p), coefficients_);
    back_substitute<Q>(effects);
    return value;
  };
  double value = 0;
  switch (shared_->effects) {
    case 1:
      value = run.template operator()<1>();
      break;
    case 2:
      value = run.template operator()<2>();
      break;
    case 3:
      value = run.template operator()<3>();
      break;
    default:
      value = run.template operator()<0>();
  }
  x.head(p) = coefficients_;
  return value;
}

void BlockWhitening::backward(const std::vector<MatrixXd>& factors, const Eigen::Ref<const VectorXd>& x_slopes,
                              Eigen::Ref<VectorXd> z_slopes, std::vector<MatrixXd>& factor_slopes,
                              VectorXd& outer_slopes) {
  const Index p = shared_->inner;
  const Eigen::Ref<const VectorXd> of_effects = x_slopes.tail(x_slopes.size() - p);
  Eigen::Ref<VectorXd> effect_slopes = z_slopes.tail(x_slopes.size() - p);
  coefficient_slopes_ = x_slopes.head(p);
  outer_slopes.setZero();
  const auto run = [&]<int Q>() {
    whiten_slopes<Q>(of_effects, effect_slopes);
    border_.backward(coefficient_slopes_, z_slopes.head(p));
    slopes<Q>(factors.front(), factor_slopes.front(), outer_slopes);
  };
  switch (shared_->effects) {
    case 1:
      run.template operator()<1>();
      break;
    case 2:
      run.template operator()<2>();
      break;
    case 3:
      run.template operator()<3>();
      break;
    default:
      run.template operator()<0>();
  }
  for (Index j = 0; j < shared_->outer; ++j) {
    outer_slopes(j) -= shared_->square.col(p + j).head(p).dot(border_.pull_slopes());
  }
}

double BlockWhitening::variance(const std::vector<MatrixXd>& factors, Index group, const VectorXd& of_group,
                                const std::vector<Index>&, VectorXd& of_border, const MatrixXd& inverse) const {
  const Index q = shared_->effects, p = shared_->inner;
  const Lanes* const root = roots_.data() + group / lanes * q * q;
  const Lanes* const A = coupled_.data() + group / lanes * q * (p + 1);
  const Index lane = group % lanes;
  std::array<double, most_block_effects> r{};
  double result = 0;
  for (Index i = 0; i < q; ++i) {
    double sum = 0;
    for (Index k = i; k < q; ++k) sum += factors.front()(k, i) * of_group(k);
    for (Index k = 0; k < i; ++k) sum -= root[k * q + i](lane) * r[at(k)];
    r[at(i)] = sum * root[i * q + i](lane);
    result += r[at(i)] * r[at(i)];
  }
  for (Index c = 0; c < p; ++c) {
    for (Index i = 0; i < q; ++i) of_border(c) -= A[c * q + i](lane) * r[at(i)];
  }
  for (Index c = 0; c < p; ++c) {
    for (Index d = 0; d < p; ++d) result += of_border(c) * inverse(d, c) * of_border(d);
  }
  return result;
}

}  // namespace filbert
