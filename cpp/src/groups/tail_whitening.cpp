// Factorises groups one by one into a border of the tail and the coefficients, and differentiates both.
#include "filbert/groups/tail_whitening.hpp"

#include <algorithm>
#include <string>

#include "block_kernel.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }
using Kernel = BlockKernel<double, 0>;

}  // namespace

TailWhitening::TailWhitening(const WorkingBlocks& blocks)
    : border_(std::min(blocks.structure.tail_size(), largest_tail) + blocks.inner) {
  const GroupStructure& structure = blocks.structure;
  auto shared = std::make_shared<Shared>();
  const Index primary = structure.primary(), q = structure.effects(primary), p = blocks.inner, n = p + blocks.outer;
  shared->tail = structure.tail_size();
  if (shared->tail > largest_tail) {
    throw GroupsTooLarge("grouping factors have " + std::to_string(shared->tail) +
                         " effects besides those of the largest factor; at most " + std::to_string(largest_tail) +
                         " can be handled where the response is not Gaussian. Leave out a factor, or use fewer levels");
  }
  if (q > most_block_effects) {
    throw GroupsTooLarge("a grouping factor may have at most " + std::to_string(most_block_effects) +
                         " effects a group, not " + std::to_string(q));
  }
  shared->effects = q;
  shared->n_groups = structure.groups(primary);
  shared->inner = p;
  shared->outer = blocks.outer;
  shared->primary = at(primary);
  shared->tail_rows = blocks.tail;
  shared->square = blocks.square;
  shared->pull = blocks.pull;
  shared->tail_place.resize(at(shared->tail));
  Index place = p;
  for (Index f = 0; f < structure.factors(); ++f) {
    const Index groups = structure.groups(f), effects = structure.effects(f);
    if (f == primary) shared->first_effect = place;
    for (Index g = 0; f != primary && g < groups; ++g) {
      const Index first = structure.tail_offset(f) + g * effects;
      shared->levels.push_back({at(f), first, effects});
      for (Index j = 0; j < effects; ++j) shared->tail_place[at(first + j)] = place + j * groups + g;
    }
    place += groups * effects;
  }
  Index widest = 0;
  for (Index g = 0; g < shared->n_groups; ++g) {
    const WorkingBlocks::Touched& touched = blocks.touched[at(g)];
    const Eigen::Map<const MatrixXd> block(blocks.blocks.col(g).data(), q, q + n + 1);
    const Index m = static_cast<Index>(touched.tail.size());
    Group group{touched.tail,    {}, block.leftCols(q), MatrixXd(q, m + p), block.middleCols(q + p, blocks.outer),
                block.col(q + n)};
    for (Index k = 0; k < p; ++k) group.at.push_back(shared->tail + k);
    group.columns << touched.product, block.middleCols(q, p);
    for (Index k = 0; k < m;) {
      const auto level = std::find_if(shared->levels.begin(), shared->levels.end(), [&](const Level& of) {
        return of.first <= touched.tail[at(k)] && touched.tail[at(k)] < of.first + of.size;
      });
      group.levels.push_back({level->factor, k, level->size});  // a row that reaches a level reaches all of it
      k += level->size;
    }
    work_.push_back({MatrixXd::Zero(q, q), MatrixXd::Zero(q, m + p), MatrixXd::Zero(q, m + p + 1), VectorXd::Zero(q),
                     VectorXd::Zero(q), VectorXd::Zero(q)});
    widest = std::max(widest, m + p);
    shared->groups.push_back(std::move(group));
  }
  P_ = MatrixXd::Zero(q, q);
  slopes_ = MatrixXd::Zero(q, widest + 1);
  scaled_tail_ = MatrixXd::Zero(shared->tail, shared->tail);
  border_z_ = VectorXd::Zero(border_.size());
  border_x_ = border_z_;
  border_slopes_ = border_z_;
  tail_right_ = VectorXd::Zero(shared->tail);
  column_ = VectorXd::Zero(std::max(q, widest));
  shared_ = std::move(shared);
}

