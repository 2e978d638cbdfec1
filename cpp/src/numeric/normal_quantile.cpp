// Wichura's rational approximations.
#include "filbert/numeric/normal_quantile.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace filbert {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

template <std::size_t Size>
double polynomial(const std::array<double, Size>& coefficients, double x) {
  double value = coefficients[Size - 1];
  for (std::size_t i = Size - 1; i-- > 0;) value = value * x + coefficients[i];
  return value;
}

}  // namespace

// Wichura (1988), Algorithm AS 241, routine PPND16, Applied Statistics 37(3), 477-484: rational approximations in the
// middle, and in √(-log p) in either tail.
double normal_quantile(double probability) {
  static constexpr std::array middle_over{3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
                                          1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static constexpr std::array middle_under{1.0000000000000000000e0,  4.2313330701600911252e+1, 6.8718700749205790830e+2,
                                           5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
                                           2.8729085735721942674e+4, 5.2264952788528545610e+3};
  static constexpr std::array tail_over{1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                        3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                        2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr std::array tail_under{
      1.00000000000000000000e0,  2.05319162663775882187e0,  1.67638483018380384940e0,  6.89767334985100004550e-1,
      1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9};
  static constexpr std::array far_over{6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                                       2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                       2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr std::array far_under{1.00000000000000000000e0,  5.99832206555887937690e-1, 1.36929880922735805310e-1,
                                        1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
                                        1.42151175831644588870e-7, 2.04426310338993978564e-15};
  const double centred = probability - 0.5;
  if (std::abs(centred) <= 0.425) {
    const double x = 0.180625 - centred * centred;
    return centred * polynomial(middle_over, x) / polynomial(middle_under, x);
  }
  const double tail = centred < 0 ? probability : 1 - probability;
  if (!(tail > 0)) return tail == 0 ? std::copysign(infinity, centred) : not_a_number;
  const double x = std::sqrt(-std::log(tail));
  const double quantile = x <= 5 ? polynomial(tail_over, x - 1.6) / polynomial(tail_under, x - 1.6)
                                 : polynomial(far_over, x - 5) / polynomial(far_under, x - 5);
  return std::copysign(quantile, centred);
}

}  // namespace filbert
