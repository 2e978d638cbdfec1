// Takes rows of a generalised linear model: some of them, or all in another order.
#include <cstddef>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "filbert/density/glm_data.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::VectorXd;

GlmData GlmData::thinned(Index every) const {
  std::vector<Index> chosen;
  for (Index i = 0; i < rows(); i += every) chosen.push_back(i);
  return selected(chosen);
}

GlmData GlmData::permuted(const std::vector<Index>& order) const {
  GlmData result = selected(order);
  if (!user_) return result;
  // The user's function knows the rows in the order in which they came.
  UserLikelihood moved = *user_;
  moved.evaluate = [order, evaluate = user_->evaluate](const Eigen::Ref<const VectorXd>& eta,
                                                       const Eigen::Ref<const VectorXd>& auxiliaries,
                                                       Eigen::Ref<VectorXd> value, Eigen::Ref<VectorXd> slope) {
    VectorXd own_eta(eta.size()), own_value(eta.size()), own_slope(eta.size());
    for (Index i = 0; i < eta.size(); ++i) own_eta(order[static_cast<std::size_t>(i)]) = eta(i);
    evaluate(own_eta, auxiliaries, own_value, own_slope);
    for (Index i = 0; i < eta.size(); ++i) {
      value(i) = own_value(order[static_cast<std::size_t>(i)]);
      slope(i) = own_slope(order[static_cast<std::size_t>(i)]);
    }
  };
  result.user_ = std::make_shared<const UserLikelihood>(std::move(moved));
  return result;
}

GlmData GlmData::with_added(const VectorXd& to_responses) const {
  std::vector<Index> all(static_cast<std::size_t>(rows()));
  std::iota(all.begin(), all.end(), Index{0});
  GlmData result = selected(all);
  for (Index i = 0; i < rows(); ++i) result.y_[i] += to_responses(i);
  result.make_table();
  result.point_at_arrays();
  return result;
}

GlmData GlmData::selected(const std::vector<Index>& chosen) const {
  GlmData part;
  part.family_ = family_;
  part.link_ = link_;
  part.kernels_ = kernels_;
  part.user_ = user_;
  part.auxiliary_names_ = auxiliary_names_;
  part.mean_ = mean_;
  part.scale_ = scale_;
  part.rows_.rows = static_cast<Index>(chosen.size());
  part.rows_.columns = columns();
  part.rows_.first_column = 1;
  const Index padded = part.rows_.panels() * panel_rows;
  part.X_ = AlignedArray(padded * columns());
  part.y_ = AlignedArray(padded);
  if (second_.data() != nullptr) part.second_ = AlignedArray(padded);
  if (weights_.data() != nullptr) part.weights_ = AlignedArray(padded);
  if (offset_.data() != nullptr) part.offset_ = AlignedArray(padded);
  for (Index i = 0; i < padded; ++i) {
    const bool is_row = i < part.rows_.rows;
    const Index from = chosen[static_cast<std::size_t>(is_row ? i : 0)];
    part.y_[i] = y_[from];
    if (second_.data() != nullptr) part.second_[i] = second_[from];
    if (!is_row) continue;
    if (!trials_.empty()) part.trials_.push_back(trials_[static_cast<std::size_t>(from)]);
    if (weights_.data() != nullptr) part.weights_[i] = weights_[from];
    if (offset_.data() != nullptr) part.offset_[i] = offset_[from];
    part.total_weight_ += weight(from);
    for (Index j = 0; j < columns(); ++j) {
      part.X_[(i / panel_rows * columns() + j) * panel_rows + i % panel_rows] = design(from, j);
    }
  }
  part.make_table();
  part.point_at_arrays();
  return part;
}

}  // namespace filbert
