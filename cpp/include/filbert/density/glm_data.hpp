// The rows of a generalised linear model, laid out for the row kernels, and sums of their log likelihoods.
#pragma once

#include <Eigen/Core>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filbert/density/glm_passes.hpp"
#include "filbert/families/family.hpp"
#include "filbert/families/row_kernels.hpp"

namespace filbert {

/// A likelihood that somebody else evaluates, row by row.
struct UserLikelihood {
  std::vector<std::string> auxiliaries;  ///< names; all are positive
  /// Writes log likelihood and dℓ/dη of each row at `eta`, given the auxiliaries on their natural scale.
  std::function<void(const Eigen::Ref<const Eigen::VectorXd>& eta, const Eigen::Ref<const Eigen::VectorXd>& auxiliaries,
                     Eigen::Ref<Eigen::VectorXd> value, Eigen::Ref<Eigen::VectorXd> slope)>
      evaluate;
};

/// Doubles that start on a cache line.
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::ptrdiff_t size);
  double* data() { return data_.get(); }
  const double* data() const { return data_.get(); }
  double& operator[](std::ptrdiff_t i) { return data_.get()[i]; }
  double operator[](std::ptrdiff_t i) const { return data_.get()[i]; }

 private:
  struct Release {
    void operator()(double* memory) const;
  };
  std::unique_ptr<double, Release> data_;
};

/// Responses and what else a row has, beside its predictors. Empty where absent.
struct GlmResponses {
  Eigen::VectorXd y;
  Eigen::VectorXd trials;   ///< of families that have them; 1 where empty
  Eigen::VectorXd weights;  ///< by which log likelihoods are multiplied; may be 0
  Eigen::VectorXd offset;   ///< added to η
};

/// What predictors are centred at and divided by, where that is not to be found from the rows.
struct GlmUnits {
  Eigen::VectorXd mean, scale;
};

/// Rows with the linear predictor η = offset + c₀ + Σ_j c_j (x_j - mean_j) / scale_j: columns are centred and scaled, whatever they were,
/// so that sums over rows keep their digits. Constants of the log likelihood are included everywhere.
class GlmData {
 public:
  /// X has no column for the intercept. Throws std::invalid_argument where sizes differ, or where a number is not finite or not one that
  /// the family's responses may take.
  GlmData(Family family, Link link, const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>& X,
          const GlmResponses& responses, InstructionSet set = instruction_set(),
          const std::optional<GlmUnits>& units = std::nullopt);

  /// Rows that are elsewhere, and are visited in passes: only sums over them are known, and what is asked of single ones is asked of
  /// `sample`, some of the rows, which has the units of all.
  static GlmData elsewhere(std::shared_ptr<const GlmData> sample, Eigen::Index rows, double total_weight,
                           GlmPassFunctions passes);

  /// Null where rows are at hand.
  const GlmPasses* passes() const { return passes_.get(); }
  std::shared_ptr<const GlmData> sample() const { return sample_; }

  /// The same with a likelihood of the user's.
  GlmData(UserLikelihood likelihood, const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>& X,
          const GlmResponses& responses);

  Eigen::Index rows() const { return rows_.rows; }
  Eigen::Index predictors() const { return mean_.size(); }
  Eigen::Index columns() const { return mean_.size() + 1; }  ///< with that of ones, which is the first
  Eigen::Index auxiliaries() const { return static_cast<Eigen::Index>(auxiliary_names_.size()); }
  const std::vector<std::string>& auxiliary_names() const { return auxiliary_names_; }
  double total_weight() const { return total_weight_; }
  std::optional<Family> family() const { return family_; }
  Link link() const { return link_; }

  const Eigen::VectorXd& mean() const { return mean_; }    ///< weighted mean of each predictor
  const Eigen::VectorXd& scale() const { return scale_; }  ///< weighted standard deviation; where it is 0, |mean| or 1

  /// Log likelihood and its derivatives in c and in the logarithms of the auxiliaries. Allocates nothing, but for a user's likelihood.
  double gradient(const Eigen::VectorXd& c, const Eigen::VectorXd& auxiliaries, Eigen::VectorXd& gradient,
                  Eigen::VectorXd& auxiliary_gradient) const;

  /// As `gradient`, with linear predictors that begin at `base` in place of the offset; writes dℓ/dη of each row, times its weight.
  /// Both arrays have `padded_rows()`.
  double slopes(const Eigen::VectorXd& c, const Eigen::VectorXd& base, const Eigen::VectorXd& auxiliaries,
                Eigen::VectorXd& gradient, Eigen::VectorXd& auxiliary_gradient, Eigen::VectorXd& row_slopes) const;
  Eigen::Index padded_rows() const { return rows_.panels() * panel_rows; }

  /// dℓ/dη and a positive stand-in for -d²ℓ/dη² of each row at given η, times its weight.
  void working(const Eigen::VectorXd& eta, const Eigen::VectorXd& auxiliaries, Eigen::VectorXd& slopes,
               Eigen::VectorXd& weights) const;

  /// As `gradient`, and the lower triangle of the Hessian in c, observed or (with its sign) expected.
  double curvature(const Eigen::VectorXd& c, const Eigen::VectorXd& auxiliaries, Information information,
                   Eigen::VectorXd& gradient, Eigen::VectorXd& auxiliary_gradient, Eigen::MatrixXd& hessian) const;

