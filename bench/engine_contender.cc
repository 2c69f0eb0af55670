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
    engine_.reset();
    auto engine = module_->create(work.model, {.device = "cpu", .threads = threads_});
    if (!engine.ok()) return engine.status();
    engine_ = *std::move(engine);
    gradient_ = work.gradient;
    return gradient_ ? PrepareGradient(work) : PrepareRollout(work);
  }

  absl::StatusOr<RunTime> Run() override {
    const double cpu_start = ProcessMilliseconds();
    const auto start = std::chrono::steady_clock::now();
    const absl::Status status = gradient_
                                    ? engine_->Gradient(absl::MakeConstSpan(&gradient_job_, 1))
                                    : engine_->Rollout(absl::MakeConstSpan(&job_, 1));
    if (!status.ok()) return status;
    const auto end = std::chrono::steady_clock::now();
    return RunTime{.ms = std::chrono::duration<double, std::milli>(end - start).count(),
                   .cpu_ms = ProcessMilliseconds() - cpu_start};
  }

  absl::StatusOr<std::vector<float>> Result() override { return result_; }

 private:
  absl::Status PrepareRollout(const Case& work) {
    result_.resize(size_t(work.batch) * (work.horizon + 1) * work.model.spec.state_size());
    job_ = RolloutJob();
    job_.lanes = work.batch;
    job_.horizon = work.horizon;
    job_.initial_states = work.initial;
    job_.controls = work.controls;
    job_.trajectory = absl::MakeSpan(result_);
    return Run().status();
  }

  absl::Status PrepareGradient(const Case& work) {
    result_.resize(work.controls.size());
    cotangents_.assign(work.initial.size(), 1.0f);
    gradient_job_ = GradientJob();
    gradient_job_.lanes = work.batch;
    gradient_job_.horizon = work.horizon;
    gradient_job_.initial_states = work.initial;
    gradient_job_.controls = work.controls;
    gradient_job_.final_state_cotangents = cotangents_;
    gradient_job_.controls_gradient = absl::MakeSpan(result_);
    return Run().status();
  }

  const std::string name_;
  const EngineModule* const module_;
  const int threads_;
  std::unique_ptr<Engine> engine_;
  bool gradient_ = false;
  RolloutJob job_;
  GradientJob gradient_job_;
  std::vector<float> result_, cotangents_;
};

}  // namespace

std::unique_ptr<Contender> MakeEngineContender(const std::string& name, const EngineModule* module,
                                               int threads) {
  return std::make_unique<EngineContender>(name, module, threads);
}

}  // namespace rollout::bench
