// What every line of serving-bench does before it measures.
#ifndef ROLLOUT_BENCH_SERVING_LINE_SERVERS_H_
#define ROLLOUT_BENCH_SERVING_LINE_SERVERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/serving/serving_lines.h"
#include "models/transition_model.h"

namespace rollout::bench {

inline constexpr char kRolloutMethod[] = "/rollout.v1.TransitionModel/Rollout";
inline constexpr char kInferMethod[] = "/inference.GRPCInferenceService/ModelInfer";

// A repository with one version of `model`, in the folder `scratch`.
absl::StatusOr<std::string> PublishForBench(const TransitionModel& model,
                                            const std::filesystem::path& scratch);

// A side that asks a server; `load` must outlive it, and `process`, whose time is counted where it
// is given.
Side ServerSide(const std::string& name, CallLoad* load, const ChildProcess* process = nullptr,
                std::vector<int64_t> transitions = {});

// Measures and adds the cells, each with `setting` in it.
std::vector<Measured> MeasureCells(const LineOptions& options, const std::vector<Side>& sides,
                                   const nlohmann::json& setting, LineResult* result);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_LINE_SERVERS_H_
