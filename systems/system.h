// Ground truth: one simulated environment with the full state [q, v] in and out.
#ifndef ROLLOUT_SYSTEMS_SYSTEM_H_
#define ROLLOUT_SYSTEMS_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace rollout {

// What is fixed about a system; everything a dataset or a model needs to know of it.
struct SystemInfo {
  std::string name;          // "hopper_v5"
  int num_positions = 0;     // MuJoCo's nq (may differ from num_velocities)
  int num_velocities = 0;    // nv
  int num_controls = 0;      // nu
  int observation_size = 0;  // numbers in the task's Gymnasium v5 observation
  // Whether that observation is a function of [q, v] alone; elsewhere (contact and actuator forces,
  // positions of MuJoCo's last evaluation) it also depends on the step that led there.
  bool observation_from_state = false;
  double dt = 0.0;                     // seconds a step: timestep x frame skip
  int max_episode_steps = 0;           // time limit (truncation)
  std::vector<int> angular_positions;  // unlimited hinges
  std::vector<int> ignored_positions;  // translations nothing depends on
  std::vector<double> control_low;     // [nu]
  std::vector<double> control_high;
  std::vector<std::string> state_names;  // [nq + nv]
  std::vector<std::string> control_names;
  std::string reward;  // names of models/rewards, or empty where the truth needs more
  std::string termination;
};

struct StepResult {
  double reward = 0.0;
  bool terminated = false;  // the task's own end
  bool truncated = false;   // the time limit; both may hold at once
};

// One instance of an environment. Owned by one thread at a time; deterministic: the same seed and
// actions give the same states whatever else runs.
class System {
 public:
  virtual ~System() = default;

  virtual const SystemInfo& info() const = 0;

  // Starts an episode with the task's reset noise, drawn from `seed` alone.
  virtual void Reset(uint64_t seed) = 0;

  // Starts an episode at `state` [nq + nv]: reset data, set qpos and qvel, forward.
  // INVALID_ARGUMENT on a wrong size or a number that is not finite.
  virtual absl::Status ResetTo(absl::Span<const double> state) = 0;

  // Applies `action` [nu] (in the environment's units) for one step. Like Gymnasium's: MuJoCo
  // clamps what the actuators do to their range, the reward's control cost is that of `action` as
  // given, and stepping on past the end of an episode is allowed.
  virtual StepResult Step(absl::Span<const double> action) = 0;

  // Writes [q, v], nq + nv numbers, neither clipped nor wrapped.
  virtual void GetState(absl::Span<double> state) const = 0;

  // Writes Gymnasium v5's observation, observation_size numbers.
  virtual void GetObservation(absl::Span<double> observation) const = 0;

  // Another instance of the same system, at an unspecified state: what is read-only (MuJoCo's
  // model) is shared, so that this is cheap and any thread may own the new one.
  virtual std::unique_ptr<System> NewInstance() const = 0;
};

struct SystemOptions {
  std::string assets_dir;  // folder of the MJCF files; empty = the build's own
};

// NOT_FOUND listing the names there are; UNAVAILABLE where the MJCF file is missing or does not
// load.
absl::StatusOr<std::unique_ptr<System>> MakeSystem(const std::string& name,
                                                   const SystemOptions& options = {});

std::vector<std::string> SystemNames();

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_SYSTEM_H_
