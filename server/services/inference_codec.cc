#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "inference/grpc_service.pb.h"
#include "models/checkpoint/repository.h"
#include "server/services/inference_tensors.h"
#include "server/services/message_bytes.h"
#include "server/services/reply_writer.h"
#include "server/services/rollout_codec.h"

namespace rollout {
namespace {

using Request = inference::ModelInferRequest;
using Parameters = google::protobuf::Map<std::string, inference::InferParameter>;

std::string Names(const std::vector<InferenceTensor>& tensors) {
  return absl::StrJoin(tensors, ", ", [](std::string* out, const InferenceTensor& tensor) {
    out->append(tensor.name);
  });
}

// "" is the server's choice.
absl::StatusOr<int64_t> Version(const std::string& text) {
  if (text.empty()) return 0;
  const std::optional<int64_t> version = ParseVersion(text);
  if (version) return *version;
  return absl::InvalidArgumentError(absl::StrCat("model_version: got \"", text,
                                                 "\", expected a positive whole number without "
                                                 "leading zeros, or nothing for the newest"));
}

// What an extension of the protocol would put elsewhere; ignoring it would answer another question.
absl::Status RefuseExtensions(const std::string& field, const Parameters& parameters) {
  for (const char* name : {"shared_memory_region", "classification"}) {
    if (parameters.contains(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": got the parameter \"", name,
                       "\", which this server does not have; send and take plain tensors"));
    }
  }
  return absl::OkStatus();
}

bool HasContents(const inference::InferTensorContents& contents) {
  return contents.ByteSizeLong() > 0;
}

bool HasMoreThanFloats(const inference::InferTensorContents& contents) {
  const size_t numbers = contents.fp32_contents_size() * sizeof(float);
  // A packed field is its tag (one byte for fields below 16), its length and its numbers.
  const size_t floats =
      numbers == 0 ? 0
                   : 1 + google::protobuf::io::CodedOutputStream::VarintSize64(numbers) + numbers;
  return contents.ByteSizeLong() > floats;
}

// The tensors of `request` by name, their data where the request put it. `typed` owns data that
// came as numbers.
class InputReader {
 public:
  explicit InputReader(const Request& request) : request_(request) {}

  absl::Status CheckInputs(const std::vector<InferenceTensor>& known) const {
    std::set<std::string> seen;
    const bool raw = request_.raw_input_contents_size() > 0;
    for (const Request::InferInputTensor& input : request_.inputs()) {
      const bool is_known = std::any_of(known.begin(), known.end(),
                                        [&](const auto& t) { return t.name == input.name(); });
      if (!is_known) {
        return absl::InvalidArgumentError(
            absl::StrCat("inputs: got \"", input.name(), "\", expected ", Names(known)));
      }
      if (!seen.insert(input.name()).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("inputs: got \"", input.name(), "\" twice, expected it once"));
      }
      absl::Status extensions = RefuseExtensions(input.name(), input.parameters());
      if (!extensions.ok()) return extensions;
      if (raw && HasContents(input.contents())) {
        return absl::InvalidArgumentError(
            absl::StrCat(input.name(),
                         ": got contents beside raw_input_contents, expected one of "
                         "them for the whole request"));
      }
    }
    if (raw && request_.raw_input_contents_size() != request_.inputs_size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "raw_input_contents: got ", request_.raw_input_contents_size(), " entries, expected ",
          request_.inputs_size(), ", one for each input in the order of inputs"));
    }
    return absl::OkStatus();
  }

  bool Has(const std::string& name) const {
    return std::any_of(request_.inputs().begin(), request_.inputs().end(),
                       [&](const auto& input) { return input.name() == name; });
  }

  absl::StatusOr<FloatTensorView> Tensor(const std::string& name) const {
    for (int i = 0; i < request_.inputs_size(); ++i) {
      const Request::InferInputTensor& input = request_.inputs(i);
      if (input.name() == name) return View(input, i);
    }
    return absl::InvalidArgumentError(absl::StrCat("inputs: got no \"", name, "\", expected it"));
  }

 private:
  absl::StatusOr<FloatTensorView> View(const Request::InferInputTensor& input, int index) const {
    if (input.datatype() != "FP32") {
      return absl::InvalidArgumentError(
          absl::StrCat(input.name(), ": got datatype \"", input.datatype(), "\", expected FP32"));
    }
    FloatTensorView view;
    view.field = input.name();
    for (const int64_t size : input.shape()) {
      if (size < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat(input.name(), ": got a dimension of ", size, ", expected at least 1"));
      }
      view.shape.push_back(static_cast<uint64_t>(size));
    }
    if (request_.raw_input_contents_size() > 0) {
      view.data = request_.raw_input_contents(index);
      return view;
    }
    const auto& numbers = input.contents().fp32_contents();
    const size_t fp32_bytes = numbers.size() * sizeof(float);
    if (HasMoreThanFloats(input.contents())) {
      return absl::InvalidArgumentError(absl::StrCat(
          input.name(), ": got contents of another type, expected fp32_contents for FP32"));
    }
    view.data = absl::string_view(reinterpret_cast<const char*>(numbers.data()), fp32_bytes);
    return view;
  }

  const Request& request_;
};

