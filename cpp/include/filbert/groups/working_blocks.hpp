// A generalised linear model with groups as a Gaussian one: sums over rows at working weights, group by group.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/groups/group_structure.hpp"

namespace filbert {

/// -½ times the quadratic that a log density is near its mode, in the coefficients a and the effects b (before they are standardised):
/// `Σ_g (b'G_g b + 2 b'F_g a - 2 b'k_g) + ... + a'D a - 2 a'h`, with the effects t of factors besides the primary one (the *tail*) as
/// more columns. The first `inner` coefficients are those that a whitening solves for; the others are given.
struct WorkingBlocks {
  struct Touched {
    std::vector<Eigen::Index> tail;  ///< columns of the tail
    Eigen::MatrixXd product;         ///< Z_g'W Z_tail, (effects, touched)
  };

  GroupStructure structure;
  Eigen::Index inner = 0, outer = 0;
  Eigen::MatrixXd blocks;        ///< a column a group of the primary factor: G, F and k by columns
  std::vector<Touched> touched;  ///< one a group; empty without a tail
  Eigen::MatrixXd tail;          ///< (tail, tail + inner + outer + 1): Z_t'W[Z_t X r]
  Eigen::MatrixXd square;        ///< D, with the priors' precision
  Eigen::VectorXd pull;          ///< h
};

}  // namespace filbert
