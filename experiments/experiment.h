// A table or figure of a paper, as training runs and a report on them.
#ifndef ROLLOUT_EXPERIMENTS_EXPERIMENT_H_
#define ROLLOUT_EXPERIMENTS_EXPERIMENT_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/claims.h"
#include "experiments/run_record.h"
#include "models/transition_model.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {

// How much of the paper's own training a run repeats: a minute a model (does it work?), some of it
// (does the ordering show?), or all of it.
enum class Scale { kQuick, kShort, kPaper };
const char* Name(Scale scale);
// INVALID_ARGUMENT listing the names.
absl::StatusOr<Scale> ParseScale(const std::string& name);

// What a run is made in.
struct RunContext {
  const std::atomic<bool>& stop;
  std::string partial;  // path and beginning of the name of files that it may go on from

  // For runs that are made anew where they were stopped.
  operator const std::atomic<bool>&() const { return stop; }
};

// What a finished run trained, and held-out rollouts for its golden ones.
struct TrainedModel {
  TransitionModel model;
  FitData data;
};

// One run that is yet to be made.
struct PlannedRun {
  std::string key;  // of its record
  // Runs it. Called on any thread, on as many as run at once; CANCELLED once context.stop is set. A
  // training that diverges is a record, not an error.
  std::function<absl::StatusOr<RunRecord>(const RunContext& context)> make;
  // The model of a run that is finished, whose fit is in the file `trained`; null where models of
  // that kind are not read. NOT_FOUND without the file.
  std::function<absl::StatusOr<TrainedModel>(const std::string& trained)> read_model = nullptr;
};

// A picture of a report's page.
struct Figure {
  std::string file;     // its name: "toy-rollouts-errors.svg"
  std::string caption;  // one line
  std::string svg;
};

// Made by MakeExperiments; immutable, any thread.
class Experiment {
 public:
  virtual ~Experiment() = default;

  virtual std::string name() const = 0;   // "greydanus-table"
  virtual std::string title() const = 0;  // one line: paper and what it shows

  // Seed by seed, so that an interruption leaves a balanced table.
  virtual std::vector<PlannedRun> Plan(Scale scale, int seeds) const = 0;

  // The page of docs/experiments that `records` give, in Markdown.
  virtual std::string Report(const std::vector<RunRecord>& records) const = 0;
  // Shown below it, and what the records say of the papers' claims; none where they do not suffice.
  virtual std::vector<Figure> Figures(const std::vector<RunRecord>&) const { return {}; }
  virtual std::vector<ClaimResult> Claims(const std::vector<RunRecord>&) const { return {}; }
};

std::vector<std::unique_ptr<Experiment>> MakeExperiments();

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_EXPERIMENT_H_