// The request's initial state, or what its frames encode to, which `encoded` then holds.
absl::StatusOr<FloatTensorView> InitialState(const InputReader& inputs, const Servable& servable,
                                             const RequestLimits& limits,
                                             std::vector<float>* encoded) {
  if (!inputs.Has(kFramesTensor)) return inputs.Tensor(kInitialStateInput);
  if (inputs.Has(kInitialStateInput)) {
    return absl::InvalidArgumentError(
        "inputs: got \"initial_state\" and \"frames\", expected one of them");
  }
  auto frames = inputs.Tensor(kFramesTensor);
  if (!frames.ok()) return frames.status();
  const std::vector<uint64_t>& shape = frames->shape;
  const uint64_t most = static_cast<uint64_t>(limits.max_frames);
  if (shape.size() != 4 || shape[0] > most || shape[1] != 2 || shape[2] != kFrameHeight ||
      shape[3] != kFrameWidth) {
    return absl::InvalidArgumentError(
        absl::StrCat("frames: got shape ", ShapeText(shape), ", expected [S, 2, ", kFrameHeight,
                     ", ", kFrameWidth, "] with S at most ", most, " (the server's --max-frames)"));
  }
  const auto pairs = FiniteNumbers(*frames);
  if (!pairs.ok()) return pairs.status();
  const uint64_t state_size = servable.spec().state_size();
  encoded->resize(shape[0] * state_size);
  servable.frame_codec()->Encode(*pairs, absl::MakeSpan(*encoded));
  FloatTensorView states;
  states.field = kFramesTensor;
  states.shape = {shape[0], state_size};
  states.data = absl::string_view(reinterpret_cast<const char*>(encoded->data()),
                                  encoded->size() * sizeof(float));
  return states;
}

// What each state of the answer's trajectory looks like.
OutputBuffer DecodeFrames(const DecodedRollout& request, RolloutAnswer* answer) {
  OutputBuffer frames(request.query.lanes * (request.query.horizon + 1) * kFrameNumbers);
  request.servable->frame_codec()->Decode(answer->trajectory.floats(), frames.floats());
  return frames;
}

