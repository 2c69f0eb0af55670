// Frames ↔ latent states of a pixel model, without LibTorch.
#ifndef ROLLOUT_MODELS_PIXELS_FRAME_CODEC_H_
#define ROLLOUT_MODELS_PIXELS_FRAME_CODEC_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "models/transition_model.h"

namespace rollout {

// The autoencoder of a PIXEL_HNN in float32, one lane after the other on the caller's thread: some
// 0.1 ms a pair of frames, 0.05 ms a decoded one. (models/dynamics/pixel_autoencoder.h is the same
// for training.) Immutable, any thread.
class FrameCodec {
 public:
  // `model` must be of kind PIXEL_HNN, and may go afterwards.
  explicit FrameCodec(const TransitionModel& model);

  // Pairs [count, 2, 28, 28], the earlier frame first → states at the time of the later one
  // [count, 2n].
  void Encode(absl::Span<const float> pairs, absl::Span<float> states) const;

  // States [count, 2n] → what they look like [count, 28, 28]: the later frame of each pair.
  void Decode(absl::Span<const float> states, absl::Span<float> frames) const;

 private:
  struct Layer {
    int64_t inputs = 0, outputs = 0;
    std::vector<float> weight;  // [inputs, outputs]: a layer adds rows, and skips those of zeros
    std::vector<float> bias;
  };
  // Layers of the network, the last one cut to its outputs from `first_output` on.
  static std::vector<Layer> FindLayers(const TransitionModel& model, const char* network,
                                       int64_t first_output);
  static void Apply(const Layer& layer, const float* input, float* output);
  void Run(const std::vector<Layer>& layers, absl::Span<const float> inputs,
           absl::Span<float> outputs) const;

  std::vector<Layer> encoder_, decoder_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_PIXELS_FRAME_CODEC_H_
