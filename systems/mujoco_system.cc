#include "systems/mujoco_system.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

std::string NameOf(const mjModel& model, mjtObj kind, int id) {
  const char* name = mj_id2name(&model, kind, id);
  return name != nullptr ? name : absl::StrCat("unnamed_", id);
}

// Names of [q, v] after the joints; a free joint has seven positions and six velocities.
std::vector<std::string> StateNames(const mjModel& model) {
  std::vector<std::string> positions, velocities;
  for (int joint = 0; joint < static_cast<int>(model.njnt); ++joint) {
    const std::string name = NameOf(model, mjOBJ_JOINT, joint);
    if (model.jnt_type[joint] == mjJNT_FREE) {
      for (const char* part : {"x", "y", "z", "qw", "qx", "qy", "qz"}) {
        positions.push_back(absl::StrCat(name, "_", part));
      }
      for (const char* part : {"vx", "vy", "vz", "wx", "wy", "wz"}) {
        velocities.push_back(absl::StrCat(name, "_", part));
      }
    } else {
      positions.push_back(name);
      velocities.push_back(absl::StrCat(name, "_velocity"));
    }
  }
  positions.insert(positions.end(), velocities.begin(), velocities.end());
  return positions;
}

// Hinges without limits turn without end: their angle enters networks as cosine and sine.
std::vector<int> AngularPositions(const mjModel& model) {
  std::vector<int> angular;
  for (int joint = 0; joint < static_cast<int>(model.njnt); ++joint) {
    if (model.jnt_type[joint] == mjJNT_HINGE && !model.jnt_limited[joint]) {
      angular.push_back(model.jnt_qposadr[joint]);
    }
  }
  return angular;
}

// An actuator without a name goes by the joint that it drives.
std::string ControlName(const mjModel& model, int actuator) {
  const char* name = mj_id2name(&model, mjOBJ_ACTUATOR, actuator);
  if (name != nullptr) return name;
  return NameOf(model, mjOBJ_JOINT, model.actuator_trnid[2 * actuator]);
}

SystemInfo Describe(const mjModel& model, const MujocoTask& task) {
  SystemInfo info;
  info.name = task.info().name;
  info.num_positions = static_cast<int>(model.nq);
  info.num_velocities = static_cast<int>(model.nv);
  info.num_controls = static_cast<int>(model.nu);
  info.observation_size = task.ObservationSize(model);
  info.observation_from_state = task.info().observation_from_state;
  info.dt = model.opt.timestep * task.info().frame_skip;
  info.max_episode_steps = task.info().max_episode_steps;
  info.angular_positions = AngularPositions(model);
  info.ignored_positions = task.info().ignored_positions;
  for (int actuator = 0; actuator < info.num_controls; ++actuator) {
    info.control_low.push_back(model.actuator_ctrlrange[2 * actuator]);
    info.control_high.push_back(model.actuator_ctrlrange[2 * actuator + 1]);
    info.control_names.push_back(ControlName(model, actuator));
  }
  info.state_names = StateNames(model);
  info.reward = task.info().reward;
  info.termination = task.info().termination;
  return info;
}

}  // namespace

MujocoSystem::MujocoSystem(MujocoModel model, std::shared_ptr<const MujocoTask> task)
    : MujocoSystem(model, task, std::make_shared<const SystemInfo>(Describe(*model, *task))) {}

MujocoSystem::MujocoSystem(MujocoModel model, std::shared_ptr<const MujocoTask> task,
                           std::shared_ptr<const SystemInfo> info)
    : model_(std::move(model)),
      task_(std::move(task)),
      info_(std::move(info)),
      data_(mj_makeData(model_.get())),
      state_(model_->nq + model_->nv),
      previous_state_(state_.size()) {}

std::unique_ptr<System> MujocoSystem::NewInstance() const {
  return std::unique_ptr<System>(new MujocoSystem(model_, task_, info_));
}

void MujocoSystem::StartAtState() {
  mj_resetData(model_.get(), data_.get());
  std::copy_n(state_.begin(), model_->nq, data_->qpos);
  std::copy_n(state_.begin() + model_->nq, model_->nv, data_->qvel);
  mj_forward(model_.get(), data_.get());
  steps_ = 0;
}

void MujocoSystem::Reset(uint64_t seed) {
  Random random(seed);
  std::copy_n(model_->qpos0, model_->nq, state_.begin());
  std::fill(state_.begin() + model_->nq, state_.end(), 0.0);
  const absl::Span<double> state = absl::MakeSpan(state_);
  task_->AddResetNoise(random, state.first(model_->nq), state.subspan(model_->nq));
  StartAtState();
}

absl::Status MujocoSystem::ResetTo(absl::Span<const double> state) {
  if (state.size() != state_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(info_->name, ": a state has ", state_.size(),
                                                   " numbers [q, v], not ", state.size()));
  }
  for (size_t i = 0; i < state.size(); ++i) {
    if (!std::isfinite(state[i])) {
      return absl::InvalidArgumentError(absl::StrCat(info_->name, ": state[", i, "] (",
                                                     info_->state_names[i], ") is ", state[i]));
    }
  }
  std::copy(state.begin(), state.end(), state_.begin());
  StartAtState();
  return absl::OkStatus();
}

StepResult MujocoSystem::Step(absl::Span<const double> action) {
  const mjModel* model = model_.get();
  mjData* data = data_.get();
  const double position_before = task_->ForwardPosition(*model, *data);
  std::swap(previous_state_, state_);

  std::copy(action.begin(), action.end(), data->ctrl);
  for (int i = 0; i < task_->info().frame_skip; ++i) mj_step(model, data);
  if (task_->info().needs_contact_forces) mj_rnePostConstraint(model, data);
  std::copy_n(data->qpos, model->nq, state_.begin());
  std::copy_n(data->qvel, model->nv, state_.begin() + model->nq);
  ++steps_;

  const MujocoOutcome outcome = task_->Judge({.model = *model,
                                              .data = *data,
                                              .transition = {.state = previous_state_,
                                                             .control = action,
                                                             .next_state = state_,
                                                             .dt = info_->dt},
                                              .position_before = position_before});
  return {.reward = outcome.reward,
          .terminated = outcome.terminated,
          .truncated = steps_ >= info_->max_episode_steps};
}

void MujocoSystem::GetState(absl::Span<double> state) const {
  std::copy(state_.begin(), state_.end(), state.begin());
}

void MujocoSystem::GetObservation(absl::Span<double> observation) const {
  task_->Observe(*model_, *data_, observation);
}

}  // namespace rollout
