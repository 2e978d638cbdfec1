// Runs and pilots that fall short are named by what they lack.
#include "filbert/draws/independence_verdict.hpp"

#include <doctest/doctest.h>

#include <string>

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

TEST_CASE("runs that stayed or refused too much are complained of") {
  const Rows nothing(0, 100);
  filbert::IndependenceChain good{100, 100, 80, 5, 0};
  CHECK(filbert::complaint_about({good, good}, nothing).empty());
  filbert::IndependenceChain refusing{100, 100, 20, 5, 0}, staying{100, 100, 80, 40, 0};
  CHECK(filbert::complaint_about({good, refusing}, nothing).find("accepted 0.2") != std::string::npos);
  CHECK(filbert::complaint_about({good, staying}, nothing).find("40 proposals in a row") != std::string::npos);
  staying.proposals = 4000;  // of which 40 are a hundredth
  staying.accepted = 3600;
  CHECK(filbert::complaint_about({good, staying}, nothing).empty());
  Rows apart = Rows::Random(2, 100);
  apart.row(1).array() += 5;
  CHECK(filbert::complaint_about({good, good}, apart).find("R-hat") != std::string::npos);
}

TEST_CASE("pilots that fall short are refused, each by its own number") {
  const filbert::IndependenceThresholds asked;
  const auto refusal = [&](double acceptance, double folded, double log_largest_weight, double outside) {
    return filbert::refusal_of({acceptance, folded, log_largest_weight, outside}, asked);
  };
  CHECK(refusal(0.9, 0, 1, 0).empty());
  CHECK(refusal(0.5, 0, 1, 0).find("accepted 0.5") != std::string::npos);
  CHECK(refusal(0.9, 0.5, 1, 0).find("share of 0.5") != std::string::npos);
  CHECK(refusal(0.9, 0, 5, 0).find("largest importance weight") != std::string::npos);
  CHECK(refusal(0.9, 0, 1, 0.99).find("beyond an edge") != std::string::npos);
}
