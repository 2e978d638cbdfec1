// Goes over panels of columns, and shares what is right of a panel among threads where it is wide.
#include "filbert/summary/triangle.hpp"

#include <algorithm>

#include "filbert/threads/thread_pool.hpp"

namespace filbert {

const TriangleKernels& baseline_triangle_kernels();
#ifdef FILBERT_HAS_AVX2_KERNELS
const TriangleKernels& avx2_triangle_kernels();
#endif

namespace {

using Eigen::Index;
using Eigen::MatrixXd;

Index padded(Index rows) { return (rows + row_multiple - 1) / row_multiple * row_multiple; }

// Rows of one rotation: with the columns of a panel they fill the first-level cache.
constexpr Index rows_at_once = 256;

/// Rotates the rows [start, start + rows) of the buffer.
void rotate_piece(const TriangleAndRows& into, Index columns, Index rows, Index first_reach,
                  const TriangleKernels& kernels) {
  constexpr Index columns_a_task = 64;
  Reflections reflections{};
  for (Index first = 0; first < columns; first += panel_columns) {
    const Index width = std::min(panel_columns, columns - first);
    const Index reach = std::min(rows, padded(std::max<Index>(first_reach + first + width - 1, 0)));
    if (reach == 0) continue;
    kernels.factor(into, first, width, reach, reflections);
    const Index begin = first + width;
    const Index tasks = reach < 64 ? 1 : (columns - begin) / columns_a_task;
    if (tasks <= 1) {
      kernels.apply(into, first, width, reach, reflections, begin, columns);
      continue;
    }
    ThreadPool::shared().run(static_cast<int>(tasks), [&](int task) {
      const Index end = task + 1 == tasks ? columns : begin + (task + 1) * columns_a_task;
      kernels.apply(into, first, width, reach, reflections, begin + task * columns_a_task, end);
    });
  }
}

}  // namespace

const TriangleKernels& triangle_kernels(InstructionSet set) {
  require_available(set);
#ifdef FILBERT_HAS_AVX2_KERNELS
  if (set == InstructionSet::Avx2) return avx2_triangle_kernels();
#endif
  return baseline_triangle_kernels();
}

RowBuffer::RowBuffer(Index rows, Index columns)
    : columns_(columns), stride_(padded(rows)), values_(Eigen::VectorXd::Zero(stride_ * columns)) {}

void RowBuffer::set_rows(Index rows) {
  padded_rows_ = padded(rows);
  for (Index j = 0; j < columns_; ++j) std::fill(column(j) + rows, column(j) + padded_rows_, 0.0);
}

void rotate_into(MatrixXd& triangle, RowBuffer& rows, Index first_reach, const TriangleKernels& kernels) {
  for (Index start = 0; start < rows.padded_rows(); start += rows_at_once) {
    const Index count = std::min(rows_at_once, rows.padded_rows() - start);
    rotate_piece({triangle.data(), triangle.rows(), rows.column(0) + start, rows.stride()}, rows.columns(), count,
                 first_reach - start, kernels);
  }
}

void rotate_into(MatrixXd& triangle, RowBuffer& rows, const TriangleKernels& kernels) {
  rotate_into(triangle, rows, rows.padded_rows(), kernels);
}

void rotate_into(MatrixXd& triangle, const Eigen::Ref<const MatrixXd>& rows, const TriangleKernels& kernels) {
  RowBuffer buffer(rows.rows(), rows.cols());
  Index reach = 0;
  for (Index j = 0; j < rows.cols(); ++j) {
    std::copy_n(rows.col(j).data(), rows.rows(), buffer.column(j));
    Index last = rows.rows();
    while (last > 0 && rows(last - 1, j) == 0) --last;
    reach = std::max(reach, last - j);
  }
  buffer.set_rows(rows.rows());
  rotate_into(triangle, buffer, reach, kernels);
}

MatrixXd triangle_of(const Eigen::Ref<const MatrixXd>& rows) {
  MatrixXd triangle = MatrixXd::Zero(rows.cols(), rows.cols());
  rotate_into(triangle, rows);
  return triangle;
}

MatrixXd product(const Eigen::Ref<const MatrixXd>& A, const Eigen::Ref<const MatrixXd>& B,
                 const TriangleKernels& kernels) {
  constexpr Index columns_a_task = 128;
  MatrixXd C = MatrixXd::Zero(A.rows(), B.cols());
  const Index tasks = std::max<Index>(1, (B.cols() + columns_a_task - 1) / columns_a_task);
  ThreadPool::shared().run(static_cast<int>(tasks), [&](int task) {
    const Index first = task * columns_a_task;
    const Index columns = std::min(columns_a_task, B.cols() - first);
    if (columns <= 0 || A.size() == 0) return;
    Eigen::VectorXd workspace(product_workspace);
    kernels.multiply(A.rows(), columns, A.cols(), A.data(), A.outerStride(), B.col(first).data(), B.outerStride(),
                     C.col(first).data(), C.outerStride(), workspace.data());
  });
  return C;
}

// By halves: what is above the diagonal blocks comes from products.
MatrixXd inverse_of_triangle(const Eigen::Ref<const MatrixXd>& triangle, const TriangleKernels& kernels) {
  const Index size = triangle.cols();
  if (size <= 64) return triangle.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(size, size));
  const Index half = size / 2, rest = size - half;
  MatrixXd inverse = MatrixXd::Zero(size, size);
  inverse.topLeftCorner(half, half) = inverse_of_triangle(triangle.topLeftCorner(half, half), kernels);
  inverse.bottomRightCorner(rest, rest) = inverse_of_triangle(triangle.bottomRightCorner(rest, rest), kernels);
  const MatrixXd above = product(inverse.topLeftCorner(half, half), triangle.topRightCorner(half, rest), kernels);
  inverse.topRightCorner(half, rest) = -product(above, inverse.bottomRightCorner(rest, rest), kernels);
  return inverse;
}

}  // namespace filbert
