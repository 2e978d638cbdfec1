// Threads that fold, merge and read one summary; the thread sanitizer runs this too.
#include "filbert/summary/shared_statistics.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <thread>
#include <vector>

#include "regressions.hpp"

using filbert::SharedStatistics;
using namespace regressions;

namespace {

void in_threads(int threads, const std::function<void(int)>& work) {
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back([&work, i] { work(i); });
  for (std::thread& one : all) one.join();
}

Index rows_in(const SharedStatistics& summary) {
  return summary.read([](const auto& now) { return now.n_rows(); });
}

}  // namespace

TEST_CASE("no row is lost where threads fold them into one summary and others read it") {
  constexpr int threads = 4, blocks = 50;
  const Rows rows = make_rows(40, 3, 1);
  SharedStatistics summary(3);
  in_threads(threads, [&](int i) {
    for (int block = 0; block < blocks; ++block) {
      if (i > 0) {
        summary.update(rows.X, rows.y);
        continue;
      }
      const filbert::SufficientStatistics now = summary.snapshot();
      CHECK(now.n_rows() % 40 == 0);
      if (now.n_rows() > 0) CHECK(now.least_squares(true).sigma > 0);
    }
  });
  CHECK(rows_in(summary) == (threads - 1) * blocks * 40);
  const double sd = summarise(rows).sd()(3);
  CHECK(summary.snapshot().sd()(3) == doctest::Approx(sd).epsilon(1e-12));
}

TEST_CASE("summaries may be merged into each other, and into themselves, from many threads") {
  const Rows rows = make_rows(20, 2, 2);
  SharedStatistics left(summarise(rows)), right(summarise(rows));
  in_threads(4, [&](int i) {
    for (int repeat = 0; repeat < 8; ++repeat) {
      if (i % 2 == 0) {
        left.merge(right);
      } else {
        right.merge(left);
      }
    }
  });
  CHECK(rows_in(left) % 20 == 0);
  CHECK(rows_in(right) % 20 == 0);
  const Index before = rows_in(left);
  left.merge(left);
  CHECK(rows_in(left) == 2 * before);
}
