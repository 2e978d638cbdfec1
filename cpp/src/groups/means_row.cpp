// Folds the groups that are alike, and integrates, differentiates and draws with the sums.
#include "filbert/groups/means_row.hpp"

#include <cmath>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

std::shared_ptr<const MeansRow::Shared> MeansRow::share(const KeptRows& rows, const LevelRow& row) {
  auto shared = std::make_shared<Shared>();
  shared->of_v = row.of_v;
  shared->of_groups = row.of_groups;
  shared->square.resize(rows.n_groups);
  std::map<std::pair<double, double>, Index> places;
  std::vector<Index> place_of;
  for (Index g = 0; g < rows.n_groups; ++g) {
    const double R = rows.R(g)(0, 0);
    shared->square(g) = R * R;
    place_of.push_back(places.try_emplace({R, row.of_groups(g)}, static_cast<Index>(places.size())).first->second);
  }
  const Index n = static_cast<Index>(places.size());
  shared->R.resize(n);
  shared->w.resize(n);
  for (const auto& [numbers, place] : places) std::tie(shared->R(place), shared->w(place)) = numbers;
  shared->count = VectorXd::Zero(n);
  shared->sums = MatrixXd::Zero(rows.width, n);
  for (Index g = 0; g < rows.n_groups; ++g) {
    const Index place = place_of[static_cast<std::size_t>(g)];
    shared->count(place) += 1;
    shared->sums.col(place) += rows.C(g).transpose();
  }
  return shared;
}

MeansRow::MeansRow(const KeptRows& rows, const LevelRow& row)
    : shared_(share(rows, row)), reached_(rows.width), slopes_(rows.width) {}

double MeansRow::add(double sigma, MatrixXd& K) {
  variance_ = sigma * sigma;
  kappa_ = 1;
  reached_ = shared_->of_v;
  for (Index k = 0; k < shared_->R.size(); ++k) {
    const double R = shared_->R(k), w = shared_->w(k);
    const double V = variance_ + R * R;
    kappa_ += shared_->count(k) * w * w * (variance_ / V);
    reached_ -= (w * R / V) * shared_->sums.col(k);
  }
  K.noalias() += (reached_ / kappa_).lazyProduct(reached_.transpose());
  return std::log(kappa_);
}

double MeansRow::slope(const MatrixXd& K_slopes, double log_det_slope) {
  double kappa_slope = 0;
  slopes_.setZero();
  for (Index k = 0; k < shared_->R.size(); ++k) {  // dV / d log σ = 2 σ²
    const double R = shared_->R(k), w = shared_->w(k);
    const double V = variance_ + R * R;
    const double share = variance_ / V;
    kappa_slope += 2 * shared_->count(k) * w * w * share * (R * R / V);
    slopes_ += (2 * w * R * share / V) * shared_->sums.col(k);
  }
  const double along = reached_.dot(K_slopes.lazyProduct(slopes_));
  const double across = reached_.dot(K_slopes.lazyProduct(reached_));
  return (2 * along - across * kappa_slope / kappa_ + log_det_slope * kappa_slope) / kappa_;
}

void MeansRow::condition(double sigma, const VectorXd& v, double noise, Eigen::Ref<VectorXd> z) const {
  const double variance = sigma * sigma;
  const VectorXd& w = shared_->of_groups;
  double kappa = 1;
  for (Index g = 0; g < z.size(); ++g) kappa += w(g) * w(g) * (variance / (variance + shared_->square(g)));
  const double off = (shared_->of_v.dot(v) + w.dot(z) + noise) / kappa;
  for (Index g = 0; g < z.size(); ++g) z(g) -= w(g) * (variance / (variance + shared_->square(g))) * off;
}

}  // namespace filbert
