#include "models/pixels/frame_codec.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace rollout {

std::vector<FrameCodec::Layer> FrameCodec::FindLayers(const TransitionModel& model,
                                                      const char* network, int64_t first_output) {
  std::vector<Layer> layers;
  for (;;) {
    const std::string prefix = absl::StrCat(network, ".", layers.size());
    const NamedTensor* const weight = FindTensor(model, prefix + ".weight");
    if (weight == nullptr) break;
    Layer& layer = layers.emplace_back();
    layer.outputs = weight->shape[1];
    layer.inputs = weight->shape[2];
    layer.bias = FindTensor(model, prefix + ".bias")->data;
    layer.weight.resize(weight->data.size());
    for (int64_t out = 0; out < layer.outputs; ++out) {
      for (int64_t in = 0; in < layer.inputs; ++in) {
        layer.weight[in * layer.outputs + out] = weight->data[out * layer.inputs + in];
      }
    }
  }
  Layer& last = layers.back();
  const int64_t kept = last.outputs - first_output;
  std::vector<float> weight(last.inputs * kept);
  for (int64_t in = 0; in < last.inputs; ++in) {
    std::copy_n(&last.weight[in * last.outputs + first_output], kept, &weight[in * kept]);
  }
  last.weight = std::move(weight);
  last.bias.erase(last.bias.begin(), last.bias.begin() + first_output);
  last.outputs = kept;
  return layers;
}

FrameCodec::FrameCodec(const TransitionModel& model)
    : encoder_(FindLayers(model, "encoder", 0)),
      decoder_(FindLayers(model, "decoder", kFrameNumbers)) {}

void FrameCodec::Apply(const Layer& layer, const float* input, float* output) {
  std::copy(layer.bias.begin(), layer.bias.end(), output);
  for (int64_t in = 0; in < layer.inputs; ++in) {
    const float x = input[in];
    if (x == 0.0f) continue;  // most of a frame is black
    const float* const row = &layer.weight[in * layer.outputs];
    for (int64_t out = 0; out < layer.outputs; ++out) output[out] += x * row[out];
  }
}

void FrameCodec::Run(const std::vector<Layer>& layers, absl::Span<const float> inputs,
                     absl::Span<float> outputs) const {
  const Layer& first = layers.front();
  const Layer& last = layers.back();
  std::vector<float> hidden(first.outputs), more(first.outputs);
  const int64_t count = static_cast<int64_t>(outputs.size()) / last.outputs;
  for (int64_t lane = 0; lane < count; ++lane) {
    Apply(first, &inputs[lane * first.inputs], hidden.data());
    for (float& value : hidden) value = std::max(value, 0.0f);
    for (size_t i = 1; i + 1 < layers.size(); ++i) {
      Apply(layers[i], hidden.data(), more.data());
      for (size_t k = 0; k < hidden.size(); ++k) hidden[k] += std::max(more[k], 0.0f);
    }
    Apply(last, hidden.data(), &outputs[lane * last.outputs]);
  }
}

void FrameCodec::Encode(absl::Span<const float> pairs, absl::Span<float> states) const {
  Run(encoder_, pairs, states);
}

void FrameCodec::Decode(absl::Span<const float> states, absl::Span<float> frames) const {
  Run(decoder_, states, frames);
}

}  // namespace rollout
