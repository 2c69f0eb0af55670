// What of the engine's throughput reaches clients, and what replacing lanes gains them.
#include <utility>

#include "bench/serving/engine_side.h"
#include "bench/serving/line_servers.h"
#include "bench/serving/served_models.h"
#include "bench/serving/serving_lines.h"

namespace rollout::bench {
namespace {

constexpr int kClients = 32;
constexpr int64_t kLanes = 8;
constexpr double kComputeBoundGoal = 0.9;
constexpr double kMixedGoal = 2.0;

// Requests of these horizons, asked in turn.
std::vector<RolloutShape> Shapes(const std::vector<int64_t>& horizons, bool trajectory) {
  std::vector<RolloutShape> shapes;
  for (const int64_t horizon : horizons) {
    shapes.push_back({.lanes = kLanes, .horizon = horizon, .trajectory = trajectory});
  }
  return shapes;
}

// The same clients at every server that is added; sides stay valid as long as this object.
class Clients {
 public:
  explicit Clients(const TransitionModelSpec& spec, std::vector<RolloutShape> shapes)
      : shapes_(std::move(shapes)) {
    for (const RolloutShape& shape : shapes_) {
      auto request = RolloutRequestBytes(spec, shape);
      if (!request.ok()) status_ = request.status();
      requests_.push_back(request.ok() ? *request : "");
      transitions_.push_back(shape.lanes * shape.horizon);
    }
  }

  absl::Status Add(const std::string& name, absl::StatusOr<BenchServer> server) {
    if (!status_.ok()) return status_;
    if (!server.ok()) return server.status();
    CallLoad::Options options;
    options.address = server->address;
    options.method = kRolloutMethod;
    options.requests = requests_;
    options.in_flight = kClients;
    options.connections = kClients;
    auto load = CallLoad::Connect(std::move(options));
    if (!load.ok()) return load.status();
    if (const auto reply = (*load)->CallOnce(); !reply.ok()) return reply.status();
    servers_.push_back(*std::move(server));
    loads_.push_back(*std::move(load));
    sides_.push_back(
        ServerSide(name, loads_.back().get(), servers_.back().process.get(), transitions_));
    return absl::OkStatus();
  }

  const std::vector<Side>& sides() const { return sides_; }

 private:
  const std::vector<RolloutShape> shapes_;
  absl::Status status_;
  std::vector<std::string> requests_;
  std::vector<int64_t> transitions_;
  std::vector<BenchServer> servers_;
  std::vector<std::unique_ptr<CallLoad>> loads_;
  std::vector<Side> sides_;
};

}  // namespace

absl::StatusOr<LineResult> MeasureComputeBound(const LineOptions& options) {
  LineResult result;
  const auto model = HopperSizedModel();
  if (!model.ok()) return model.status();
  const auto repository = PublishForBench(*model, options.scratch);
  if (!repository.ok()) return repository.status();
  for (const bool trajectory : {false, true}) {
    BenchServers servers(options.programs, options.scratch, {});
    Clients clients(model->spec, Shapes({200}, trajectory));
    if (absl::Status added = clients.Add("rolloutd", servers.Rolloutd(*repository)); !added.ok()) {
      return added;
    }
    auto engine = EngineSide::Make(*model, Shapes(std::vector<int64_t>(kClients, 200), trajectory),
                                   /*threads=*/0);
    if (!engine.ok()) return engine.status();
    std::vector<Side> sides = clients.sides();
    sides.push_back({.name = "engine alone",
                     .run = [&](absl::Duration duration) { return (*engine)->Run(duration); },
                     .transitions = {(*engine)->transitions()},
                     .cpu_time = nullptr});
    const auto measured = MeasureCells(options, sides,
                                       {{"line", "compute-bound"},
                                        {"in_flight", kClients},
                                        {"output", trajectory ? "trajectory" : "final_state"}},
                                       &result);
    result.ratios.push_back(
        RatioOfRate("compute-bound", measured[0], measured[1], kComputeBoundGoal));
    if (trajectory) result.ratios.back().what += " (whole trajectories)";
  }
  return result;
}

absl::StatusOr<LineResult> MeasureMixedHorizons(const LineOptions& options) {
  LineResult result;
  const auto model = HopperSizedModel();
  if (!model.ok()) return model.status();
  const auto repository = PublishForBench(*model, options.scratch);
  if (!repository.ok()) return repository.status();
  BenchServers servers(options.programs, options.scratch, {});
  // One in ten, spread as it comes by a fixed shuffle rather than evenly.
  std::vector<int64_t> horizons(100, 20);
  for (const int long_one : {3, 14, 17, 31, 38, 52, 55, 70, 86, 99}) horizons[long_one] = 200;
  Clients clients(model->spec, Shapes(horizons, false));
  if (absl::Status s = clients.Add("rolloutd", servers.Rolloutd(*repository)); !s.ok()) return s;
  for (const char* module : {"gap", "rectangular"}) {
    const absl::Status added = clients.Add(std::string("batches, ") + module,
                                           servers.WithoutLaneReplacement(*repository, module));
    if (!added.ok()) return added;
  }
  const auto measured = MeasureCells(
      options, clients.sides(), {{"line", "mixed horizons"}, {"in_flight", kClients}}, &result);
  result.ratios.push_back(RatioOfRate("mixed horizons", measured[0], measured[1], kMixedGoal));
  result.ratios.push_back(RatioOfRate("mixed horizons", measured[0], measured[2], kMixedGoal));
  return result;
}

}  // namespace rollout::bench
