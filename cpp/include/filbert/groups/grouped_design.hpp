// The columns of all group effects, row by row, with rows sorted by the groups of the primary factor.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "filbert/groups/group_structure.hpp"

namespace filbert {

class GroupedDesign {
 public:
  /// Takes and refuses what GroupStructure::check_rows says.
  GroupedDesign(GroupStructure structure, const std::vector<std::optional<RowsRef>>& Z,
                const std::vector<CodesRef>& codes);

  /// The same rows with the columns of each term less its centre, see effect_centres.
  GroupedDesign centred(const std::vector<Eigen::VectorXd>& centres) const;

  const GroupStructure& structure() const { return structure_; }
  Eigen::Index rows() const { return static_cast<Eigen::Index>(order_.size()); }
  Eigen::Index effects() const { return structure_.all_effects(); }

  /// Which of the rows that came is row i.
  const std::vector<Eigen::Index>& order() const { return order_; }

  /// Rows of a group of the primary factor: first, and beyond the last.
  Eigen::Index first_row(Eigen::Index group) const { return first_rows_[static_cast<std::size_t>(group)]; }

  /// Columns of a factor, (rows, its effects), and its codes.
  const Eigen::MatrixXd& Z(Eigen::Index factor) const { return Z_[static_cast<std::size_t>(factor)]; }
  Eigen::Index code(Eigen::Index factor, Eigen::Index row) const {
    return codes_[static_cast<std::size_t>(factor)][static_cast<std::size_t>(row)];
  }

  /// Adds Z b to the first rows of `eta`; b of each factor, (groups, effects).
  void add_effects(const std::vector<Eigen::MatrixXd>& b, Eigen::VectorXd& eta) const;

  /// Writes Z' times the first rows of `slopes`, of each factor, (groups, effects).
  void transposed_product(const Eigen::VectorXd& slopes, std::vector<Eigen::MatrixXd>& into) const;

 private:
  GroupStructure structure_;
  Eigen::Index primary_ = 0;
  std::vector<Eigen::Index> order_, first_rows_;
  std::vector<Eigen::MatrixXd> Z_;
  std::vector<std::vector<Eigen::Index>> codes_;
};

}  // namespace filbert
