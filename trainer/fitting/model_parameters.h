// The flat array of numbers that a fit learns, and the transition model that it stands for.
#ifndef ROLLOUT_TRAINER_FITTING_MODEL_PARAMETERS_H_
#define ROLLOUT_TRAINER_FITTING_MODEL_PARAMETERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/transition_model.h"
#include "trainer/fitting/data_statistics.h"

namespace rollout {

// One learned tensor of every member.
struct LearnedTensor {
  std::string name;            // "mlp.0.weight"
  std::vector<int64_t> shape;  // of one member: without the leading axis of members
  int64_t offset = 0;          // within a member's parameters
  int64_t size = 0;
};

// A network that sees raw features when served learns on standardised ones: its first layer is
// W (x - mean) / std + b while fitting, and its last layer's output is multiplied by
// `output_scale`. Both fold into the served layers exactly.
struct NetworkScaling {
  std::string network;  // "potential"
  std::vector<float> input_mean;
  std::vector<float> input_std;
  std::vector<float> output_std;
};

// What stands before and after a network: it sees (x - input_mean) / input_std, and its output y
// counts as output_std y + output_mean. Empty = 0 and 1.
struct NetworkScale {
  absl::Span<const float> input_mean, input_std, output_mean, output_std;
};

// How the parameters of a fit become a transition model and the other way round. Parameters lie
// member after member, each tensor of a member at a multiple of 16 floats (so that they are aligned
// alike in every run, which keeps results the same bit for bit). Immutable.
class ModelParameters {
 public:
  // `spec` must be valid. Normalisers and scalings follow from `statistics`.
  ModelParameters(const TransitionModelSpec& spec, const DataStatistics& statistics);

  const TransitionModelSpec& spec() const { return spec_; }
  int64_t member_size() const { return member_size_; }
  int64_t size() const { return member_size_ * spec_.ensemble_size; }
  const std::vector<LearnedTensor>& tensors() const { return tensors_; }
  const LearnedTensor* Find(const std::string& name) const;
  const std::vector<NetworkScaling>& scalings() const { return scalings_; }
  // input.mean, input.std, output.mean, output.std where the kind has them.
  const std::vector<NamedTensor>& normalisers() const { return normalisers_; }
  // Empty where the kind has none of that name.
  absl::Span<const float> normaliser(const std::string& name) const;
  // What stands before and after `network` while fitting: its scaling, or the normalisers.
  NetworkScale ScaleOf(const std::string& network) const;

  // Random parameters: orthogonal weights of gain 1/2 and zero biases (as the paper's code has
  // them); the mass begins near the identity. Every member has its own.
  std::vector<float> Initialise(uint64_t seed) const;

  // The transition model that `parameters` stand for.
  TransitionModel ToModel(absl::Span<const float> parameters) const;

  // Parameters that stand for `model` under this fit's own normalisers: the same function of state
  // and control to rounding. INVALID_ARGUMENT where its architecture is another, naming what
  // differs.
  absl::StatusOr<std::vector<float>> FromModel(const TransitionModel& model) const;

 private:
  // Changes one layer ("mlp.0"), so that of inputs on the scale `to` it makes what it made of those
  // on `from`.
  void ChangeInputScale(const std::string& layer, const NetworkScale& from, const NetworkScale& to,
                        float* member) const;
  // Changes the first and the last layer of `network` in one member's parameters, so that between
  // `to` it is the function that it was between `from`.
  void ChangeScale(const std::string& network, const NetworkScale& from, const NetworkScale& to,
                   float* member) const;

  TransitionModelSpec spec_;
  int64_t member_size_ = 0;
  std::vector<LearnedTensor> tensors_;
  std::vector<NetworkScaling> scalings_;
  std::vector<NamedTensor> normalisers_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_MODEL_PARAMETERS_H_
