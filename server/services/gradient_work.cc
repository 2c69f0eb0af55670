#include "server/services/gradient_work.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/engines/linearize.h"
#include "server/services/gradient_query.h"

namespace rollout {
namespace {

// No version is as large as that: what exceeds int64 is as unknown as the largest.
VersionChoice Choice(uint64_t version, const std::string& label) {
  return {static_cast<int64_t>(std::min<uint64_t>(version, std::numeric_limits<int64_t>::max())),
          label};
}

template <typename Number>
void Fill(const std::vector<Number>& values, v1::Tensor::DataType dtype,
          std::initializer_list<int64_t> shape, v1::Tensor* tensor) {
  tensor->set_dtype(dtype);
  for (const int64_t size : shape) tensor->add_shape(static_cast<uint64_t>(size));
  tensor->set_data(values.data(), values.size() * sizeof(Number));
}

// A query for one version, and the message that it is answered by.
template <typename Reply>
class QueriedWork : public AloneWork {
 public:
  QueriedWork(ServableHandle servable, GradientQuery query, std::string id, Reply* reply)
      : servable_(std::move(servable)),
        query_(std::move(query)),
        id_(std::move(id)),
        reply_(reply) {}

  Servable& servable() override { return *servable_; }

 protected:
  void WriteVersion() {
    reply_->set_model(servable_->name());
    reply_->set_version(static_cast<uint64_t>(servable_->version()));
    reply_->set_id(id_);
  }

  const ServableHandle servable_;
  const GradientQuery query_;
  const std::string id_;
  Reply* const reply_;
};

class GradientWork final : public QueriedWork<v1::GradientReply> {
 public:
  using QueriedWork::QueriedWork;

  int64_t lanes() const override { return query_.lanes; }
  int64_t horizon() const override { return query_.horizon; }
  int64_t num_bytes() const override { return query_.num_bytes(); }

  absl::Status Compute(Engine& engine, const std::atomic<bool>& cancelled) override {
    const size_t lanes = static_cast<size_t>(query_.lanes);
    const int64_t nu = servable_->spec().num_controls;
    const std::vector<float> controls = HeldRows(query_.controls, query_.hold, nu);
    by_controls_.resize(controls.size());
    by_initial_.resize(query_.initial_states.size());
    if (query_.of_return) total_return_.resize(lanes);
    final_state_.resize(lanes * static_cast<size_t>(servable_->spec().state_size()));
    first_non_finite_step_.resize(lanes);
    GradientJob job;
    job.lanes = query_.lanes;
    job.horizon = query_.horizon;
    job.initial_states = query_.initial_states;
    job.controls = controls;
    job.cancelled = &cancelled;
    job.trajectory_cotangents = query_.trajectory_cotangents;
    job.final_state_cotangents = query_.final_state_cotangents;
    job.of_return = query_.of_return;
    job.discount = query_.discount;
    DiagonalCost cost;
    if (query_.cost) {
      cost = query_.cost->View();
      job.cost = &cost;
    }
    job.controls_gradient = absl::MakeSpan(by_controls_);
    job.initial_state_gradient = absl::MakeSpan(by_initial_);
    job.total_return = absl::MakeSpan(total_return_);
    job.final_state = absl::MakeSpan(final_state_);
    job.first_non_finite_step = absl::MakeSpan(first_non_finite_step_);
    return engine.Gradient({&job, 1});
  }

  void WriteReply() override {
    const int64_t state = servable_->spec().state_size();
    const int64_t nu = servable_->spec().num_controls;
    by_controls_ = SummedRows(by_controls_, query_.hold, nu);
    ZeroCutOff(query_, nu, 1, 1, &by_controls_);
    WriteVersion();
    Fill(by_controls_, v1::Tensor::FP32, {query_.lanes, query_.horizon / query_.hold, nu},
         reply_->mutable_controls());
    Fill(by_initial_, v1::Tensor::FP32, {static_cast<int64_t>(by_initial_.size()) / state, state},
         reply_->mutable_initial_states());
    if (query_.of_return) {
      Fill(total_return_, v1::Tensor::FP32, {query_.lanes}, reply_->mutable_total_return());
    }
    Fill(final_state_, v1::Tensor::FP32, {query_.lanes, state}, reply_->mutable_final_state());
    Fill(first_non_finite_step_, v1::Tensor::INT32, {query_.lanes},
         reply_->mutable_first_non_finite_step());
  }

