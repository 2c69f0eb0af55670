#include "trainer/publishing/fit_settings.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace rollout {

void InheritArchitecture(const TransitionModel& model, FitOptions* options) {
  options->dynamics = model.spec.dynamics;
  options->integrator = model.spec.integrator;
  options->ensemble_size = model.spec.ensemble_size;
}

FitSettings DescribeFit(const FitOptions& options, const FitData& data) {
  const DynamicsSpec& dynamics = options.dynamics;
  return {
      {"kind", Name(dynamics.kind)},
      {"hidden_sizes", absl::StrJoin(dynamics.hidden_sizes, ",")},
      {"activation", Name(dynamics.activation)},
      {"mass_force", absl::StrCat(static_cast<int>(dynamics.mass), " ", dynamics.has_force)},
      {"integrator",
       absl::StrCat(Name(options.integrator.method), " ", options.integrator.substeps)},
      {"ensemble", absl::StrCat(options.ensemble_size)},
      {"window_states", absl::StrCat(options.window_states)},
      {"max_windows", absl::StrCat(options.max_windows)},
      {"batch", absl::StrCat(options.batch)},
      {"steps", absl::StrCat(options.steps)},
      {"learning_rate",
       absl::StrFormat("%.17g %.17g", options.learning_rate, options.final_learning_rate)},
      {"regularisation", absl::StrFormat("%.17g %.17g %.17g", options.weight_decay,
                                         options.gradient_clip, options.symplectic_weight)},
      {"norm", Name(options.norm)},
      {"memory", absl::StrCat(dynamics.memory_size)},
      {"seed", absl::StrCat(options.seed)},
      {"data", absl::StrJoin(data.files, " ")},
      {"training_episodes", absl::StrCat(data.training.size())},
      {"training_transitions", absl::StrCat(data.training_transitions)},
  };
}

}  // namespace rollout
