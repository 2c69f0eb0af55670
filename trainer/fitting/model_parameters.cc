#include "trainer/fitting/model_parameters.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "trainer/fitting/orthogonal.h"

namespace rollout {
namespace {

constexpr double kGain = 0.5;
// softplus(kUnitDiagonal) = 1: the mass begins at the identity.
constexpr double kUnitDiagonal = 0.5413248546129181;

bool IsNormaliser(const std::string& name) {
  return absl::StartsWith(name, "input.") || absl::StartsWith(name, "output.");
}

std::string Layer(const std::string& network, size_t layer, const char* part) {
  return absl::StrCat(network, ".", layer, ".", part);
}

std::vector<float> ToFloat(absl::Span<const double> values) {
  std::vector<float> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(),
                 [](double value) { return static_cast<float>(value); });
  return result;
}

NetworkScale Fitted(const NetworkScaling& scaling) {
  return {scaling.input_mean, scaling.input_std, {}, scaling.output_std};
}

std::vector<double> Slice(const std::vector<double>& values, size_t begin, size_t size) {
  return {values.begin() + begin, values.begin() + begin + size};
}

// The networks of `spec` that see raw features, scaled by the data.
std::vector<NetworkScaling> MakeScalings(const TransitionModelSpec& spec,
                                         const DataStatistics& statistics) {
  const size_t n = spec.num_positions;
  const size_t features = spec.num_features();
  // The energy's scale: force times distance, at unit mass.
  double energy = 0.0;
  for (size_t i = 0; i < n; ++i) {
    energy += statistics.rate_std[n + i] * statistics.state_scale[i] / static_cast<double>(n);
  }
  const absl::Span<const double> input_mean = statistics.input_mean;
  const absl::Span<const double> input_std = statistics.input_std;
  std::vector<NetworkScaling> scalings;
  const auto add = [&](const char* network, size_t inputs, size_t outputs, double output_scale) {
    NetworkScaling& scaling = scalings.emplace_back();
    scaling.network = network;
    scaling.input_mean = ToFloat(input_mean.first(inputs));
    scaling.input_std = ToFloat(input_std.first(inputs));
    scaling.output_std.assign(outputs, static_cast<float>(output_scale));
  };
  switch (spec.dynamics.kind) {
    case DynamicsKind::kHnn:
      add("potential", features, 1, energy);
      break;
    case DynamicsKind::kHnnNonseparable:
    case DynamicsKind::kHnnCanonical:
      add("hamiltonian", features + n, 1, energy);
      break;
    default:
      break;
  }
  if (spec.dynamics.mass == MassKind::kLearned) {
    add("mass", features, n * (n + 1) / 2, 1.0);
  }
  return scalings;
}

std::vector<NamedTensor> MakeNormalisers(const TransitionModelSpec& spec,
                                         const DataStatistics& statistics) {
  const size_t n = spec.num_positions;
  std::vector<double> input_mean = statistics.input_mean, input_std = statistics.input_std;
  std::vector<double> output_mean = statistics.rate_mean, output_std = statistics.rate_std;
  const DynamicsKind kind = spec.dynamics.kind;
  if (kind != DynamicsKind::kNode && kind != DynamicsKind::kNodeRecurrent) {
    output_mean = Slice(output_mean, n, n);
    output_std = Slice(output_std, n, n);
  }
  if (kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable) {
    // The force adds to -dH/dq, which takes up the mean acceleration as well.
    std::fill(output_mean.begin(), output_mean.end(), 0.0);
  }
  if (kind == DynamicsKind::kMechanics && spec.dynamics.mass == MassKind::kLearned) {
    // The middle slots are momenta, whose scale is learned.
    const size_t features = spec.num_features();
    std::fill_n(input_mean.begin() + features, n, 0.0);
    std::fill_n(input_std.begin() + features, n, 1.0);
  }
  const auto tensor = [](const char* name, const std::vector<double>& values) {
    return NamedTensor{name, {static_cast<int64_t>(values.size())}, ToFloat(values)};
  };
  return {tensor("input.mean", input_mean), tensor("input.std", input_std),
          tensor("output.mean", output_mean), tensor("output.std", output_std)};
}

// `absent` beyond the end: no scale, or an input that has none, as a network's memory.
double At(absl::Span<const float> values, int64_t i, double absent) {
  return i < static_cast<int64_t>(values.size()) ? values[i] : absent;
}

}  // namespace