// What is wanted and in which order it leaves.
absl::Status ReadOutputs(const Request& request, const std::vector<InferenceTensor>& known,
                         WantedOutputs* wanted, std::vector<std::string>* order) {
  if (request.outputs().empty()) {
    for (const InferenceTensor& tensor : known) {
      if (!tensor.only_by_name) order->push_back(tensor.name);
    }
  }
  for (const Request::InferRequestedOutputTensor& output : request.outputs()) {
    const bool is_known = std::any_of(known.begin(), known.end(),
                                      [&](const auto& t) { return t.name == output.name(); });
    if (!is_known) {
      return absl::InvalidArgumentError(
          absl::StrCat("outputs: got \"", output.name(), "\", expected ", Names(known)));
    }
    if (std::find(order->begin(), order->end(), output.name()) != order->end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("outputs: got \"", output.name(), "\" twice, expected it once"));
    }
    absl::Status extensions = RefuseExtensions(output.name(), output.parameters());
    if (!extensions.ok()) return extensions;
    order->push_back(output.name());
  }
  for (const std::string& name : *order) {
    if (name == kTrajectoryOutput) wanted->trajectory = true;
    if (name == kFinalStateOutput) wanted->final_state = true;
    if (name == kReturnOutput) wanted->total_return = true;
    if (name == kFirstNonFiniteStepOutput) wanted->first_non_finite_step = true;
    if (name == kFramesTensor) wanted->frames = wanted->trajectory = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ClipControls(const Parameters& parameters) {
  const auto found = parameters.find("clip_controls");
  if (found == parameters.end()) return true;
  if (found->second.parameter_choice_case() != inference::InferParameter::kBoolParam) {
    return absl::InvalidArgumentError(
        "parameters.clip_controls: got another type, expected a bool_param");
  }
  return found->second.bool_param();
}

// "" or absent = none.
absl::StatusOr<std::string> Label(const Parameters& parameters) {
  const auto found = parameters.find("label");
  if (found == parameters.end()) return "";
  if (found->second.parameter_choice_case() != inference::InferParameter::kStringParam) {
    return absl::InvalidArgumentError(
        "parameters.label: got another type, expected a string_param");
  }
  return found->second.string_param();
}

// In microseconds; 0 or absent = none.
absl::StatusOr<absl::Duration> Timeout(const Parameters& parameters) {
  const auto found = parameters.find("timeout");
  if (found == parameters.end()) return absl::InfiniteDuration();
  const inference::InferParameter& value = found->second;
  int64_t microseconds = -1;
  if (value.parameter_choice_case() == inference::InferParameter::kInt64Param) {
    microseconds = value.int64_param();
  } else if (value.parameter_choice_case() == inference::InferParameter::kUint64Param) {
    microseconds = static_cast<int64_t>(std::min<uint64_t>(value.uint64_param(), INT64_MAX));
  }
  if (microseconds < 0) {
    return absl::InvalidArgumentError(
        "parameters.timeout: expected an int64_param of at least 0, in microseconds");
  }
  return microseconds == 0 ? absl::InfiniteDuration() : absl::Microseconds(microseconds);
}

class InferenceCodec final : public RolloutCodec {
 public:
  absl::StatusOr<DecodedRollout> Decode(const grpc::ByteBuffer& bytes, VersionSource* versions,
                                        const RequestLimits& limits,
                                        RequestNames* refused) const override {
    Request request;
    if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok()) return parsed;
    auto decoded = Understand(request, versions, limits);
    if (!decoded.ok()) *refused = {request.model_name(), request.id()};
    return decoded;
  }

  RequestNames NamesOf(const grpc::ByteBuffer& bytes) const override {
    Request request;
    if (!ParseMessage(bytes, &request).ok()) return {};
    return {request.model_name(), request.id()};
  }

  grpc::ByteBuffer Encode(const DecodedRollout& request, RolloutAnswer* answer) const override {
    using Response = inference::ModelInferResponse;
    const int64_t lanes = request.query.lanes;
    const int64_t state_size = request.servable->spec().state_size();
    Response head;
    head.set_model_name(request.servable->name());
    head.set_model_version(absl::StrCat(request.servable->version()));
    head.set_id(request.id);
    std::vector<OutputBuffer*> buffers;
    OutputBuffer frames;
    if (request.query.wanted.frames) frames = DecodeFrames(request, answer);
    for (const std::string& name : request.outputs) {
      Response::InferOutputTensor* output = head.add_outputs();
      output->set_name(name);
      output->set_datatype("FP32");
      output->add_shape(lanes);
      if (name == kTrajectoryOutput) {
        output->add_shape(request.query.horizon + 1);
        output->add_shape(state_size);
        buffers.push_back(&answer->trajectory);
      } else if (name == kFinalStateOutput) {
        output->add_shape(state_size);
        buffers.push_back(&answer->final_state);
      } else if (name == kReturnOutput) {
        buffers.push_back(&answer->total_return);
      } else if (name == kFramesTensor) {
        output->add_shape(request.query.horizon + 1);
        output->add_shape(kFrameHeight);
        output->add_shape(kFrameWidth);
        buffers.push_back(&frames);
      } else {
        output->set_datatype("INT32");
        buffers.push_back(&answer->first_non_finite_step);
      }
    }
    ReplyWriter writer;
    writer.AppendFields(head);
    for (OutputBuffer* buffer : buffers) {
      writer.AppendBytes(Response::kRawOutputContentsFieldNumber, buffer->Release());
    }
    return writer.Finish();
  }

 private:
  static absl::StatusOr<DecodedRollout> Understand(const Request& request, VersionSource* versions,
                                                   const RequestLimits& limits) {
    const absl::StatusOr<int64_t> version = Version(request.model_version());
    if (!version.ok()) return version.status();
    const absl::StatusOr<std::string> label = Label(request.parameters());
    if (!label.ok()) return label.status();
    auto servable = versions->Find(request.model_name(), {*version, *label});
    if (!servable.ok()) return servable.status();
    const TransitionModelSpec& spec = (*servable)->spec();

    DecodedRollout decoded;
    decoded.id = request.id();
    const InputReader inputs(request);
    const absl::Status checked = inputs.CheckInputs(InferenceInputs(spec));
    if (!checked.ok()) return checked;
    std::vector<float> encoded;  // what initial_state views where the request has frames
    const auto initial_state = InitialState(inputs, **servable, limits, &encoded);
    if (!initial_state.ok()) return initial_state.status();
    const auto controls = inputs.Tensor(kControlsInput);
    if (!controls.ok()) return controls.status();
    WantedOutputs wanted;
    const absl::Status outputs =
        ReadOutputs(request, InferenceOutputs(spec), &wanted, &decoded.outputs);
    if (!outputs.ok()) return outputs;
    const absl::StatusOr<bool> clip = ClipControls(request.parameters());
    if (!clip.ok()) return clip.status();
    const absl::StatusOr<absl::Duration> timeout = Timeout(request.parameters());
    if (!timeout.ok()) return timeout.status();
    decoded.timeout = *timeout;

    auto query = MakeRolloutQuery(spec, *initial_state, *controls, wanted, *clip, limits);
    if (!query.ok()) return query.status();
    decoded.query = *std::move(query);
    decoded.servable = *std::move(servable);
    return decoded;
  }
};

}  // namespace

std::unique_ptr<RolloutCodec> MakeInferenceCodec() { return std::make_unique<InferenceCodec>(); }

}  // namespace rollout
