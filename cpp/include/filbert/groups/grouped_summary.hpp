// Folds rows of a regression with group effects into small triangles, one a group, that its Gaussian likelihood depends on.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <span>
#include <vector>

#include "filbert/groups/group_structure.hpp"
#include "filbert/summary/sufficient_statistics.hpp"

namespace filbert {

/// The rows of one block: the arguments of `GroupedSummary::update`.
struct GroupedRows {
  RowsRef X;                              ///< (rows, columns), without a column for the intercept
  ValuesRef y;                            ///< (rows)
  std::vector<std::optional<RowsRef>> Z;  ///< of each term, (rows, its columns); without one, a column of ones
  std::vector<CodesRef> codes;            ///< of each factor, (rows), from 0
  std::optional<ValuesRef> weights = std::nullopt;  ///< a row of weight w counts as w rows
  std::optional<ValuesRef> offset = std::nullopt;   ///< subtracted from y
};

/// What a Gaussian likelihood with group effects sees of the rows.
///
/// The rows of each group of the primary factor are rotated (Householder) so that all but a few of them are free of the group's
/// effects: `[Z T W] = Q R`, with Z its own columns, T those of the tail that its rows touch, and `W = [1 X y]`. The rows of R
/// that reach into Z or T are kept a group, what is left of W is folded into one triangle. Summaries form a monoid under `merge`.
class GroupedSummary {
 public:
  /// Of no rows yet, with `columns` predictors.
  GroupedSummary(Eigen::Index columns, GroupStructure structure);

  /// One group of the primary factor: the rows of R that reach into Z or T.
  struct Group {
    std::vector<Eigen::Index> tail;  ///< the columns of the tail in T, ascending
    Eigen::MatrixXd rows;            ///< (at most effects + tail, effects + tail + columns + 2)
  };

  /// All that a summary holds beside its structure, to be stored and restored to the last bit.
  struct State {
    SufficientStatistics::State statistics;
    bool placed = false;           ///< whether origin and unit are known: there were rows of positive weight
    Eigen::VectorXd origin, unit;  ///< (columns + 1)
    std::vector<Group> groups;     ///< of the primary factor
    Eigen::MatrixXd rest;          ///< (columns + 2)², upper triangular
  };

  State state() const { return {statistics_.state(), placed_, origin_, unit_, groups_, rest_}; }

  /// Throws std::invalid_argument for sizes that do not match, for values that no rows can give, and for groups that are not those
  /// of the statistics.
  static GroupedSummary from_state(GroupStructure structure, State state);

  /// Throws std::invalid_argument for sizes that do not match, codes out of range and values that are not finite, and leaves
  /// the summary as it was; GroupsTooLarge ends its use.
  void update(const GroupedRows& block);

  /// Folds in the rows of another summary of the same columns and structure.
  void merge(const GroupedSummary& other);

  Eigen::Index columns() const { return statistics_.columns(); }
  const GroupStructure& structure() const { return structure_; }
  const std::vector<Group>& groups() const { return groups_; }

  /// The triangle of what is left of W, (columns + 2)².
  const Eigen::MatrixXd& rest() const { return rest_; }

  /// Columns of W are `1` and `(value - origin) / unit` of each predictor and, last, the response; units are powers of two.
  const Eigen::VectorXd& origin() const { return origin_; }
  const Eigen::VectorXd& unit() const { return unit_; }

  /// Σ weight (y - offset - c₀ - Σ c_j x_j - Z b)² over the rows: of c, (columns + 1), with the intercept first, and of the effects b of each
  /// term, column after column, one a group. Many at once, a column of both each.
  Eigen::VectorXd squared_residuals(const Eigen::Ref<const Eigen::MatrixXd>& coefficients,
                                    const Eigen::Ref<const Eigen::MatrixXd>& effects) const;

  /// A right factor from W to `[1 X y]` as they were given, y less its offset.
  Eigen::MatrixXd to_given_columns() const;

  /// Of the same rows (y less its offset) without their groups.
  const SufficientStatistics& statistics() const { return statistics_; }

 private:
  struct Block;

  static constexpr Eigen::Index most_numbers = Eigen::Index{1} << 27;  // in the kept rows of all groups: 1 GB

  void require_statistics() const;
  void place(const Block& block);
  std::vector<Eigen::Index> touched_tail(const Block& block, std::span<const Eigen::Index> chunk) const;
  void gather(const Block& block, std::span<const Eigen::Index> chunk, const std::vector<Eigen::Index>& tail,
              Eigen::MatrixXd& rows) const;
  void fold_group(Eigen::Index group, const std::vector<Eigen::Index>& tail, const Eigen::MatrixXd& rows);
  void leave(const Eigen::Ref<const Eigen::MatrixXd>& rows);
  void fold_rest();
  Eigen::MatrixXd change_of_origin(const GroupedSummary& other) const;

  GroupStructure structure_;
  Eigen::Index primary_ = 0;
  Eigen::Index effects_ = 0;  // of a group of the primary factor
  SufficientStatistics statistics_;
  bool placed_ = false;  // whether origin and unit are known
  Eigen::VectorXd origin_, unit_;
  std::vector<Group> groups_;
  Eigen::Index kept_numbers_ = 0;  // in all groups
  Eigen::MatrixXd rest_;
  Eigen::MatrixXd leaving_;  // rows on their way into the rest
  Eigen::Index n_leaving_ = 0;
};

}  // namespace filbert