 private:
  std::vector<float> by_controls_, by_initial_, total_return_, final_state_;
  std::vector<int32_t> first_non_finite_step_;
};

class LinearizeWork final : public QueriedWork<v1::LinearizeReply> {
 public:
  using QueriedWork::QueriedWork;

  int64_t lanes() const override { return 1; }
  // A rollout, and back from every number of every state.
  int64_t horizon() const override { return query_.horizon * (1 + servable_->spec().state_size()); }
  int64_t num_bytes() const override {
    return query_.num_bytes() + static_cast<int64_t>(Numbers() * sizeof(float));
  }

  absl::Status Compute(Engine& engine, const std::atomic<bool>& cancelled) override {
    const TransitionModelSpec& spec = servable_->spec();
    const size_t state = static_cast<size_t>(spec.state_size());
    const size_t horizon = static_cast<size_t>(query_.horizon);
    const std::vector<float> controls = HeldRows(query_.controls, query_.hold, spec.num_controls);
    trajectory_.resize((horizon + 1) * state);
    by_state_.resize(horizon * state * state);
    by_control_.resize(horizon * state * static_cast<size_t>(spec.num_controls));
    LinearizeJob job;
    job.horizon = query_.horizon;
    job.initial_state = query_.initial_states;
    job.controls = controls;
    job.cancelled = &cancelled;
    job.trajectory = absl::MakeSpan(trajectory_);
    job.state_jacobians = absl::MakeSpan(by_state_);
    job.control_jacobians = absl::MakeSpan(by_control_);
    return Linearize(engine, spec, job);
  }

  void WriteReply() override {
    const int64_t state = servable_->spec().state_size();
    const int64_t nu = servable_->spec().num_controls;
    ZeroCutOff(query_, nu, query_.hold, state, &by_control_);
    WriteVersion();
    Fill(trajectory_, v1::Tensor::FP32, {query_.horizon + 1, state}, reply_->mutable_trajectory());
    Fill(by_state_, v1::Tensor::FP32, {query_.horizon, state, state},
         reply_->mutable_state_jacobians());
    Fill(by_control_, v1::Tensor::FP32, {query_.horizon, state, nu},
         reply_->mutable_control_jacobians());
  }

 private:
  size_t Numbers() const {
    const size_t state = static_cast<size_t>(servable_->spec().state_size());
    const size_t columns = 1 + state + static_cast<size_t>(servable_->spec().num_controls);
    return static_cast<size_t>(query_.horizon + 1) * state * columns;
  }

  std::vector<float> trajectory_, by_state_, by_control_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AloneWork>> MakeGradientWork(const v1::GradientRequest& request,
                                                            VersionSource* versions,
                                                            const RequestLimits& limits,
                                                            v1::GradientReply* reply) {
  auto servable = versions->Find(request.model(), Choice(request.version(), request.label()));
  if (!servable.ok()) return servable.status();
  auto query = MakeGradientQuery((*servable)->spec(), request, limits);
  if (!query.ok()) return query.status();
  return std::make_unique<GradientWork>(*std::move(servable), *std::move(query), request.id(),
                                        reply);
}

absl::StatusOr<std::unique_ptr<AloneWork>> MakeLinearizeWork(const v1::LinearizeRequest& request,
                                                             VersionSource* versions,
                                                             const RequestLimits& limits,
                                                             v1::LinearizeReply* reply) {
  auto servable = versions->Find(request.model(), Choice(request.version(), request.label()));
  if (!servable.ok()) return servable.status();
  auto query = MakeLinearizeQuery((*servable)->spec(), request, limits);
  if (!query.ok()) return query.status();
  return std::make_unique<LinearizeWork>(*std::move(servable), *std::move(query), request.id(),
                                         reply);
}

}  // namespace rollout
