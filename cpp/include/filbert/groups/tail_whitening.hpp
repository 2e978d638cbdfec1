// Whitens effects of several grouping factors: the largest block by block, the others with the coefficients in a dense border.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

#include "filbert/groups/whitened_border.hpp"
#include "filbert/groups/working_blocks.hpp"

namespace filbert {

/// As `BlockWhitening`, with the effects of the tail in the border, before the coefficients.
class TailWhitening {
 public:
  /// A larger tail is refused: each gradient factorises the border, and a run takes tens of thousands of them.
  static constexpr Eigen::Index largest_tail = 1000;

  /// Throws GroupsTooLarge.
  explicit TailWhitening(const WorkingBlocks& blocks);

  double forward(const std::vector<Eigen::MatrixXd>& factors, const Eigen::VectorXd& outer,
                 const Eigen::Ref<const Eigen::VectorXd>& z, Eigen::Ref<Eigen::VectorXd> x);
  void backward(const std::vector<Eigen::MatrixXd>& factors, const Eigen::Ref<const Eigen::VectorXd>& x_slopes,
                Eigen::Ref<Eigen::VectorXd> z_slopes, std::vector<Eigen::MatrixXd>& factor_slopes,
                Eigen::VectorXd& outer_slopes);

  /// As in BlockWhitening; `of_border` has what touches the tail (times Λ'), then the coefficients, and `tail` the columns touched.
  double variance(const std::vector<Eigen::MatrixXd>& factors, Eigen::Index group, const Eigen::VectorXd& of_group,
                  const std::vector<Eigen::Index>& tail, Eigen::VectorXd& of_border,
                  const Eigen::MatrixXd& inverse) const;

  const WhitenedBorder& border() const { return border_; }

 private:
  struct Level {
    std::size_t factor;
    Eigen::Index first, size;  // in the tail
  };

  struct Group {
    std::vector<Eigen::Index> at;  // of its columns, in the border: the tail that it touches, then the coefficients
    std::vector<Level> levels;     // `first` among its columns
    Eigen::MatrixXd G, columns, outer;
    Eigen::VectorXd right;
  };

  struct Shared {
    Eigen::Index effects = 0, n_groups = 0, tail = 0, inner = 0, outer = 0;
    std::size_t primary = 0;
    Eigen::Index first_effect = 0;         // of the primary factor, in x
    std::vector<Eigen::Index> tail_place;  // in x
    std::vector<Group> groups;
    std::vector<Level> levels;
    Eigen::MatrixXd tail_rows, square;
    Eigen::VectorXd pull;
  };

  struct Work {
    Eigen::MatrixXd root, scaled, coupled;  // `scaled` are columns with the tail's Λ
    Eigen::VectorXd right, r, r_slopes;
  };

  void fill_border(const std::vector<Eigen::MatrixXd>& factors, const Eigen::VectorXd& outer);
  double eliminate(const std::vector<Eigen::MatrixXd>& factors, const Eigen::VectorXd& outer,
                   const Eigen::Ref<const Eigen::VectorXd>& z);
  void group_slopes(std::size_t g, const std::vector<Eigen::MatrixXd>& factors,
                    std::vector<Eigen::MatrixXd>& factor_slopes, Eigen::VectorXd& outer_slopes);
  void border_slopes(const std::vector<Eigen::MatrixXd>& factors, std::vector<Eigen::MatrixXd>& factor_slopes,
                     Eigen::VectorXd& outer_slopes);

  std::shared_ptr<const Shared> shared_;
  WhitenedBorder border_;
  std::vector<Work> work_;
  Eigen::MatrixXd P_, slopes_, scaled_tail_;
  Eigen::VectorXd border_z_, border_x_, border_slopes_, tail_right_, column_;
};

}  // namespace filbert
