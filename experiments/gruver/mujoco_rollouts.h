// Figure 7 of Gruver et al. (2022): models of MuJoCo tasks.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_ROLLOUTS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_ROLLOUTS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/experiment.h"

namespace rollout {

// "mujoco-rollouts": four tasks, NODE, NODE+SO and SymODEN as the paper has it, and a fair SymODEN
// on Hopper and HalfCheetah with two seeds. Data are the episodes of one SAC training a task, which
// the first run of a task makes beside the partial results and later ones find.
class MujocoRollouts final : public Experiment {
 public:
  MujocoRollouts();

  std::string name() const override { return "mujoco-rollouts"; }
  std::string title() const override {
    return "Gruver et al. (2022), figure 7: test error of MuJoCo tasks from SAC's episodes";
  }
  std::vector<PlannedRun> Plan(Scale scale, int seeds) const override;
  std::string Report(const std::vector<RunRecord>& records) const override;
  std::vector<Figure> Figures(const std::vector<RunRecord>& records) const override;
  std::vector<ClaimResult> Claims(const std::vector<RunRecord>& records) const override;

 private:
  // What all runs of a task share, read by the first of them while the others wait. Any thread.
  class TaskData;

  std::map<std::string, std::shared_ptr<TaskData>> data_;  // by scale and task
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_MUJOCO_ROLLOUTS_H_