ModelParameters::ModelParameters(const TransitionModelSpec& spec, const DataStatistics& statistics)
    : spec_(spec), scalings_(MakeScalings(spec, statistics)) {
  const std::vector<NamedTensor> normalisers = MakeNormalisers(spec, statistics);
  for (const TensorShape& tensor : ExpectedTensors(spec)) {
    if (IsNormaliser(tensor.name)) {
      for (const NamedTensor& normaliser : normalisers) {
        if (normaliser.name == tensor.name) normalisers_.push_back(normaliser);
      }
      continue;
    }
    LearnedTensor learned;
    learned.name = tensor.name;
    learned.shape.assign(tensor.shape.begin() + 1, tensor.shape.end());
    learned.offset = member_size_;
    learned.size = 1;
    for (const int64_t extent : learned.shape) learned.size *= extent;
    member_size_ += (learned.size + 15) / 16 * 16;
    tensors_.push_back(std::move(learned));
  }
}

const LearnedTensor* ModelParameters::Find(const std::string& name) const {
  for (const LearnedTensor& tensor : tensors_) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

NetworkScale ModelParameters::ScaleOf(const std::string& network) const {
  for (const NetworkScaling& scaling : scalings_) {
    if (scaling.network == network) return Fitted(scaling);
  }
  return {normaliser("input.mean"), normaliser("input.std"), normaliser("output.mean"),
          normaliser("output.std")};
}

absl::Span<const float> ModelParameters::normaliser(const std::string& name) const {
  for (const NamedTensor& tensor : normalisers_) {
    if (tensor.name == name) return tensor.data;
  }
  return {};
}

void ModelParameters::ChangeInputScale(const std::string& layer, const NetworkScale& from,
                                       const NetworkScale& to, float* member) const {
  const LearnedTensor* layer_weight = Find(layer + ".weight");
  const int64_t inputs = layer_weight->shape[1];
  float* weight = member + layer_weight->offset;
  float* bias = member + Find(layer + ".bias")->offset;
  for (int64_t out = 0; out < layer_weight->shape[0]; ++out) {
    double shifted = bias[out];
    for (int64_t in = 0; in < inputs; ++in) {
      float& w = weight[out * inputs + in];
      const double per_unit = w / At(from.input_std, in, 1.0);
      shifted += per_unit * (At(to.input_mean, in, 0.0) - At(from.input_mean, in, 0.0));
      w = static_cast<float>(per_unit * At(to.input_std, in, 1.0));
    }
    bias[out] = static_cast<float>(shifted);
  }
}

void ModelParameters::ChangeScale(const std::string& network, const NetworkScale& from,
                                  const NetworkScale& to, float* member) const {
  ChangeInputScale(absl::StrCat(network, ".0"), from, to, member);
  const size_t last = spec_.dynamics.hidden_sizes.size();
  const LearnedTensor* last_weight = Find(Layer(network, last, "weight"));
  const int64_t hidden = last_weight->shape[1];
  float* weight = member + last_weight->offset;
  float* bias = member + Find(Layer(network, last, "bias"))->offset;
  for (int64_t out = 0; out < last_weight->shape[0]; ++out) {
    const double std = At(to.output_std, out, 1.0);
    const double ratio = At(from.output_std, out, 1.0) / std;
    for (int64_t in = 0; in < hidden; ++in) {
      weight[out * hidden + in] = static_cast<float>(weight[out * hidden + in] * ratio);
    }
    const double shift = At(from.output_mean, out, 0.0) - At(to.output_mean, out, 0.0);
    bias[out] = static_cast<float>(bias[out] * ratio + shift / std);
  }
}

std::vector<float> ModelParameters::Initialise(uint64_t seed) const {
  std::vector<float> parameters(size(), 0.0f);
  for (int member = 0; member < spec_.ensemble_size; ++member) {
    Random random(DeriveSeed(seed, static_cast<uint64_t>(member)));
    float* base = &parameters[member * member_size_];
    for (const LearnedTensor& tensor : tensors_) {
      if (tensor.shape.size() != 2) continue;
      const std::vector<float> weights =
          OrthogonalMatrix(tensor.shape[0], tensor.shape[1], kGain, random);
      std::copy(weights.begin(), weights.end(), base + tensor.offset);
    }
    if (spec_.dynamics.mass == MassKind::kLearned) {
      const LearnedTensor* bias = Find(Layer("mass", spec_.dynamics.hidden_sizes.size(), "bias"));
      for (int i = 0; i < spec_.num_positions; ++i) {
        base[bias->offset + i * (i + 3) / 2] = static_cast<float>(kUnitDiagonal);
      }
    }
  }
  return parameters;
}

TransitionModel ModelParameters::ToModel(absl::Span<const float> parameters) const {
  std::vector<float> served(parameters.begin(), parameters.end());
  for (int member = 0; member < spec_.ensemble_size; ++member) {
    for (const NetworkScaling& scaling : scalings_) {
      ChangeScale(scaling.network, Fitted(scaling), {}, &served[member * member_size_]);
    }
  }
  TransitionModel model;
  model.spec = spec_;
  for (const TensorShape& shape : ExpectedTensors(spec_)) {
    NamedTensor tensor{shape.name, shape.shape, {}};
    if (IsNormaliser(shape.name)) {
      const absl::Span<const float> values = normaliser(shape.name);
      tensor.data.assign(values.begin(), values.end());
    } else {
      const LearnedTensor* learned = Find(shape.name);
      for (int member = 0; member < spec_.ensemble_size; ++member) {
        const float* begin = &served[member * member_size_ + learned->offset];
        tensor.data.insert(tensor.data.end(), begin, begin + learned->size);
      }
    }
    model.weights.push_back(std::move(tensor));
  }
  return model;
}

absl::StatusOr<std::vector<float>> ModelParameters::FromModel(const TransitionModel& model) const {
  const auto differs = [&](const std::string& what, const std::string& found,
                           const std::string& expected) {
    return absl::InvalidArgumentError(absl::StrCat("cannot start from model ", model.spec.name,
                                                   ": ", what, " is ", found, ", this fit has ",
                                                   expected));
  };
  if (model.spec.dynamics.kind != spec_.dynamics.kind) {
    return differs("kind", Name(model.spec.dynamics.kind), Name(spec_.dynamics.kind));
  }
  const auto list = [](const std::vector<int>& values) {
    return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
  };
  if (model.spec.angular_positions != spec_.angular_positions) {
    return differs("angular_positions", list(model.spec.angular_positions),
                   list(spec_.angular_positions));
  }
  if (model.spec.ignored_positions != spec_.ignored_positions) {
    return differs("ignored_positions", list(model.spec.ignored_positions),
                   list(spec_.ignored_positions));
  }
  std::vector<float> parameters(size(), 0.0f);
  for (const TensorShape& shape : ExpectedTensors(spec_)) {
    const NamedTensor* tensor = FindTensor(model, shape.name);
    const auto extents = [](const std::vector<int64_t>& values) {
      return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
    };
    if (tensor == nullptr || tensor->shape != shape.shape) {
      return differs(absl::StrCat("tensor ", shape.name),
                     tensor == nullptr ? "missing" : extents(tensor->shape), extents(shape.shape));
    }
    if (IsNormaliser(shape.name)) continue;
    const LearnedTensor* learned = Find(shape.name);
    for (int member = 0; member < spec_.ensemble_size; ++member) {
      std::copy_n(&tensor->data[member * learned->size], learned->size,
                  &parameters[member * member_size_ + learned->offset]);
    }
  }

  const std::string normalised = Find("mlp.0.weight") != nullptr ? "mlp" : "force";
  for (int member = 0; member < spec_.ensemble_size; ++member) {
    float* base = &parameters[member * member_size_];
    for (const NetworkScaling& scaling : scalings_) {
      ChangeScale(scaling.network, {}, Fitted(scaling), base);
    }
    if (normalisers_.empty()) continue;
    const NetworkScale from = {
        FindTensor(model, "input.mean")->data, FindTensor(model, "input.std")->data,
        FindTensor(model, "output.mean")->data, FindTensor(model, "output.std")->data};
    const NetworkScale to = {normaliser("input.mean"), normaliser("input.std"),
                             normaliser("output.mean"), normaliser("output.std")};
    ChangeScale(normalised, from, to, base);
    if (spec_.dynamics.kind == DynamicsKind::kNodeRecurrent) {
      ChangeInputScale("gru.input", from, to, base);
    }
  }
  return parameters;
}

}  // namespace rollout