/// What the border is before groups are eliminated into it.
void TailWhitening::fill_border(const std::vector<MatrixXd>& factors, const VectorXd& outer) {
  const Shared& shared = *shared_;
  const Index T = shared.tail, p = shared.inner;
  MatrixXd& S = border_.square();
  VectorXd& s = border_.pull();
  tail_right_ = shared.tail_rows.col(T + p + shared.outer);
  for (Index j = 0; j < shared.outer; ++j) tail_right_ -= shared.tail_rows.col(T + p + j) * outer(j);
  for (const Level& level : shared.levels) {
    scaled_tail_.middleCols(level.first, level.size).noalias() =
        shared.tail_rows.middleCols(level.first, level.size).lazyProduct(factors[level.factor]);
  }
  for (const Level& level : shared.levels) {
    const MatrixXd& factor = factors[level.factor];
    S.block(level.first, 0, level.size, T).noalias() =
        factor.transpose().lazyProduct(scaled_tail_.middleRows(level.first, level.size));
    S.block(T, level.first, p, level.size).noalias() =
        shared.tail_rows.block(level.first, T, level.size, p).transpose().lazyProduct(factor);
    s.segment(level.first, level.size).noalias() =
        factor.transpose().lazyProduct(tail_right_.segment(level.first, level.size));
  }
  S.topLeftCorner(T, T).diagonal().array() += 1;
  S.bottomRightCorner(p, p) = shared.square.topLeftCorner(p, p);
  s.tail(p) = shared.pull.head(p);
  for (Index j = 0; j < shared.outer; ++j) s.tail(p) -= shared.square.col(p + j).head(p) * outer(j);
}

double TailWhitening::eliminate(const std::vector<MatrixXd>& factors, const VectorXd& outer,
                                const Eigen::Ref<const VectorXd>& z) {
  const Shared& shared = *shared_;
  const Index q = shared.effects;
  const Kernel kernel(q);
  const MatrixXd& factor = factors[shared.primary];
  MatrixXd& S = border_.square();
  double log_determinant = 0, unused = 1;
  for (std::size_t g = 0; g < shared.groups.size(); ++g) {
    const Group& group = shared.groups[g];
    Work& work = work_[g];
    const Index m = group.columns.cols();
    kernel.factorise(factor.data(), group.G.data(), work.root.data(), unused, log_determinant);
    work.scaled = group.columns;
    for (const Level& level : group.levels) {
      work.scaled.middleCols(level.first, level.size).noalias() =
          group.columns.middleCols(level.first, level.size).lazyProduct(factors[level.factor]);
    }
    work.right = group.right;
    for (Index j = 0; j < shared.outer; ++j) work.right -= group.outer.col(j) * outer(j);
    MatrixXd& A = work.coupled;
    for (Index c = 0; c < m; ++c) kernel.couple(factor.data(), work.root.data(), &work.scaled(0, c), &A(0, c));
    kernel.couple(factor.data(), work.root.data(), work.right.data(), &A(0, m));
    for (Index c = 0; c < m; ++c) {
      for (Index d = 0; d <= c; ++d) S(group.at[at(c)], group.at[at(d)]) -= kernel.dot(&A(0, c), &A(0, d));
      border_.pull()(group.at[at(c)]) -= kernel.dot(&A(0, c), &A(0, m));
    }
    for (Index i = 0; i < q; ++i) {
      work.r(i) = A(i, m) + z(shared.first_effect + i * shared.n_groups + static_cast<Index>(g));
    }
  }
  return log_determinant;
}

