// Lets the loops over blocks and the dense border work together.
#include "filbert/groups/block_whitening.hpp"

#include <array>
#include <string>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

}  // namespace

BlockWhitening::BlockWhitening(const WorkingBlocks& blocks, InstructionSet set)
    : kernels_(&whitening_kernels(set)), border_(blocks.inner) {
  const Index q = blocks.structure.effects(0), p = blocks.inner, groups = blocks.structure.groups(0);
  if (q > most_block_effects) {
    throw GroupsTooLarge("a grouping factor may have at most " + std::to_string(most_block_effects) +
                         " effects a group, not " + std::to_string(q));
  }
  auto shared = std::make_shared<Shared>();
  WhitenedBlocks& shape = shared->shape;
  shape.effects = q;
  shape.groups = groups;
  shape.chunks = (groups + block_lanes - 1) / block_lanes;
  shape.inner = p;
  shape.outer = blocks.outer;
  shared->square = blocks.square;
  shared->pull = blocks.pull;
  const Index n = shape.numbers_of_chunk();
  shared->numbers.resize(at(shape.chunks * n));
  for (Index g = 0; g < groups; ++g) {
    for (Index k = 0; k < n; ++k) {
      shared->numbers[at(g / block_lanes * n + k)].lanes[g % block_lanes] = blocks.blocks(k, g);
    }
  }
  shape.numbers = shared->numbers.data();
  roots_.resize(at(shape.chunks * q * q));
  coupled_.resize(at(shape.chunks * q * (p + 1)));
  right_.resize(at(shape.chunks * q));
  r_ = right_;
  r_slopes_ = right_;
  sums_.resize(at((p + 1) * (p + 2) / 2));
  column_.resize(at(2 * q));
  P_.resize(at(q * q));
  factor_sums_ = P_;
  square_sums_ = VectorXd::Zero(p * (p + 1) / 2);
  pull_sums_ = VectorXd::Zero(p);
  coefficients_ = pull_sums_;
  coefficient_slopes_ = pull_sums_;
  shared_ = std::move(shared);
}

WhitenedBlocks BlockWhitening::blocks() {
  WhitenedBlocks blocks = shared_->shape;
  blocks.roots = roots_.data();
  blocks.coupled = coupled_.data();
  blocks.right = right_.data();
  blocks.r = r_.data();
  blocks.r_slopes = r_slopes_.data();
  blocks.sums = sums_.data();
  blocks.column = column_.data();
  blocks.P = P_.data();
  blocks.factor_sums = factor_sums_.data();
  blocks.square_sums = square_sums_.data();
  blocks.pull_sums = pull_sums_.data();
  return blocks;
}

double BlockWhitening::forward(const std::vector<MatrixXd>& factors, const VectorXd& outer,
                               const Eigen::Ref<const VectorXd>& z, Eigen::Ref<VectorXd> x) {
  const WhitenedBlocks blocks = this->blocks();
  const Index p = blocks.inner;
  double value = kernels_->eliminate(blocks, factors.front().data(), outer.data(), z.data() + p);
  for (Index a = 0, next = 0; a < p; ++a) {
    for (Index b = 0; b <= a; ++b) border_.square()(a, b) = shared_->square(a, b) - square_sums_(next++);
    border_.pull()(a) = shared_->pull(a) - pull_sums_(a);
    for (Index j = 0; j < blocks.outer; ++j) border_.pull()(a) -= shared_->square(a, p + j) * outer(j);
  }
  value += border_.factorise();
  border_.draw(z.head(p), coefficients_);
  x.head(p) = coefficients_;
  kernels_->substitute(blocks, coefficients_.data(), x.data() + p);
  return value;
}

void BlockWhitening::backward(const std::vector<MatrixXd>& factors, const Eigen::Ref<const VectorXd>& x_slopes,
                              Eigen::Ref<VectorXd> z_slopes, std::vector<MatrixXd>& factor_slopes,
                              VectorXd& outer_slopes) {
  const WhitenedBlocks blocks = this->blocks();
  const Index p = blocks.inner;
  coefficient_slopes_ = x_slopes.head(p);
  outer_slopes.setZero();
  kernels_->whiten_slopes(blocks, x_slopes.data() + p, z_slopes.data() + p, coefficient_slopes_.data());
  border_.backward(coefficient_slopes_, z_slopes.head(p));
  kernels_->slopes(blocks, factors.front().data(), border_.square_slopes().data(), border_.pull_slopes().data(),
                   coefficients_.data(), factor_slopes.front().data(), outer_slopes.data());
  for (Index j = 0; j < blocks.outer; ++j) {
    outer_slopes(j) -= shared_->square.col(p + j).head(p).dot(border_.pull_slopes());
  }
}

double BlockWhitening::variance(const std::vector<MatrixXd>& factors, Index group, const VectorXd& of_group,
                                const std::vector<Index>&, VectorXd& of_border, const MatrixXd& inverse) const {
  const Index q = shared_->shape.effects, p = shared_->shape.inner;
  const Index chunk = group / block_lanes, lane = group % block_lanes;
  const auto root = [&](Index i, Index j) { return roots_[at((chunk * q + j) * q + i)].lanes[lane]; };
  const auto A = [&](Index i, Index c) { return coupled_[at((chunk * (p + 1) + c) * q + i)].lanes[lane]; };
  std::array<double, most_block_effects> r{};
  double result = 0;
  for (Index i = 0; i < q; ++i) {
    double sum = 0;
    for (Index k = i; k < q; ++k) sum += factors.front()(k, i) * of_group(k);
    for (Index k = 0; k < i; ++k) sum -= root(i, k) * r[at(k)];
    r[at(i)] = sum * root(i, i);
    result += r[at(i)] * r[at(i)];
  }
  for (Index c = 0; c < p; ++c) {
    for (Index i = 0; i < q; ++i) of_border(c) -= A(i, c) * r[at(i)];
  }
  for (Index c = 0; c < p; ++c) {
    for (Index d = 0; d < p; ++d) result += of_border(c) * inverse(d, c) * of_border(d);
  }
  return result;
}

}  // namespace filbert
