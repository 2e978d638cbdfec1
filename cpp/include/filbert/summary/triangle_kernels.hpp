// The loops over rows behind a summary: moments of a column, and Householder reflections of rows into a triangle.
#pragma once

#include <cstddef>

#include "filbert/numeric/instruction_set.hpp"

namespace filbert {

/// Reflections that belong together: they are found, and applied, in groups of this many.
inline constexpr std::ptrdiff_t reflection_group = 4;

/// Columns of one panel at most, a multiple of the group.
inline constexpr std::ptrdiff_t panel_columns = 16;

/// Rows are padded with zeros to a multiple of this many.
inline constexpr std::ptrdiff_t row_multiple = 8;

/// An upper triangle and rows below it, both column-major.
struct TriangleAndRows {
  double* triangle;
  std::ptrdiff_t triangle_stride;
  double* rows;
  std::ptrdiff_t rows_stride;
};

/// The reflections I - v v' of the columns of a panel: v has `head` in the column's row of the triangle, and below it `scale` times
/// what the column of the rows holds. `overlap` has the products of two v of a group, the earlier one's place first.
struct Reflections {
  double head[panel_columns];
  double scale[panel_columns];
  double overlap[panel_columns / reflection_group][reflection_group][reflection_group];
};

/// What `moments` says of a column.
struct ColumnMoments {
  double least, largest;  ///< of values that are not NaN
  double sum;             ///< weighted; not finite where a value is not
};

/// Doubles that `multiply` wants to work in.
inline constexpr std::ptrdiff_t product_workspace = 128 * 256 + 4 * 256;

/// The loops, for one instruction set. None of them allocates.
struct TriangleKernels {
  /// `weights` may be null, here and below.
  ColumnMoments (*moments)(const double* values, const double* weights, std::ptrdiff_t rows);

  /// Subtracts `mean`, and returns the weighted sum of what is left.
  double (*centre)(double* values, const double* weights, std::ptrdiff_t rows, double mean);

  /// Subtracts `shift`, and multiplies by `factor` and by `root_weights`.
  void (*scale)(double* values, const double* root_weights, std::ptrdiff_t rows, double shift, double factor);

  /// Reflects the first `rows` rows of the columns [first, first + width) into the triangle, whose diagonal must not be negative and
  /// is not negative after. The rows then hold the reflections.
  void (*factor)(const TriangleAndRows& into, std::ptrdiff_t first, std::ptrdiff_t width, std::ptrdiff_t rows,
                 Reflections& reflections);

  /// Applies them to the columns [begin, end), each by the same arithmetic whatever the range.
  void (*apply)(const TriangleAndRows& into, std::ptrdiff_t first, std::ptrdiff_t width, std::ptrdiff_t rows,
                const Reflections& reflections, std::ptrdiff_t begin, std::ptrdiff_t end);

  /// Adds A (m, k) times B (k, n) to C (m, n), all column-major; each column of C by the same arithmetic, whatever n.
  void (*multiply)(std::ptrdiff_t m, std::ptrdiff_t n, std::ptrdiff_t k, const double* A, std::ptrdiff_t A_stride,
                   const double* B, std::ptrdiff_t B_stride, double* C, std::ptrdiff_t C_stride, double* workspace);
};

/// Throws std::invalid_argument where the processor does not have the instruction set.
const TriangleKernels& triangle_kernels(InstructionSet set = instruction_set());

}  // namespace filbert
