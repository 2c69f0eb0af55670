// A finished run's model as a version of a model repository.
#ifndef ROLLOUT_EXPERIMENTS_MODEL_EXPORT_H_
#define ROLLOUT_EXPERIMENTS_MODEL_EXPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "experiments/experiment.h"

namespace rollout {

struct ModelExport {
  std::string run;         // the key of a record: "paper/chain_pendulum_2/HNN/seed0"
  std::string partial;     // folder where runs leave what they trained
  std::string repository;  // made when missing
  std::string name;        // of the model; empty = DefaultModelName
};

// "chain-pendulum-2-hnn".
std::string DefaultModelName(const RunRecord& record);

// Publishes the model of a finished run with golden rollouts from its test data and a card that
// tells settings and metrics of its record, and returns the version. NOT_FOUND with the nearest
// keys of an unknown run, or where its fit is not kept; FAILED_PRECONDITION where it diverged;
// UNIMPLEMENTED for experiments whose models are not read; errors of ChooseGolden and
// PublishCheckpoint.
absl::StatusOr<int64_t> ExportModel(const Experiment& experiment,
                                    const std::vector<RunRecord>& records,
                                    const ModelExport& request, const Clock& clock);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_MODEL_EXPORT_H_
