// Whitens coefficients and effects of any structure given deviations and correlations.
#pragma once

#include <Eigen/Core>
#include <variant>
#include <vector>

#include "filbert/groups/block_whitening.hpp"
#include "filbert/groups/tail_whitening.hpp"

namespace filbert {

/// The engine for a structure, see BlockWhitening. A copy shares the sums of rows and has scratch of its own.
class GroupWhitening {
 public:
  /// Throws GroupsTooLarge.
  explicit GroupWhitening(const WorkingBlocks& blocks) : engine_(engine_for(blocks)) {}

  double forward(const std::vector<Eigen::MatrixXd>& factors, const Eigen::VectorXd& outer,
                 const Eigen::Ref<const Eigen::VectorXd>& z, Eigen::Ref<Eigen::VectorXd> x) {
    if (BlockWhitening* const blocks = std::get_if<BlockWhitening>(&engine_)) {
      return blocks->forward(factors, outer, z, x);
    }
    return std::get<TailWhitening>(engine_).forward(factors, outer, z, x);
  }

  void backward(const std::vector<Eigen::MatrixXd>& factors, const Eigen::Ref<const Eigen::VectorXd>& x_slopes,
                Eigen::Ref<Eigen::VectorXd> z_slopes, std::vector<Eigen::MatrixXd>& factor_slopes,
                Eigen::VectorXd& outer_slopes) {
    if (BlockWhitening* const blocks = std::get_if<BlockWhitening>(&engine_)) {
      return blocks->backward(factors, x_slopes, z_slopes, factor_slopes, outer_slopes);
    }
    std::get<TailWhitening>(engine_).backward(factors, x_slopes, z_slopes, factor_slopes, outer_slopes);
  }

  double variance(const std::vector<Eigen::MatrixXd>& factors, Eigen::Index group, const Eigen::VectorXd& of_group,
                  const std::vector<Eigen::Index>& tail, Eigen::VectorXd& of_border,
                  const Eigen::MatrixXd& inverse) const {
    return std::visit(
        [&](const auto& engine) { return engine.variance(factors, group, of_group, tail, of_border, inverse); },
        engine_);
  }

  Eigen::MatrixXd border_inverse() const {
    return std::visit([](const auto& engine) { return engine.border().inverse(); }, engine_);
  }

 private:
  static std::variant<BlockWhitening, TailWhitening> engine_for(const WorkingBlocks& blocks) {
    if (blocks.structure.tail_size() == 0) return BlockWhitening(blocks);
    return TailWhitening(blocks);
  }

  std::variant<BlockWhitening, TailWhitening> engine_;
};

}  // namespace filbert
