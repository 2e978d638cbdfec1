// Rotates rows into an upper triangle: the one step of which QR of rows in blocks is made.
#pragma once

#include <Eigen/Core>

#include "filbert/summary/triangle_kernels.hpp"

namespace filbert {

/// Rows on their way into a triangle, padded with zeros as the kernels want them.
class RowBuffer {
 public:
  RowBuffer(Eigen::Index rows, Eigen::Index columns);

  Eigen::Index columns() const { return columns_; }
  double* column(Eigen::Index j) { return values_.data() + j * stride_; }

  /// How many rows it holds now, at most those that it was made for; the padding after them is made zero.
  void set_rows(Eigen::Index rows);
  Eigen::Index padded_rows() const { return padded_rows_; }
  Eigen::Index stride() const { return stride_; }

 private:
  Eigen::Index columns_, stride_;
  Eigen::Index padded_rows_ = 0;
  Eigen::VectorXd values_;
};

/// Makes `triangle` that of the QR of itself on top of the rows; what the buffer holds is lost. Its diagonal must not be negative, and
/// is not negative after: this makes the factor of rows unique, in whatever order and blocks they come. Column j of the rows is
/// zero from row `first_reach + j` on. The numbers do not depend on how many threads there are.
void rotate_into(Eigen::MatrixXd& triangle, RowBuffer& rows, Eigen::Index first_reach,
                 const TriangleKernels& kernels = triangle_kernels());

/// As `rotate_into`, of rows without zeros.
void rotate_into(Eigen::MatrixXd& triangle, RowBuffer& rows, const TriangleKernels& kernels = triangle_kernels());

/// As `rotate_into`, of the rows of a matrix, whose zeros below a diagonal are found and spared.
void rotate_into(Eigen::MatrixXd& triangle, const Eigen::Ref<const Eigen::MatrixXd>& rows,
                 const TriangleKernels& kernels = triangle_kernels());

/// The triangle of the QR of a matrix, (columns, columns), its diagonal not negative.
Eigen::MatrixXd triangle_of(const Eigen::Ref<const Eigen::MatrixXd>& rows);

/// A B, on the threads of this process where it is large; the numbers do not depend on how many there are.
Eigen::MatrixXd product(const Eigen::Ref<const Eigen::MatrixXd>& A, const Eigen::Ref<const Eigen::MatrixXd>& B,
                        const TriangleKernels& kernels = triangle_kernels());

/// The inverse of an upper triangle; what is below its diagonal is not read. Where an element of the diagonal is zero, it has values that
/// are not finite.
Eigen::MatrixXd inverse_of_triangle(const Eigen::Ref<const Eigen::MatrixXd>& triangle,
                                    const TriangleKernels& kernels = triangle_kernels());

}  // namespace filbert
