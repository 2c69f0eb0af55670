#include "trainer/sac/actor_file.h"

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "models/checkpoint/safetensors.h"

namespace rollout {
namespace {

constexpr char kFormat[] = "rollout_actor_v1";

std::string JoinNumbers(const std::vector<double>& numbers) {
  return absl::StrJoin(numbers, ",", [](std::string* out, double number) {
    absl::StrAppendFormat(out, "%.17g", number);
  });
}

// Takes entries and tensors out of a file one by one; what is left at the end is unknown.
class ActorFields {
 public:
  explicit ActorFields(Safetensors file) : metadata_(std::move(file.metadata)) {
    for (NamedTensor& tensor : file.tensors) tensors_[tensor.name] = std::move(tensor);
  }

  absl::StatusOr<std::string> Text(const std::string& key) {
    const auto entry = metadata_.extract(key);
    if (entry.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("metadata lack the entry \"", key, "\""));
    }
    return entry.mapped();
  }

  absl::StatusOr<std::vector<double>> Numbers(const std::string& key) {
    absl::StatusOr<std::string> text = Text(key);
    if (!text.ok()) return text.status();
    std::vector<double> numbers;
    for (absl::string_view part : absl::StrSplit(*text, ',')) {
      double number = 0.0;
      if (!absl::SimpleAtod(part, &number) || !std::isfinite(number)) {
        return absl::InvalidArgumentError(absl::StrCat("metadata entry \"", key, "\" is \"", *text,
                                                       "\", expected finite numbers separated by "
                                                       "commas"));
      }
      numbers.push_back(number);
    }
    return numbers;
  }

  absl::StatusOr<ActorLayer> Layer(const std::string& name) {
    const auto weight = tensors_.extract(name + ".weight");
    const auto bias = tensors_.extract(name + ".bias");
    if (weight.empty() || bias.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", name, weight.empty() ? ".weight" : ".bias", " is missing"));
    }
    const std::vector<int64_t>& shape = weight.mapped().shape;
    if (shape.size() != 2 || bias.mapped().shape != std::vector<int64_t>{shape[0]}) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensors ", name, ".weight [", absl::StrJoin(shape, ", "), "] and ", name, ".bias [",
          absl::StrJoin(bias.mapped().shape, ", "), "], expected [outputs, inputs] and [outputs]"));
    }
    return ActorLayer{.inputs = static_cast<int>(shape[1]),
                      .outputs = static_cast<int>(shape[0]),
                      .weight = std::move(weight.mapped().data),
                      .bias = std::move(bias.mapped().data)};
  }

  absl::Status CheckNothingLeft() const {
    if (!tensors_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", tensors_.begin()->first,
                                                     " belongs to no layer that the metadata "
                                                     "name"));
    }
    return absl::OkStatus();
  }

 private:
  std::map<std::string, std::string> metadata_;
  std::map<std::string, NamedTensor> tensors_;
};

// The parts of ParseActor that may fail, each into its place.
template <typename T>
bool Take(absl::StatusOr<T> value, T* place, absl::Status* status) {
  if (!status->ok()) return false;
  if (!value.ok()) {
    *status = value.status();
    return false;
  }
  *place = *std::move(value);
  return true;
}

absl::StatusOr<Actor> ParseActor(Safetensors file) {
  ActorFields fields(std::move(file));
  Actor actor;
  absl::Status status;
  std::string format, activation, hidden_layers, mean_layer, log_std_layer;
  std::vector<double> log_std_range;
  Take(fields.Text("format"), &format, &status);
  Take(fields.Text("system"), &actor.system, &status);
  Take(fields.Text("observation"), &actor.observation, &status);
  Take(fields.Text("activation"), &activation, &status);
  Take(fields.Text("hidden_layers"), &hidden_layers, &status);
  Take(fields.Text("mean_layer"), &mean_layer, &status);
  Take(fields.Text("log_std_layer"), &log_std_layer, &status);
  Take(fields.Numbers("log_std_range"), &log_std_range, &status);
  Take(fields.Numbers("control_low"), &actor.control_low, &status);
  Take(fields.Numbers("control_high"), &actor.control_high, &status);
  if (!status.ok()) return status;
  if (format != kFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("metadata entry \"format\" is \"", format, "\", expected \"", kFormat, "\""));
  }
  if (activation != "RELU" && activation != "TANH") {
    return absl::InvalidArgumentError(absl::StrCat("metadata entry \"activation\" is \"",
                                                   activation, "\", expected RELU or TANH"));
  }
  if (log_std_range.size() != 2) {
    return absl::InvalidArgumentError("metadata entry \"log_std_range\": expected two numbers");
  }
  actor.activation = activation == "RELU" ? ActorActivation::kRelu : ActorActivation::kTanh;
  actor.log_std_low = log_std_range[0];
  actor.log_std_high = log_std_range[1];
  for (absl::string_view name : absl::StrSplit(hidden_layers, ',', absl::SkipEmpty())) {
    if (!Take(fields.Layer(std::string(name)), &actor.hidden.emplace_back(), &status))
      return status;
  }
  Take(fields.Layer(mean_layer), &actor.mean, &status);
  Take(fields.Layer(log_std_layer), &actor.log_std, &status);
  if (status.ok()) status = fields.CheckNothingLeft();
  if (status.ok()) status = ValidateActor(actor);
  if (!status.ok()) return status;
  return actor;
}

void AppendLayer(const std::string& name, const ActorLayer& layer,
                 std::vector<NamedTensor>* tensors) {
  tensors->push_back({name + ".weight", {layer.outputs, layer.inputs}, layer.weight});
  tensors->push_back({name + ".bias", {layer.outputs}, layer.bias});
}

}  // namespace

absl::StatusOr<Actor> ReadActorFile(const std::string& path) {
  absl::StatusOr<Safetensors> file = ReadSafetensorsFile(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<Actor> actor = ParseActor(*std::move(file));
  if (!actor.ok()) {
    return absl::Status(actor.status().code(), absl::StrCat(path, ": ", actor.status().message()));
  }
  return actor;
}

absl::Status WriteActorFile(const std::string& path, const Actor& actor) {
  if (absl::Status status = ValidateActor(actor); !status.ok()) return status;
  std::vector<NamedTensor> tensors;
  std::vector<std::string> hidden_layers;
  for (size_t i = 0; i < actor.hidden.size(); ++i) {
    // The names of Stable-Baselines3, whose Sequential counts activations too.
    hidden_layers.push_back(absl::StrCat("latent_pi.", 2 * i));
    AppendLayer(hidden_layers.back(), actor.hidden[i], &tensors);
  }
  AppendLayer("mu", actor.mean, &tensors);
  AppendLayer("log_std", actor.log_std, &tensors);
  return WriteSafetensorsFile(
      path, tensors,
      {{"format", kFormat},
       {"system", actor.system},
       {"observation", actor.observation},
       {"activation", actor.activation == ActorActivation::kRelu ? "RELU" : "TANH"},
       {"hidden_layers", absl::StrJoin(hidden_layers, ",")},
       {"mean_layer", "mu"},
       {"log_std_layer", "log_std"},
       {"log_std_range", JoinNumbers({actor.log_std_low, actor.log_std_high})},
       {"control_low", JoinNumbers(actor.control_low)},
       {"control_high", JoinNumbers(actor.control_high)}});
}

}  // namespace rollout
