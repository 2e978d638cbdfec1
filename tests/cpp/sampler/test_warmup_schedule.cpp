#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "filbert/sampler/warmup_schedule.hpp"

using namespace filbert;

TEST_CASE("A thousand iterations are divided as in Stan") {
  const std::vector<WarmupWindow> expected = {{WarmupPhase::Approach, 0, 75},  {WarmupPhase::Metric, 75, 100},
                                              {WarmupPhase::Metric, 100, 150}, {WarmupPhase::Metric, 150, 250},
                                              {WarmupPhase::Metric, 250, 450}, {WarmupPhase::Metric, 450, 950},
                                              {WarmupPhase::Settle, 950, 1000}};
  CHECK(warmup_schedule(1000) == expected);
}

TEST_CASE("Windows tile the warm-up, whatever its length") {
  for (Eigen::Index tune = 0; tune <= 2000; ++tune) {
    CAPTURE(tune);
    Eigen::Index end = 0;
    for (const WarmupWindow& window : warmup_schedule(tune)) {
      REQUIRE(window.begin == end);
      REQUIRE(window.begin < window.end);
      end = window.end;
    }
    REQUIRE(end == tune);
  }
}

TEST_CASE("Phases come in order, and metric windows never shrink") {
  for (Eigen::Index tune = 1; tune <= 2000; ++tune) {
    CAPTURE(tune);
    const std::vector<WarmupWindow> windows = warmup_schedule(tune);
    REQUIRE(windows.back().phase == WarmupPhase::Settle);
    for (std::size_t i = 1; i < windows.size(); ++i) {
      REQUIRE(static_cast<int>(windows[i - 1].phase) <= static_cast<int>(windows[i].phase));
      if (windows[i - 1].phase == WarmupPhase::Metric && windows[i].phase == WarmupPhase::Metric) {
        REQUIRE(windows[i].end - windows[i].begin >= 2 * (windows[i - 1].end - windows[i - 1].begin));
      }
    }
  }
}

TEST_CASE("The metric learns from most of every warm-up of at least 20 iterations") {
  for (Eigen::Index tune = 20; tune <= 2000; ++tune) {
    CAPTURE(tune);
    Eigen::Index metric = 0;
    for (const WarmupWindow& window : warmup_schedule(tune)) {
      if (window.phase == WarmupPhase::Metric) metric += window.end - window.begin;
    }
    REQUIRE(2 * metric > tune);
  }
}

TEST_CASE("A warm-up too short for a metric adapts the step size only, and none needs no window") {
  CHECK(warmup_schedule(19) == std::vector<WarmupWindow>{{WarmupPhase::Settle, 0, 19}});
  CHECK(warmup_schedule(0).empty());
}
