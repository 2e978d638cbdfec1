// Divides the warm-up into windows: reach the typical set, learn the metric, settle the step size.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <vector>

namespace filbert {

enum class WarmupPhase {
  Approach,  ///< step size only, on the way to the typical set
  Metric,    ///< draws are collected, and the metric is set at the window's end
  Settle,    ///< step size only, for the final metric
};

struct WarmupWindow {
  WarmupPhase phase;
  Eigen::Index begin;
  Eigen::Index end;  ///< exclusive

  friend bool operator==(const WarmupWindow&, const WarmupWindow&) = default;
};

/// Stan's schedule for long warm-ups; in short ones the first and last windows are kept to a share.
struct WarmupScheduleSettings {
  Eigen::Index approach = 75;
  Eigen::Index first_metric_window = 25;
  Eigen::Index settle = 50;
  double max_approach_share = 0.15;
  double max_settle_share = 0.2;
  Eigen::Index shortest_with_metric = 20;  ///< a shorter warm-up sees too few draws to learn scales from
};

/// Windows that follow each other without a gap from 0 to `tune`, none of them empty. Metric windows double in
/// length, and the last takes what is left when the next would not fit.
inline std::vector<WarmupWindow> warmup_schedule(Eigen::Index tune, const WarmupScheduleSettings& settings = {}) {
  const auto share = [tune](double fraction) {
    return static_cast<Eigen::Index>(fraction * static_cast<double>(tune));
  };
  std::vector<WarmupWindow> windows;
  const auto append = [&windows](WarmupPhase phase, Eigen::Index begin, Eigen::Index end) {
    if (begin < end) windows.push_back({phase, begin, end});
  };
  if (tune < settings.shortest_with_metric) {
    append(WarmupPhase::Settle, 0, tune);
    return windows;
  }
  Eigen::Index begin = std::min(settings.approach, share(settings.max_approach_share));
  const Eigen::Index metric_end = tune - std::min(settings.settle, share(settings.max_settle_share));
  append(WarmupPhase::Approach, 0, begin);
  for (Eigen::Index length = settings.first_metric_window; begin < metric_end; length *= 2) {
    const bool next_fits = begin + length + 2 * length <= metric_end;
    const Eigen::Index end = next_fits ? begin + length : metric_end;
    append(WarmupPhase::Metric, begin, end);
    begin = end;
  }
  append(WarmupPhase::Settle, metric_end, tune);
  return windows;
}

}  // namespace filbert
