// Lays out the columns of group terms in panels.
#include "filbert/groups/effect_columns.hpp"

#include <limits>
#include <stdexcept>

#include "filbert/numeric/require.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

EffectColumns::EffectColumns(const GroupStructure& structure, const std::vector<std::optional<RowsRef>>& Z,
                             const std::vector<CodesRef>& codes) {
  structure.validate();
  rows_ = structure.check_rows(Z, codes);
  effects_ = structure.all_effects();
  for (const GroupTerm& term : structure.terms) columns_ += term.columns;
  if (effects_ > std::numeric_limits<std::int32_t>::max()) throw std::invalid_argument("there are too many effects");
  const Index padded = (rows_ + panel_rows - 1) / panel_rows * panel_rows;
  Z_ = AlignedArray(padded * columns_);
  places_.assign(static_cast<std::size_t>(padded * columns_), 0);
  Index column = 0, first_effect = 0;
  for (std::size_t t = 0; t < structure.terms.size(); ++t) {
    const GroupTerm& term = structure.terms[t];
    const CodesRef& of_rows = codes[static_cast<std::size_t>(term.factor)];
    const Index groups = structure.groups(term.factor);
    for (Index j = 0; j < term.columns; ++j, ++column, first_effect += groups) {
      for (Index i = 0; i < rows_; ++i) {
        const Index code = static_cast<Index>(of_rows(i));
        const Index at = (i / panel_rows * columns_ + column) * panel_rows + i % panel_rows;
        Z_[at] = Z[t] ? (*Z[t])(i, j) : 1.0;
        places_[static_cast<std::size_t>(at)] = static_cast<std::int32_t>(first_effect + code);
      }
    }
  }
}

VectorXd EffectColumns::batch(const GlmData& data, const MatrixXd& columns, const MatrixXd& auxiliaries,
                              const MatrixXd& effects, int threads) const {
  require_size("data", data.rows(), "rows", rows_);
  require_size("effects", effects.rows(), "rows", effects_);
  require_size("effects", effects.cols(), "columns", columns.cols());
  return data.batch(columns, auxiliaries, threads, {columns_, Z_.data(), places_.data(), effects.data(), effects_});
}

VectorXd EffectColumns::predictors(const VectorXd& effects) const {
  require_size("effects", effects.size(), "elements", effects_);
  VectorXd result = VectorXd::Zero(rows_);
  for (Index i = 0; i < rows_; ++i) {
    for (Index j = 0; j < columns_; ++j) {
      const Index at = (i / panel_rows * columns_ + j) * panel_rows + i % panel_rows;
      result(i) += Z_[at] * effects(places_[static_cast<std::size_t>(at)]);
    }
  }
  return result;
}

}  // namespace filbert
