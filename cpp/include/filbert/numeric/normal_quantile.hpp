// The quantile function of the standard normal distribution.
#pragma once

namespace filbert {

/// Quantile of the standard normal distribution, to about 1e-15 relative; infinite at 0 and 1, NaN outside of [0, 1].
double normal_quantile(double probability);

}  // namespace filbert
