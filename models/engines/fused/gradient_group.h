// Lanes whose gradients are computed together on one thread.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_GROUP_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_GROUP_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/gradient_kernel.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/fused/scalar_dynamics_vjp.h"
#include "models/engines/gradient_job.h"
#include "models/engines/lane_objective.h"

namespace rollout::fused {

struct FreeRecords {
  void operator()(float* records) const { std::free(records); }
};

// Rolls lanes out, keeping what each transition recorded, and walks back. Where the records of the
// whole horizon do not fit into the memory for them, only those of the last stretch are kept; each
// earlier stretch is computed once more, from the state at its beginning, when its turn comes.
//
// Owned and used by one thread. Memory grows to what the longest horizon seen takes, the records up
// to `record_bytes`, and then stays: a call like one before allocates nothing. `model`, `spec` and
// `reward` must outlive it.
class GradientGroup {
 public:
  GradientGroup(const FusedModel& model, const TransitionModelSpec& spec,
                const DifferentiableReward& reward, std::unique_ptr<GradientKernel> kernel,
                int max_lanes, size_t record_bytes);

  // Lanes [first, first + lanes) of `job`, at most max_lanes. `initial_gradient` [lanes, 2n] gets
  // the gradients with respect to their initial states. Nothing is written where the job is
  // cancelled on the way.
  void Compute(const GradientJob& job, int64_t first, int lanes, float* initial_gradient);

 private:
  // A stretch of the horizon whose records are in memory together.
  struct Stretch {
    int64_t begin = 0;
    int64_t end = 0;
  };

  Stretch StretchOf(int64_t index) const;
  void Plan();
  void SetInitialStates(int member);
  // Takes all lanes through a stretch from the states at its beginning. False: cancelled.
  bool Forward(int member, const Stretch& stretch, bool recorded, bool observed);
  // States carried and reported at the beginning of a stretch.
  float* Saved(const Stretch& stretch);
  void Save(const Stretch& stretch);
  void Restore(const Stretch& stretch);
  void SetControls(int64_t step);
  // From the cotangents after transition `step` to those before it.
  void StepBack(int member, const Stretch& stretch, int64_t step);
  void EntryBack(int member);
  void WriteResults();

  const float* Initial(int lane) const;
  float* Controls(int lane, int64_t step) const;
  // Of the reported state [q, v] after `step` transitions, within the stretch.
  float* Reported(const Stretch& stretch, int64_t step, int lane);

  const FusedModel& model_;
  const size_t n_;
  const int members_;
  std::unique_ptr<GradientKernel> kernel_;
  const size_t most_records_;  // numbers
  size_t records_size_ = 0;
  std::unique_ptr<float[], FreeRecords> records_;
  std::vector<ScalarDynamics<double>> entry_dynamics_;  // [E] with a learned mass
  std::vector<ScalarDynamicsVjp<double>> entry_vjps_;
  std::vector<LaneObjective> objectives_;  // [max_lanes]

  // The job at hand.
  const GradientJob* job_ = nullptr;
  int64_t first_ = 0;
  int lanes_ = 0;
  float* initial_gradient_ = nullptr;
  float* control_gradient_ = nullptr;  // [lanes, T, nu]
  int64_t stretch_length_ = 0;
  int64_t stretches_ = 0;

  std::vector<float> states_, residuals_;        // [lanes, 2n] as they are carried
  std::vector<float> velocities_;                // [lanes, n]
  std::vector<float> stretch_states_;            // [stretches, 3, lanes, 2n]
  std::vector<float> reported_;                  // [stretch length + 1, lanes, 2n]
  std::vector<const float*> controls_;           // [lanes]
  std::vector<float> cotangents_;                // [lanes, 2n] of the carried states
  std::vector<float> by_reported_, by_earlier_;  // [lanes, 2n] of the reported ones
  std::vector<float> by_velocity_, by_control_;  // [lanes, n], [lanes, nu]
  std::vector<float> own_control_gradient_;      // where the job does not want it
  std::vector<double> total_return_;             // [lanes]
  std::vector<double> final_state_;              // [lanes, 2n]
  std::vector<int32_t> first_non_finite_step_;   // [lanes]
  std::vector<char> diverged_;                   // [lanes]
  std::vector<double> entry_q_, entry_v_, entry_p_, by_entry_q_, by_entry_p_, by_entry_v_, no_rate_,
      by_no_control_;
  std::vector<float> no_control_;
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_GROUP_H_
