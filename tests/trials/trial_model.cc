#include "tests/trials/trial_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "models/engines/fused/fused_engine.h"
#include "tests/support/random_model.h"

namespace rollout {

absl::StatusOr<TransitionModelSpec> TrialSpec(const std::string& model) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kConstantAcceleration;
  if (model == "small") {
    choice.num_positions = 2;
    choice.num_controls = 2;
    choice.hidden_sizes = {32, 32};
    choice.substeps = 4;
  } else if (model == "large") {
    choice.num_positions = 6;
    choice.num_controls = 3;
    choice.hidden_sizes = {128, 128};
    choice.substeps = 8;
  } else if (model == "heavy") {
    choice.num_positions = 2;
    choice.num_controls = 2;
    choice.hidden_sizes = {2048, 2048};
    choice.substeps = 1;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("model: got ", model, ", expected small, large or heavy"));
  }
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = model;
  return spec;
}

CheckpointContent TrialContent(const TransitionModelSpec& spec, uint64_t seed) {
  CheckpointContent content;
  content.model = RandomModel(spec, seed);
  return content;
}

std::vector<TrialQuery> MakeTrialQueries(const TransitionModelSpec& spec, const QueryShape& shape) {
  std::vector<TrialQuery> queries(kTrialQueries);
  for (int i = 0; i < kTrialQueries; ++i) {
    TrialQuery& query = queries[i];
    query.states = RandomStates(spec, shape.lanes, i);
    query.controls = RandomControls(spec, shape.lanes, shape.horizon, i);
    RolloutArguments& arguments = query.arguments;
    arguments.model = spec.name;
    arguments.lanes = shape.lanes;
    arguments.horizon = shape.horizon;
    arguments.num_initial_states = shape.lanes;
    arguments.initial_states = query.states;
    arguments.controls = query.controls;
    arguments.outputs.trajectory = false;
    arguments.outputs.final_state = true;
    arguments.id = absl::StrCat(i);
  }
  return queries;
}

uint64_t Digest(absl::Span<const float> numbers) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(numbers.data());
  uint64_t digest = 0xcbf29ce484222325;
  for (size_t i = 0; i < numbers.size() * sizeof(float); ++i) {
    digest = (digest ^ bytes[i]) * 0x100000001b3;
  }
  return digest;
}

RightAnswers::RightAnswers(TransitionModelSpec spec, const QueryShape& shape,
                           std::function<uint64_t(uint64_t)> seed_of)
    : spec_(std::move(spec)),
      queries_(MakeTrialQueries(spec_, shape)),
      seed_of_(std::move(seed_of)) {}

absl::StatusOr<uint64_t> RightAnswers::DigestOf(uint64_t version, int query) {
  const uint64_t seed = seed_of_(version);
  std::vector<uint64_t>& digests = digests_[seed];
  if (digests.empty()) {
    const TransitionModel model = RandomModel(spec_, seed);
    const auto engine = FusedCpuEngineModule().create(model, {.device = "cpu", .threads = 1});
    if (!engine.ok()) return engine.status();
    std::vector<std::vector<float>> final_states(queries_.size());
    std::vector<RolloutJob> jobs(queries_.size());
    for (size_t i = 0; i < queries_.size(); ++i) {
      jobs[i].lanes = queries_[i].arguments.lanes;
      jobs[i].horizon = queries_[i].arguments.horizon;
      jobs[i].initial_states = queries_[i].states;
      jobs[i].controls = queries_[i].controls;
      final_states[i].resize(jobs[i].lanes * spec_.state_size());
      jobs[i].final_state = absl::MakeSpan(final_states[i]);
    }
    if (absl::Status computed = (*engine)->Rollout(jobs); !computed.ok()) return computed;
    for (const std::vector<float>& final_state : final_states) {
      digests.push_back(Digest(final_state));
    }
  }
  return digests.at(query);
}

}  // namespace rollout
