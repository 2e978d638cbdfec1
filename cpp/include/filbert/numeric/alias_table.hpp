// Draws an index with given probabilities in a time that does not depend on how many there are.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <vector>

namespace filbert {

/// Walker's alias table, built as Vose (1991) does.
class AliasTable {
 public:
  AliasTable() = default;

  /// `weights` are not negative, and not all of them 0.
  explicit AliasTable(const Eigen::VectorXd& weights)
      : share_(weights * (static_cast<double>(weights.size()) / weights.sum())),
        other_(static_cast<std::size_t>(weights.size())) {
    std::vector<Eigen::Index> poor, rich;
    for (Eigen::Index i = 0; i < size(); ++i) {
      other_[static_cast<std::size_t>(i)] = i;
      (share_(i) < 1 ? poor : rich).push_back(i);
    }
    while (!poor.empty() && !rich.empty()) {
      const Eigen::Index from = rich.back(), to = poor.back();
      poor.pop_back();
      other_[static_cast<std::size_t>(to)] = from;
      share_(from) -= 1 - share_(to);
      if (share_(from) < 1) {
        rich.pop_back();
        poor.push_back(from);
      }
    }
    for (const Eigen::Index i : rich) share_(i) = 1;
    for (const Eigen::Index i : poor) share_(i) = 1;  // by rounding
  }

  Eigen::Index size() const { return share_.size(); }

  /// `uniform` is from [0, 1).
  Eigen::Index operator()(double uniform) const {
    const double place = uniform * static_cast<double>(size());
    const Eigen::Index i = std::min(static_cast<Eigen::Index>(place), size() - 1);
    return place - static_cast<double>(i) < share_(i) ? i : other_[static_cast<std::size_t>(i)];
  }

 private:
  Eigen::VectorXd share_;  // of a cell that its own index has
  std::vector<Eigen::Index> other_;
};

}  // namespace filbert
