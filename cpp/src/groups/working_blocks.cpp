// Sums rows, group by group, into the quadratic that a posterior is at working weights.
#include "filbert/groups/working_blocks.hpp"

#include <algorithm>

#include "filbert/groups/grouped_glm.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

/// The columns of the tail that a row reaches, and their values.
void reach(const GroupedDesign& design, Index row, std::vector<Index>& tail, std::vector<double>& values) {
  const GroupStructure& structure = design.structure();
  tail.clear();
  values.clear();
  for (Index f = 0; f < structure.factors(); ++f) {
    if (f == structure.primary()) continue;
    const Index q = structure.effects(f);
    for (Index j = 0; j < q; ++j) {
      tail.push_back(structure.tail_offset(f) + design.code(f, row) * q + j);
      values.push_back(design.Z(f)(row, j));
    }
  }
}

/// Which columns of the tail the rows of each group reach, in order.
void find_touched(const GroupedDesign& design, WorkingBlocks& blocks) {
  const GroupStructure& structure = design.structure();
  std::vector<Index> tail;
  std::vector<double> values;
  for (Index g = 0; g < structure.groups(structure.primary()); ++g) {
    WorkingBlocks::Touched touched;
    for (Index i = design.first_row(g); i < design.first_row(g + 1); ++i) {
      reach(design, i, tail, values);
      touched.tail.insert(touched.tail.end(), tail.begin(), tail.end());
    }
    std::sort(touched.tail.begin(), touched.tail.end());
    touched.tail.erase(std::unique(touched.tail.begin(), touched.tail.end()), touched.tail.end());
    touched.product = MatrixXd::Zero(structure.effects(structure.primary()), static_cast<Index>(touched.tail.size()));
    blocks.touched.push_back(std::move(touched));
  }
}

}  // namespace

WorkingBlocks GroupedGlm::working_blocks(const VectorXd& position, const VectorXd& eta, const VectorXd& slopes,
                                         const VectorXd& weights) const {
  WorkingBlocks blocks;
  blocks.structure = design().structure();
  const Index primary = blocks.structure.primary();
  const Index q = blocks.structure.effects(primary), n = coefficients(), tail_size = blocks.structure.tail_size();
  blocks.inner = inner();
  blocks.outer = n - inner();
  blocks.blocks = MatrixXd::Zero(q * (q + n + 1), blocks.structure.groups(primary));
  blocks.tail = MatrixXd::Zero(tail_size, tail_size > 0 ? tail_size + n + 1 : 0);
  blocks.square = MatrixXd::Zero(n, n);
  blocks.pull = VectorXd::Zero(n);
  if (tail_size > 0) find_touched(design(), blocks);
  const MatrixXd& Z = design().Z(primary);
  VectorXd x(n + 1), z(q);  // of a row: its columns, and its working response over its weight
  std::vector<Index> tail;
  std::vector<double> values;
  for (Index g = 0; g < blocks.blocks.cols(); ++g) {
    Eigen::Map<MatrixXd> block(blocks.blocks.col(g).data(), q, q + n + 1);
    for (Index i = design().first_row(g); i < design().first_row(g + 1); ++i) {
      const double w = weights(i);
      if (!(w > 0)) continue;
      for (Index k = 0; k < n; ++k) x(k) = column(i, k);
      x(n) = eta(i) - data().offset(i) + slopes(i) / w;
      z = Z.row(i).transpose();
      for (Index j = 0; j < q; ++j) {
        for (Index k = 0; k < q; ++k) block(k, j) += w * z(j) * z(k);
      }
      for (Index k = 0; k <= n; ++k) {
        const double weighted = w * x(k);
        for (Index j = 0; j < q; ++j) block(j, q + k) += weighted * z(j);
      }
      for (Index k = 0; k < n; ++k) {
        const double weighted = w * x(k);
        for (Index l = k; l < n; ++l) blocks.square(l, k) += weighted * x(l);
        blocks.pull(k) += weighted * x(n);
      }
      if (tail_size == 0) continue;
      reach(design(), i, tail, values);
      WorkingBlocks::Touched& touched = blocks.touched[at(g)];
      for (std::size_t a = 0; a < tail.size(); ++a) {
        const auto place = std::lower_bound(touched.tail.begin(), touched.tail.end(), tail[a]);
        touched.product.col(place - touched.tail.begin()) += (w * values[a]) * z;
        for (std::size_t b = 0; b < tail.size(); ++b) blocks.tail(tail[a], tail[b]) += w * values[a] * values[b];
        blocks.tail.row(tail[a]).tail(n + 1) += (w * values[a]) * x.transpose();
      }
    }
  }
  blocks.square.triangularView<Eigen::StrictlyUpper>() = blocks.square.transpose();
  // Priors: of those that are not Gaussian the curvature here, or that of a Gaussian in its place.
  VectorXd a(n), direction(n);
  for (Index k = 0; k < n; ++k) {
    a(k) = k < inner() ? position(outer() + k) : outer_coefficients_(k - inner());
  }
  for (Index k = 0; k < inner(); ++k) {
    const Index of = shared_->order[at(k)];
    direction.setZero();
    direction(k) = 1 / shared_->scale(of);
    if (has_intercept() && of == 0 && shared_->intercept_shift != 0) {
      for (Index l = 0; l < n; ++l) {
        const Index j = shared_->order[at(l)] - 1;
        if (j >= 0) direction(l) = shared_->intercept_shift * data().mean()(j) / data().scale()(j);
      }
    }
    const double argument = direction.dot(a);
    const Prior& prior = shared_->priors.coefficients[at(of)];
    const SmoothLogDensity smooth = prior.smooth(argument);
    const double precision = prior.is_gaussian() ? prior.proxy(argument).precision
                                                 : std::max(-smooth.second, 0.1 * prior.proxy(argument).precision);
    blocks.square += precision * direction * direction.transpose();
    blocks.pull += (precision * argument + smooth.first) * direction;
  }
  return blocks;
}

}  // namespace filbert
