#include "models/integrators/integrator.h"

#include "absl/strings/str_cat.h"
#include "models/integrators/constant_acceleration.h"
#include "models/integrators/dopri5.h"
#include "models/integrators/euler.h"
#include "models/integrators/implicit_midpoint.h"
#include "models/integrators/leapfrog.h"
#include "models/integrators/rk4.h"
#include "models/integrators/rk4_three_eighths.h"
#include "models/integrators/symplectic_euler.h"

namespace rollout {
namespace {

Tolerance ToleranceOf(const IntegratorSpec& spec, Tolerance fallback) {
  return {spec.rtol > 0.0 ? spec.rtol : fallback.rtol, spec.atol > 0.0 ? spec.atol : fallback.atol};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Integrator>> MakeIntegrator(const IntegratorSpec& spec,
                                                           double transition_dt) {
  const int substeps = spec.substeps;
  switch (spec.method) {
    case IntegratorMethod::kEuler:
      return std::make_unique<Euler>(transition_dt, substeps);
    case IntegratorMethod::kConstantAcceleration:
      return std::make_unique<ConstantAcceleration>(transition_dt, substeps);
    case IntegratorMethod::kSymplecticEuler:
      return std::make_unique<SymplecticEuler>(transition_dt, substeps);
    case IntegratorMethod::kLeapfrog:
      return std::make_unique<Leapfrog>(transition_dt, substeps);
    case IntegratorMethod::kRk4:
      return std::make_unique<RungeKutta4>(transition_dt, substeps);
    case IntegratorMethod::kRk4ThreeEighths:
      return std::make_unique<RungeKutta4ThreeEighths>(transition_dt, substeps);
    case IntegratorMethod::kImplicitMidpoint:
      return std::make_unique<ImplicitMidpoint>(
          transition_dt, substeps,
          ToleranceOf(spec, {ImplicitMidpoint::kDefaultRtol, ImplicitMidpoint::kDefaultAtol}));
    case IntegratorMethod::kDopri5:
      return std::make_unique<Dopri5>(
          transition_dt, substeps, ToleranceOf(spec, {Dopri5::kDefaultRtol, Dopri5::kDefaultAtol}));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown integrator method ", static_cast<int>(spec.method)));
}

bool NeedsFloat64(IntegratorMethod method) {
  return method == IntegratorMethod::kImplicitMidpoint || method == IntegratorMethod::kDopri5;
}

}  // namespace rollout