double TailWhitening::forward(const std::vector<MatrixXd>& factors, const VectorXd& outer,
                              const Eigen::Ref<const VectorXd>& z, Eigen::Ref<VectorXd> x) {
  const Shared& shared = *shared_;
  const Index T = shared.tail, p = shared.inner, q = shared.effects;
  fill_border(factors, outer);
  double value = eliminate(factors, outer, z);
  value += border_.factorise();
  for (Index k = 0; k < T; ++k) border_z_(k) = z(shared.tail_place[at(k)]);
  border_z_.tail(p) = z.head(p);
  border_.draw(border_z_, border_x_);
  for (Index k = 0; k < T; ++k) x(shared.tail_place[at(k)]) = border_x_(k);
  x.head(p) = border_x_.tail(p);
  const Kernel kernel(q);
  for (std::size_t g = 0; g < shared.groups.size(); ++g) {
    const Group& group = shared.groups[g];
    Work& work = work_[g];
    for (Index c = 0; c < group.columns.cols(); ++c) work.r -= work.coupled.col(c) * border_x_(group.at[at(c)]);
    column_.head(q) = work.r;
    kernel.solve_transposed(work.root.data(), column_.data());
    for (Index i = 0; i < q; ++i) x(shared.first_effect + i * shared.n_groups + static_cast<Index>(g)) = column_(i);
  }
  return value;
}

void TailWhitening::backward(const std::vector<MatrixXd>& factors, const Eigen::Ref<const VectorXd>& x_slopes,
                             Eigen::Ref<VectorXd> z_slopes, std::vector<MatrixXd>& factor_slopes,
                             VectorXd& outer_slopes) {
  const Shared& shared = *shared_;
  const Index T = shared.tail, p = shared.inner, q = shared.effects;
  const Kernel kernel(q);
  for (MatrixXd& slopes : factor_slopes) slopes.setZero();
  outer_slopes.setZero();
  for (Index k = 0; k < T; ++k) border_slopes_(k) = x_slopes(shared.tail_place[at(k)]);
  border_slopes_.tail(p) = x_slopes.head(p);
  for (std::size_t g = 0; g < shared.groups.size(); ++g) {
    const Group& group = shared.groups[g];
    Work& work = work_[g];
    const auto place = [&](Index i) { return shared.first_effect + i * shared.n_groups + static_cast<Index>(g); };
    for (Index i = 0; i < q; ++i) work.r_slopes(i) = x_slopes(place(i));
    kernel.solve(work.root.data(), work.r_slopes.data());
    for (Index i = 0; i < q; ++i) z_slopes(place(i)) = work.r_slopes(i);
    for (Index c = 0; c < group.columns.cols(); ++c) {
      border_slopes_(group.at[at(c)]) -= work.coupled.col(c).dot(work.r_slopes);
    }
  }
  border_.backward(border_slopes_, border_z_);
  for (Index k = 0; k < T; ++k) z_slopes(shared.tail_place[at(k)]) = border_z_(k);
  z_slopes.head(p) = border_z_.tail(p);
  for (std::size_t g = 0; g < shared.groups.size(); ++g) group_slopes(g, factors, factor_slopes, outer_slopes);
  border_slopes(factors, factor_slopes, outer_slopes);
}

void TailWhitening::group_slopes(std::size_t g, const std::vector<MatrixXd>& factors,
                                 std::vector<MatrixXd>& factor_slopes, VectorXd& outer_slopes) {
  const Shared& shared = *shared_;
  const Index q = shared.effects;
  const Kernel kernel(q);
  const Group& group = shared.groups[g];
  Work& work = work_[g];
  const Index m = group.columns.cols();
  const MatrixXd& factor = factors[shared.primary];
  MatrixXd& of_factor = factor_slopes[shared.primary];
  const MatrixXd& S = border_.square_slopes();
  const VectorXd& s = border_.pull_slopes();
  const MatrixXd& A = work.coupled;
  kernel.begin_slopes(work.r.data(), work.r_slopes.data(), P_.data());
  for (Index c = 0; c <= m; ++c) {
    auto slope = slopes_.col(c);
    if (c < m) {
      const Index at_c = group.at[at(c)];
      slope = -work.r_slopes * border_x_(at_c) - A.col(m) * s(at_c);
      for (Index d = 0; d < m; ++d) slope -= A.col(d) * (2 * S(group.at[at(d)], at_c));
    } else {
      slope = work.r_slopes;
      for (Index d = 0; d < m; ++d) slope -= A.col(d) * s(group.at[at(d)]);
    }
    kernel.couple_slopes(work.root.data(), &A(0, c), slope.data(), P_.data());
    kernel.column_slopes(c < m ? &work.scaled(0, c) : work.right.data(), slope.data(), of_factor.data());
  }
  kernel.end_slopes(factor.data(), group.G.data(), work.root.data(), P_.data(), of_factor.data());
  for (Index c = 0; c <= m; ++c) {  // Λ times the slopes in Λ'N
    for (Index i = q; i-- > 0;) slopes_(i, c) = factor.row(i).head(i + 1).dot(slopes_.col(c).head(i + 1));
  }
  for (Index j = 0; j < shared.outer; ++j) outer_slopes(j) -= group.outer.col(j).dot(slopes_.col(m));
  for (const Level& level : group.levels) {
    factor_slopes[level.factor].noalias() += group.columns.middleCols(level.first, level.size)
                                                 .transpose()
                                                 .lazyProduct(slopes_.middleCols(level.first, level.size));
  }
}