  /// Log likelihoods of up to max_batch parameter vectors: c packed as RowKernels::batch wants it, auxiliaries max_auxiliaries a draw.
  void batch(int draws, const double* packed, const double* auxiliaries, double* values,
             const RowEffects& effects = {}) const;

  /// The same of any number, a column of `columns` and of `auxiliaries` each, and of `effects`, if there are any; on up to `threads`
  /// threads, which changes no bit.
  Eigen::VectorXd batch(const Eigen::MatrixXd& columns, const Eigen::MatrixXd& auxiliaries, int threads = 1,
                        const RowEffects& effects = {}) const;

  /// The third derivatives of the log likelihood in c, laid out as `triple_products`. Not for a user's likelihood.
  std::vector<double> third_products(const Eigen::VectorXd& c, const Eigen::VectorXd& auxiliaries) const;

  /// Writes η of every row.
  void predict(const Eigen::VectorXd& c, Eigen::VectorXd& eta) const;

  /// Log likelihoods of single rows with derivatives at given η; unweighted, without constants.
  void single(const Eigen::VectorXd& eta, const Eigen::VectorXd& auxiliaries, const RowDerivatives& into) const;

  /// The same of one row at several η. Not for a user's likelihood.
  template <std::size_t count>
  void single(Eigen::Index row, const std::array<double, count>& eta, const Eigen::VectorXd& auxiliaries,
              const RowDerivatives& into) const {
    std::array<double, count> y{}, second{};
    y.fill(y_[row]);
    if (second_.data() != nullptr) second.fill(second_[row]);
    kernels_->single(count, eta.data(), y.data(), second_.data() != nullptr ? second.data() : nullptr,
                     auxiliaries.data(), into);
  }

  /// Σ_r weight_r c_ri c_rj c_rk over the columns of the design, as RowKernels::triple_products lays it out.
  std::vector<double> triple_products(const Eigen::VectorXd& weights) const;

  /// A value of η for each row at which it alone is near its most likely.
  Eigen::VectorXd starting_predictors() const;

  /// First guesses of the auxiliaries from moments of the response.
  Eigen::VectorXd starting_auxiliaries() const;

  /// One row in `every`, from the first on, with the centre and scale of all; for a first look.
  GlmData thinned(Eigen::Index every) const;

  /// All rows, in another order.
  GlmData permuted(const std::vector<Eigen::Index>& order) const;

  /// The same rows with something added to their responses, which need not be ones of the family's any more.
  GlmData with_added(const Eigen::VectorXd& to_responses) const;

  double weight(Eigen::Index row) const { return weights_.data() == nullptr ? 1.0 : weights_[row]; }
  double response(Eigen::Index row) const { return y_[row]; }
  double trials(Eigen::Index row) const { return trials_.empty() ? 1.0 : trials_[static_cast<std::size_t>(row)]; }
  double offset(Eigen::Index row) const { return offset_.data() == nullptr ? 0.0 : offset_[row]; }

  /// Element j of row i of the centred and scaled design with its column of ones.
  double design(Eigen::Index row, Eigen::Index column) const {
    return X_[(row / panel_rows * columns() + column) * panel_rows + row % panel_rows];
  }

  /// The design of `panel_rows` rows, a column after another.
  const double* panel(Eigen::Index panel) const { return X_.data() + panel * panel_rows * columns(); }

 private:
  GlmData() = default;
  void lay_out(const Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>& X, const GlmResponses& responses,
               const std::optional<GlmUnits>& units = std::nullopt);
  void measure(Eigen::Index predictor, const double* column, const GlmResponses& responses);
  void check_responses(const GlmResponses& responses) const;
  GlmData selected(const std::vector<Eigen::Index>& chosen) const;
  void point_at_arrays();
  void make_table();
  double user_gradient(const Eigen::VectorXd& c, const Eigen::VectorXd& auxiliaries, Eigen::VectorXd* gradient,
                       Eigen::VectorXd* auxiliary_gradient) const;
  double user_slopes(const Eigen::VectorXd& eta, const Eigen::VectorXd& auxiliaries, Eigen::VectorXd& slope,
                     Eigen::VectorXd* auxiliary_gradient) const;
  double weighted_sum(const Eigen::VectorXd& values) const;
  void add_transposed_product(const Eigen::VectorXd& by_row, Eigen::VectorXd& to) const;

  std::optional<Family> family_;
  Link link_ = Link::Identity;
  const RowKernels* kernels_ = nullptr;
  std::shared_ptr<const UserLikelihood> user_;
  std::shared_ptr<const GlmPasses> passes_;
  std::shared_ptr<const GlmData> sample_;
  std::vector<std::string> auxiliary_names_;
  GlmRows rows_;
  AlignedArray X_, y_, second_, weights_, offset_, last_weights_, table_values_, table_weights_;
  std::vector<double> trials_;  // as they came; second_ may hold something else
  Eigen::VectorXd mean_, scale_;
  double total_weight_ = 0;
  double constant_ = 0;  // Σ weight · row_constant
};

}  // namespace filbert
