#include "bench/serving/line_servers.h"

#include <utility>

#include "base/clock.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/publish.h"

namespace rollout::bench {

absl::StatusOr<std::string> PublishForBench(const TransitionModel& model,
                                            const std::filesystem::path& scratch) {
  const std::filesystem::path repository = scratch / ("repository-" + model.spec.name);
  std::error_code error;
  std::filesystem::create_directories(repository, error);
  if (error) return absl::UnavailableError(repository.string() + ": " + error.message());
  CheckpointContent content;
  content.model = model;
  const auto version = PublishCheckpoint(repository.string(), content, RealClock());
  if (!version.ok()) return version.status();
  return repository.string();
}

Side ServerSide(const std::string& name, CallLoad* load, const ChildProcess* process,
                std::vector<int64_t> transitions) {
  Side side;
  side.name = name;
  side.run = [load](absl::Duration duration) { return load->Run(duration); };
  side.transitions = std::move(transitions);
  if (process != nullptr) side.cpu_time = [process] { return process->CpuTime(); };
  return side;
}

std::vector<Measured> MeasureCells(const LineOptions& options, const std::vector<Side>& sides,
                                   const nlohmann::json& setting, LineResult* result) {
  std::vector<Measured> measured = MeasureInTurn(sides, options.rounds, options.stretch);
  for (const Measured& one : measured) {
    nlohmann::json cell = setting;
    cell.update(one.Json());
    result->cells.push_back(std::move(cell));
  }
  return measured;
}

}  // namespace rollout::bench
