// What a call costs beside its computation.
#include <utility>

#include "bench/serving/engine_side.h"
#include "bench/serving/line_servers.h"
#include "bench/serving/served_models.h"
#include "bench/serving/serving_lines.h"

namespace rollout::bench {
namespace {

constexpr double kOverheadGoal = 1.3;
constexpr double kThroughputGoal = 0.8;
constexpr double kLargeReplyGoal = 1.3;
constexpr RolloutShape kOneStep;
// 512 lanes of 2 states of 256 numbers: exactly 1 MiB.
constexpr RolloutShape kOneMebibyte = {.lanes = 512, .horizon = 1, .trajectory = true};

// A protocol's request to one model.
struct Question {
  std::string name;  // of the side
  std::string method;
  std::string request;
};

// One rolloutd and one echo with replies of the same size, asked the same way.
class Pair {
 public:
  static absl::StatusOr<Pair> Start(const LineOptions& options, const TransitionModel& model,
                                    Question question) {
    Pair pair;
    pair.question_ = std::move(question);
    const auto repository = PublishForBench(model, options.scratch);
    if (!repository.ok()) return repository.status();
    BenchServers servers(options.programs, options.scratch, options.server_cores);
    auto rolloutd = servers.Rolloutd(*repository);
    if (!rolloutd.ok()) return rolloutd.status();
    pair.rolloutd_ = *std::move(rolloutd);
    auto load = pair.Load(pair.rolloutd_, 1, 1);
    if (!load.ok()) return load.status();
    const auto reply = (*load)->CallOnce();
    if (!reply.ok()) return reply.status();
    pair.reply_bytes_ = reply->size();
    auto echo = servers.Echo(pair.reply_bytes_);
    if (!echo.ok()) return echo.status();
    pair.echo_ = *std::move(echo);
    return pair;
  }

  // rolloutd, the echo, and `more` sides, in turn.
  absl::StatusOr<std::vector<Measured>> Measure(const LineOptions& options, const std::string& line,
                                                int in_flight, int connections,
                                                std::vector<Side> more, LineResult* result) {
    auto rolloutd = Load(rolloutd_, in_flight, connections);
    if (!rolloutd.ok()) return rolloutd.status();
    auto echo = Load(echo_, in_flight, connections);
    if (!echo.ok()) return echo.status();
    std::vector<Side> sides = {ServerSide(question_.name, rolloutd->get(), rolloutd_.process.get()),
                               ServerSide("echo", echo->get(), echo_.process.get())};
    for (Side& side : more) sides.push_back(std::move(side));
    return MeasureCells(options, sides,
                        {{"line", line},
                         {"in_flight", in_flight},
                         {"connections", connections},
                         {"request_bytes", question_.request.size()},
                         {"reply_bytes", reply_bytes_}},
                        result);
  }

 private:
  absl::StatusOr<std::unique_ptr<CallLoad>> Load(const BenchServer& server, int in_flight,
                                                 int connections) const {
    CallLoad::Options options;
    options.address = server.address;
    options.method = question_.method;
    options.requests = {question_.request};
    options.in_flight = in_flight;
    options.connections = connections;
    return CallLoad::Connect(std::move(options));
  }

  Question question_;
  BenchServer rolloutd_, echo_;
  size_t reply_bytes_ = 0;
};

// One question at one and at 32 in flight; the goals hold where `goals`.
absl::Status AddOverhead(const LineOptions& options, const TransitionModel& model,
                         Question question, bool goals, LineResult* result) {
  auto pair = Pair::Start(options, model, std::move(question));
  if (!pair.ok()) return pair.status();
  const auto lone = pair->Measure(options, "overhead", 1, 1, {}, result);
  if (!lone.ok()) return lone.status();
  result->ratios.push_back(
      RatioOfP50("overhead", (*lone)[0], (*lone)[1], goals ? kOverheadGoal : 0));
  const auto many = pair->Measure(options, "overhead", 32, 4, {}, result);
  if (!many.ok()) return many.status();
  result->ratios.push_back(
      RatioOfRate("overhead", (*many)[0], (*many)[1], goals ? kThroughputGoal : 0));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LineResult> MeasureOverhead(const LineOptions& options) {
  LineResult result;
  const TransitionModel smallest = SmallestModel();
  auto request = RolloutRequestBytes(smallest.spec, kOneStep);
  if (!request.ok()) return request.status();
  absl::Status done = AddOverhead(options, smallest,
                                  {"Rollout, smallest", kRolloutMethod, *request}, true, &result);
  if (!done.ok()) return done;
  done = AddOverhead(
      options, smallest,
      {"ModelInfer, smallest", kInferMethod, InferRequestBytes(smallest.spec, kOneStep)}, false,
      &result);
  if (!done.ok()) return done;
  const auto hopper = HopperSizedModel();
  if (!hopper.ok()) return hopper.status();
  request = RolloutRequestBytes(hopper->spec, kOneStep);
  if (!request.ok()) return request.status();
  done = AddOverhead(options, *hopper, {"Rollout, Hopper's size", kRolloutMethod, *request}, false,
                     &result);
  if (!done.ok()) return done;
  return result;
}

absl::StatusOr<LineResult> MeasureLargeReplies(const LineOptions& options) {
  LineResult result;
  const TransitionModel wide = WideModel();
  auto request = RolloutRequestBytes(wide.spec, kOneMebibyte);
  if (!request.ok()) return request.status();
  auto pair = Pair::Start(options, wide, {"Rollout, 1 MiB", kRolloutMethod, *std::move(request)});
  if (!pair.ok()) return pair.status();
  auto engine =
      EngineSide::Make(wide, {kOneMebibyte}, static_cast<int>(options.server_cores.size()));
  if (!engine.ok()) return engine.status();
  Side compute{.name = "engine alone",
               .run = [&](absl::Duration duration) { return (*engine)->Run(duration); },
               .transitions = {(*engine)->transitions()},
               .cpu_time = nullptr};
  const auto measured = pair->Measure(options, "1 MiB replies", 1, 1, {compute}, &result);
  if (!measured.ok()) return measured.status();
  Measured beyond = (*measured)[0];
  beyond.name += ", beyond its computation";
  beyond.p50_seconds -= (*measured)[2].p50_seconds;
  for (size_t i = 0; i < beyond.round_p50.size(); ++i) {
    beyond.round_p50[i] -= (*measured)[2].round_p50[i];
  }
  result.ratios.push_back(RatioOfP50("1 MiB replies", beyond, (*measured)[1], kLargeReplyGoal));
  result.ratios.push_back(RatioOfP50("1 MiB replies", (*measured)[0], (*measured)[1], 0));
  return result;
}

}  // namespace rollout::bench
