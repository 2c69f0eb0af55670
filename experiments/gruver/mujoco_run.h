// One model of Gruver et al. (2022) on one MuJoCo task.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_RUN_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/experiment.h"
#include "models/transition_model.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {

// The paper's names. Its NODE+SO moves positions by h v + h^2/2 a. Its SymODEN takes one Euler step
// a transition, the identity for its mass (the code multiplies the learned one by zero) and, as
// NODE and NODE+SO do not, networks without a scale on their outputs; the fair one has a learned
// mass, and the substeps and scales of the others. Not copied from the code's SymODEN: it takes
// H's derivatives by the normalised state and uses them as they are, so that dq/dt is the
// normalised velocity (here it is v), and looks controls up by a rounded time.
struct MujocoModel {
  const char* name;
  DynamicsKind kind;
  MassKind mass;
  bool has_force;
  IntegratorMethod method;
  int substeps;
  bool unit_outputs = false;  // force and potential are not scaled by the data's accelerations
};
inline constexpr MujocoModel kMujocoNode = {"NODE", DynamicsKind::kNode,      MassKind::kNone,
                                            false,  IntegratorMethod::kEuler, 8};
inline constexpr MujocoModel kMujocoNodeSo = {"NODE+SO",
                                              DynamicsKind::kNodeSo,
                                              MassKind::kNone,
                                              false,
                                              IntegratorMethod::kConstantAcceleration,
                                              8};
inline constexpr MujocoModel kMujocoSymOden = {
    "SymODEN", DynamicsKind::kHnn, MassKind::kIdentity, true, IntegratorMethod::kEuler, 1, true};
inline constexpr MujocoModel kMujocoFairSymOden = {
    "SymODEN, fair", DynamicsKind::kHnn, MassKind::kLearned, true, IntegratorMethod::kEuler, 8};

struct MujocoRun {
  std::string key;
  std::string task;
  MujocoModel model = kMujocoNode;
  int64_t steps = 51200;  // 256 epochs of 40,000 windows in batches of 200
  uint64_t seed = 0;      // of weights, batches and the choice of windows
};

// Fits windows of 3 states, networks of 2 x 128 tanh, Adam with weight decay 1e-4, 2e-4 falling to
// 1e-6 along a cosine, errors in units of the training states' standard deviation. Measured on
// `test` after half of the steps and at the end: the mean over rollouts, times from the first on
// and dimensions of ((predicted - observed) / deviation)^2, NaN where a rollout is not finite; and
// the median over rollouts of the mean of each. Goes on from what a stopped one left under
// context.partial.
absl::StatusOr<RunRecord> MakeMujocoRun(const MujocoRun& run, const FitData& data,
                                        const std::vector<ObservedEpisode>& test,
                                        const RunContext& context);

// The model of a finished run, from the state of its fit on the same data and test rollouts, which
// are held out. NOT_FOUND where there is no such file, INVALID_ARGUMENT where it is of another run.
absl::StatusOr<TrainedModel> ReadMujocoModel(const MujocoRun& run, const FitData& data,
                                             const std::vector<ObservedEpisode>& test,
                                             const std::string& trained);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_RUN_H_
