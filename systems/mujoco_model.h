// MuJoCo's two structures as owned objects, and the loading of MJCF files.
#ifndef ROLLOUT_SYSTEMS_MUJOCO_MODEL_H_
#define ROLLOUT_SYSTEMS_MUJOCO_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "mujoco/mujoco.h"

namespace rollout {

// Read-only after loading: instances on any number of threads share one.
using MujocoModel = std::shared_ptr<const mjModel>;

struct MujocoDataDeleter {
  void operator()(mjData* data) const { mj_deleteData(data); }
};
// One simulation's state and scratch memory; one thread at a time.
using MujocoData = std::unique_ptr<mjData, MujocoDataDeleter>;

// Loads an MJCF file. UNAVAILABLE naming the file and MuJoCo's reason where it is missing or does
// not compile, FAILED_PRECONDITION where the library is not the version of its headers. MuJoCo's
// warnings go to the log from then on, for the whole process.
absl::StatusOr<MujocoModel> LoadMujocoModel(const std::string& path);

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MUJOCO_MODEL_H_
