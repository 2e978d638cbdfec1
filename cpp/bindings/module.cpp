// The Python module filbert._core: forwards to one function a subject.
#include <pybind11/pybind11.h>
#include <Eigen/Core>
#include <string>

void bind_diagnostics(pybind11::module_& module);
void bind_glm(pybind11::module_& module);
void bind_glm_sampling(pybind11::module_& module);
void bind_grouped_glm(pybind11::module_& module);
void bind_grouped_sampling(pybind11::module_& module);
void bind_groups(pybind11::module_& module);
void bind_linear_gaussian(pybind11::module_& module);
void bind_predictive(pybind11::module_& module);
void bind_priors(pybind11::module_& module);
void bind_reweighted(pybind11::module_& module);
void bind_sampling(pybind11::module_& module);
void bind_split_hmc(pybind11::module_& module);
void bind_summary(pybind11::module_& module);
void bind_threads(pybind11::module_& module);

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ core of filbert: data summary, posterior, sampler and diagnostics.";
  module.attr("__version__") = FILBERT_VERSION;
  module.attr("eigen_version") = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
                                 std::to_string(EIGEN_MINOR_VERSION);
  bind_threads(module);
  bind_summary(module);
  bind_priors(module);
  bind_linear_gaussian(module);
  bind_glm(module);
  bind_groups(module);
  bind_grouped_glm(module);
  bind_reweighted(module);
  bind_sampling(module);
  bind_grouped_sampling(module);
  bind_glm_sampling(module);
  bind_split_hmc(module);
  bind_diagnostics(module);
  bind_predictive(module);
}
