// Sums of row log likelihoods with their derivatives, over blocks of rows, by the widest instructions that the machine has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "filbert/families/family.hpp"
#include "filbert/numeric/instruction_set.hpp"

namespace filbert {

/// Rows are worked on in panels of this many; within a panel each column lies side by side.
inline constexpr std::ptrdiff_t panel_rows = 128;

/// Loops over the rows of a panel take this many at a time, and end with those that hold a row.
inline constexpr std::ptrdiff_t rows_at_once = 16;

/// Parameter vectors that `RowKernels::batch` takes at once, at most.
inline constexpr int max_batch = 96;

/// Draws that share the loads of a row; a batch is padded to a multiple of it.
inline constexpr int batch_group = 6;

/// Rows of a design and their responses, as the kernels read them. Column j of panel k starts at X + (k · columns + j) · panel_rows. All
/// arrays are padded to whole panels: X with zeros, responses with a valid one, weights with zeros.
struct GlmRows {
  std::ptrdiff_t rows = 0;
  std::ptrdiff_t columns = 0;       ///< with the column of ones, if there is one
  std::ptrdiff_t first_column = 0;  ///< 1 where column 0 is all ones, which products skip
  const double* X = nullptr;
  const double* y = nullptr;
  const double* second = nullptr;        ///< trials, or log y of a gamma; null for one trial
  const double* weights = nullptr;       ///< null where all are 1
  const double* offset = nullptr;        ///< null where all are 0
  const double* last_weights = nullptr;  ///< of the last panel, never null

  /// The different values on which a term of the likelihood depends that does not depend on η, and the total weight of each; padded by
  /// weights of 0 to a multiple of 4.
  std::ptrdiff_t table_size = 0;
  const double* table_values = nullptr;
  const double* table_weights = nullptr;

  std::ptrdiff_t panels() const { return (rows + panel_rows - 1) / panel_rows; }

  /// Rows of a panel that loops go through.
  std::ptrdiff_t of_panel(std::ptrdiff_t panel) const {
    const std::ptrdiff_t left = (rows - panel * panel_rows + rows_at_once - 1) / rows_at_once * rows_at_once;
    return left < panel_rows ? left : panel_rows;
  }
};

/// Effects of groups that a batch adds to linear predictors: each column adds its z times the effect of the row's group. Arrays are laid
/// out as GlmRows::X is, and padded with zeros.
struct RowEffects {
  std::ptrdiff_t columns = 0;
  const double* Z = nullptr;
  const std::int32_t* places = nullptr;  ///< which of a draw's effects
  const double* effects = nullptr;       ///< of the draws, one after another
  std::ptrdiff_t of_draw = 0;            ///< effects a draw
};

enum class Information { Observed, Expected };

/// Derivatives of single rows; any pointer may be null. `auxiliary` holds one array a auxiliary, one after another.
struct RowDerivatives {
  double* value = nullptr;
  double* d1 = nullptr;
  double* d2 = nullptr;
  double* information = nullptr;
  double* auxiliary = nullptr;
};

/// The kernels of one family and link, for one instruction set. Values lack `row_constant`; auxiliaries are on their natural scale and
/// derivatives in their logarithms. A value is -inf or NaN where a row is outside of the domain; its derivatives are then undefined.
/// None of them allocates.
struct RowKernels {
  /// Returns the sum of log likelihoods; `gradient` has one element a column.
  double (*gradient)(const GlmRows& rows, const double* coefficients, const double* auxiliaries, double* gradient,
                     double* auxiliary_gradient);

  /// As `gradient`, with linear predictors that begin at `base` (padded) in place of the offset; writes dℓ/dη of each row, times its
  /// weight, into `row_slopes` (padded).
  double (*slopes)(const GlmRows& rows, const double* coefficients, const double* base, const double* auxiliaries,
                   double* gradient, double* auxiliary_gradient, double* row_slopes);

  /// As `gradient`, and the lower triangle of the Hessian in the coefficients, (columns, columns) column by column.
  double (*curvature)(const GlmRows& rows, const double* coefficients, const double* auxiliaries,
                      Information information, double* gradient, double* auxiliary_gradient, double* hessian);

  /// Sums of log likelihoods of many parameter vectors. Coefficients of `batch_group` draws lie side by side: coefficient j of draw d is
  /// at (d / group · columns + j) · group + d % group. `auxiliaries` holds max_auxiliaries a draw.
  void (*batch)(const GlmRows& rows, const RowEffects& effects, int draws, const double* coefficients,
                const double* auxiliaries, double* values);

  /// Log likelihoods of single rows at given linear predictors, with the terms that `gradient` keeps in a table.
  void (*single)(std::ptrdiff_t rows, const double* eta, const double* y, const double* second,
                 const double* auxiliaries, const RowDerivatives& into);

  /// Σ_r weight_r x_ri x_rj x_rk at i + columns · (j + columns · k), for i >= j >= k only; `weights` is padded with zeros to whole
  /// panels.
  void (*triple_products)(const GlmRows& rows, const double* weights, double* products);
};

/// Throws std::invalid_argument where the family does not have the link, or the processor not the instruction set.
const RowKernels& row_kernels(Family family, Link link, InstructionSet set = instruction_set());

}  // namespace filbert
