#include <time.h>

#include <chrono>
#include <utility>

#include "absl/types/span.h"
#include "bench/contender.h"

namespace rollout::bench {
namespace {

// Processor time that all threads of this process have used.
double ProcessMilliseconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

class EngineContender final : public Contender {
 public:
  EngineContender(std::string name, const EngineModule* module, int threads)
      : name_(std::move(name)), module_(module), threads_(threads) {}

  std::string name() const override { return name_; }
  std::string device() const override { return engine_ ? engine_->info().device : ""; }
  int threads() const override { return threads_; }

  absl::Status Prepare(const Case& work) override {
    if (work.gradient) return absl::UnimplementedError("the engine has no gradient");
    engine_.reset();
    auto engine = module_->create(work.model, {.device = "cpu", .threads = threads_});
    if (!engine.ok()) return engine.status();
    engine_ = *std::move(engine);
    result_.resize(size_t(work.batch) * (work.horizon + 1) * work.model.spec.state_size());
    job_ = RolloutJob();
    job_.lanes = work.batch;
    job_.horizon = work.horizon;
    job_.initial_states = work.initial;
    job_.controls = work.controls;
    job_.trajectory = absl::MakeSpan(result_);
    return Run().status();
  }

  absl::StatusOr<RunTime> Run() override {
    const double cpu_start = ProcessMilliseconds();
    const auto start = std::chrono::steady_clock::now();
    if (absl::Status status = engine_->Rollout(absl::MakeConstSpan(&job_, 1)); !status.ok()) {
      return status;
    }
    const auto end = std::chrono::steady_clock::now();
    return RunTime{.ms = std::chrono::duration<double, std::milli>(end - start).count(),
                   .cpu_ms = ProcessMilliseconds() - cpu_start};
  }

  absl::StatusOr<std::vector<float>> Result() override { return result_; }

 private:
  const std::string name_;
  const EngineModule* const module_;
  const int threads_;
  std::unique_ptr<Engine> engine_;
  RolloutJob job_;
  std::vector<float> result_;
};

}  // namespace

std::unique_ptr<Contender> MakeEngineContender(const std::string& name, const EngineModule* module,
                                               int threads) {
  return std::make_unique<EngineContender>(name, module, threads);
}

}  // namespace rollout::bench