void TailWhitening::border_slopes(const std::vector<MatrixXd>& factors, std::vector<MatrixXd>& factor_slopes,
                                  VectorXd& outer_slopes) {
  const Shared& shared = *shared_;
  const Index T = shared.tail, p = shared.inner;
  const MatrixXd& S = border_.square_slopes();
  const VectorXd& s = border_.pull_slopes();
  for (const Level& level : shared.levels) {
    scaled_tail_.middleRows(level.first, level.size).noalias() =
        factors[level.factor].lazyProduct(S.block(level.first, 0, level.size, T));
  }
  for (const Level& level : shared.levels) {
    MatrixXd& of_factor = factor_slopes[level.factor];
    of_factor.noalias() += 2 * shared.tail_rows.block(level.first, 0, level.size, T)
                                   .lazyProduct(scaled_tail_.middleCols(level.first, level.size));
    of_factor.noalias() +=
        2 * shared.tail_rows.block(level.first, T, level.size, p).lazyProduct(S.block(T, level.first, p, level.size));
    of_factor.noalias() +=
        tail_right_.segment(level.first, level.size).lazyProduct(s.segment(level.first, level.size).transpose());
    column_.head(level.size).noalias() = factors[level.factor].lazyProduct(s.segment(level.first, level.size));
    for (Index j = 0; j < shared.outer; ++j) {
      outer_slopes(j) -= shared.tail_rows.col(T + p + j).segment(level.first, level.size).dot(column_.head(level.size));
    }
  }
  for (Index j = 0; j < shared.outer; ++j) outer_slopes(j) -= shared.square.col(p + j).head(p).dot(s.tail(p));
}

double TailWhitening::variance(const std::vector<MatrixXd>& factors, Index group, const VectorXd& of_group,
                               const std::vector<Index>& tail, VectorXd& of_border, const MatrixXd& inverse) const {
  const Group& of = shared_->groups[at(group)];
  const Work& work = work_[at(group)];
  VectorXd r(shared_->effects);
  Kernel(shared_->effects).couple(factors[shared_->primary].data(), work.root.data(), of_group.data(), r.data());
  VectorXd w = VectorXd::Zero(of.columns.cols());
  const Index m = w.size() - shared_->inner;
  for (std::size_t k = 0; k < tail.size(); ++k) {
    const auto place = std::lower_bound(of.at.begin(), of.at.begin() + m, tail[k]);
    w(place - of.at.begin()) += of_border(static_cast<Index>(k));
  }
  w.tail(shared_->inner) = of_border.tail(shared_->inner);
  w.noalias() -= work.coupled.leftCols(w.size()).transpose() * r;
  double result = r.squaredNorm();
  for (Index c = 0; c < w.size(); ++c) {
    for (Index d = 0; d < w.size(); ++d) result += w(c) * w(d) * inverse(of.at[at(c)], of.at[at(d)]);
  }
  return result;
}

}  // namespace filbert
