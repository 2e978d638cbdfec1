// Holds the rows that group effects reach into, in the columns and units of one posterior.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "filbert/groups/grouped_summary.hpp"

namespace filbert {

/// The coefficients of a factor's levels as `mean + deviation z` with standard normal effects z, one a group; 0 and 0 where there is none.
struct StandardLevels {
  Eigen::VectorXd mean, deviation;
};

/// A row of unit variance that reaches the coefficients, `of_v` times v, and the standard normal effects of all groups, see MeansRow.
struct LevelRow {
  Eigen::VectorXd of_v, of_groups;
};

/// How the columns of a summary become those of a posterior.
struct PosteriorColumns {
  Eigen::MatrixXd of_w;  ///< (columns + 2, width): right factor from `[1 X y]` to `[X y]` as the posterior has it
  std::vector<Eigen::VectorXd> effect_unit;             ///< of each factor, by which its columns of Z are divided
  std::optional<StandardLevels> levels = std::nullopt;  ///< in the response's units; the only effects there are then
  std::optional<LevelRow> level_row = std::nullopt;
};

/// Given all effects b, the sum of squares is `Σ_g ‖C_g v + R_g b_g + T_g t_g‖² + Σ_g ‖E_g v + F_g t_g‖² + ‖rest v‖²` up to sign,
/// with v = (coefficients, -1), t_g the effects of the tail that group g touches.
struct KeptRows {
  KeptRows(const GroupedSummary& summary, const PosteriorColumns& columns);

  /// The rows of a group below its first ones, which only the tail reaches.
  struct Tailed {
    std::vector<Eigen::Index> tail;  ///< columns of the tail
    Eigen::MatrixXd upper;           ///< T_g, (effects, tail)
    Eigen::MatrixXd lower;           ///< [F_g E_g], (rows, tail + width)
  };

  GroupStructure structure;
  Eigen::Index effects = 0;  ///< of a group of the primary factor
  Eigen::Index width = 0;    ///< coefficients and the response
  Eigen::Index n_groups = 0;
  double total_weight = 0;
  Eigen::MatrixXd blocks;       ///< a column a group: R_g (upper triangular, diagonal not negative) and C_g, by columns
  std::vector<Tailed> tailed;   ///< one a group; empty without a tail
  Eigen::MatrixXd rest_square;  ///< rest' rest, (width)²

  Eigen::Map<const Eigen::MatrixXd> R(Eigen::Index group) const { return matrix(group, 0, effects); }
  Eigen::Map<const Eigen::MatrixXd> C(Eigen::Index group) const { return matrix(group, effects, width); }

 private:
  Eigen::Map<const Eigen::MatrixXd> matrix(Eigen::Index group, Eigen::Index first, Eigen::Index columns) const {
    return {blocks.data() + group * blocks.rows() + first * effects, effects, columns};
  }
};

}  // namespace filbert
