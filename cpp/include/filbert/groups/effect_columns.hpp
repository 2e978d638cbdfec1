// Which effects reach each row, laid out for the row kernels.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <optional>
#include <vector>

#include "filbert/density/glm_data.hpp"
#include "filbert/groups/group_structure.hpp"

namespace filbert {

/// The columns of all group terms of some rows, and where their effects are in a draw: of each term, column after column, one a group.
class EffectColumns {
 public:
  /// Takes and refuses what GroupStructure::check_rows says.
  EffectColumns(const GroupStructure& structure, const std::vector<std::optional<RowsRef>>& Z,
                const std::vector<CodesRef>& codes);

  Eigen::Index rows() const { return rows_; }
  Eigen::Index effects() const { return effects_; }  ///< of a draw

  /// Log likelihoods as those of GlmData::batch, with a column of `effects` added to the rows each.
  Eigen::VectorXd batch(const GlmData& data, const Eigen::MatrixXd& columns, const Eigen::MatrixXd& auxiliaries,
                        const Eigen::MatrixXd& effects, int threads = 1) const;

  /// What effects add to the linear predictor of each row.
  Eigen::VectorXd predictors(const Eigen::VectorXd& effects) const;

 private:
  Eigen::Index rows_ = 0, columns_ = 0, effects_ = 0;
  AlignedArray Z_;
  std::vector<std::int32_t> places_;
};

}  // namespace filbert
