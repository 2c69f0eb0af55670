// Looks through a dataset for what would spoil the training of a transition model.
#ifndef ROLLOUT_TRAINER_COLLECTION_DATASET_CHECK_H_
#define ROLLOUT_TRAINER_COLLECTION_DATASET_CHECK_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace rollout {

enum class Severity {
  kSpoils,   // a model fitted to this learns something else than the system
  kWarning,  // worth knowing; training goes on
};

struct Finding {
  Severity severity = Severity::kSpoils;
  std::string check;   // "non_finite", "constant", "velocity", "wrap", "jump", "control_timing",
                       // "control_bounds", "episode_end", "too_little_data"
  std::string found;   // a sentence
  std::string remedy;  // a sentence
};

// One number of the state, over all steps.
struct StateDimension {
  std::string name;
  double mean = 0.0;
  double standard_deviation = 0.0;
  bool constant = false;
  bool moves = false;  // within an episode
  // Of positions where nq = nv: how dq/dt depends on the mean of v before and after. A slope of 1
  // and a correlation of 1 are what a model assumes.
  double velocity_slope = 0.0;
  double velocity_correlation = 0.0;
  int64_t wraps = 0;  // steps by about a multiple of 2 pi more than the velocity explains
  int64_t jumps = 0;  // other steps far beyond what the velocity explains
};

// How well a linear function of (z, u) explains the change of the velocities, with the controls
// shifted: entry i is for the control applied kFirstShift + i steps earlier.
inline constexpr int kFirstShift = -1;
inline constexpr int kNumShifts = 5;
struct ControlTiming {
  bool measured = false;  // not where there are no controls or too few steps
  std::array<double, kNumShifts> explained = {};  // R^2, mean over the velocities that move
};

struct DatasetReport {
  int64_t episodes = 0;
  int64_t steps = 0;
  std::vector<StateDimension> dimensions;  // [nq + nv]
  ControlTiming control_timing;
  std::vector<Finding> findings;  // what spoils first

  bool spoilt() const;
};

// Pure; `episodes` may hold NaN and infinities (they are a finding, and left out of the rest).
DatasetReport CheckDataset(const DatasetInfo& info, const std::vector<Episode>& episodes);

// The parts, each in a file of its own; they append to `report`.
void CheckMotion(const DatasetInfo& info, const std::vector<Episode>& episodes,
                 DatasetReport* report);
void CheckControlTiming(const DatasetInfo& info, const std::vector<Episode>& episodes,
                        DatasetReport* report);

// What a person calls number `index` of a state or a control: its name, or "state[3]".
std::string StateName(const DatasetInfo& info, int index);
std::string ControlName(const DatasetInfo& info, int index);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_DATASET_CHECK_H_
