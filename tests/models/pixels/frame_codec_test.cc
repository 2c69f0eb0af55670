// The codec that serves, beside the module that trains.
#include "models/pixels/frame_codec.h"

#include <ATen/ATen.h>

#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "models/dynamics/pixel_autoencoder.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

TransitionModel PixelModel() {
  SpecChoice choice;
  choice.kind = DynamicsKind::kPixelHnn;
  choice.num_positions = 2;
  choice.num_controls = 0;
  return RandomModel(MakeSpec(choice), 3);
}

// Mostly black, as frames are.
std::vector<float> Pairs(int count) {
  std::vector<float> pairs(count * 2 * kFrameNumbers, 0.0f);
  for (size_t i = 0; i < pairs.size(); i += 7) pairs[i] = static_cast<float>(i % 11) / 10.0f;
  return pairs;
}

TEST(FrameCodecTest, AgreesWithTheModuleThatTrains) {
  const TransitionModel model = PixelModel();
  ASSERT_OK_AND_ASSIGN(const ModelWeights weights, ModelWeights::FromModel(model, at::kDouble));
  const PixelAutoencoder module(weights);
  const FrameCodec codec(model);
  std::vector<float> pairs = Pairs(3), states(3 * 4), frames(3 * kFrameNumbers);
  codec.Encode(pairs, absl::MakeSpan(states));
  codec.Decode(states, absl::MakeSpan(frames));
  const at::Tensor encoded =
      module.Encode(at::tensor(pairs).view({3, 2 * kFrameNumbers}).to(at::kDouble));
  const at::Tensor served = at::tensor(states).view({3, 4}).to(at::kDouble);
  EXPECT_LT((encoded - served).abs().max().item<double>(), 1e-5);
  const at::Tensor decoded = module.Decode(served).narrow(1, kFrameNumbers, kFrameNumbers);
  EXPECT_LT((decoded - at::tensor(frames).view({3, kFrameNumbers})).abs().max().item<double>(),
            1e-5);
}

TEST(FrameCodecTest, ALaneIsTheSameInAnyBatch) {
  const FrameCodec codec(PixelModel());
  const std::vector<float> pairs = Pairs(3);
  std::vector<float> together(3 * 4), alone(4);
  codec.Encode(pairs, absl::MakeSpan(together));
  codec.Encode(absl::MakeConstSpan(pairs).subspan(2 * 2 * kFrameNumbers), absl::MakeSpan(alone));
  EXPECT_EQ(std::vector<float>(together.begin() + 8, together.end()), alone);
}

TEST(FrameCodecTest, AStateThatIsNotFiniteLooksLikeNothing) {
  const FrameCodec codec(PixelModel());
  const std::vector<float> state(4, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> frame(kFrameNumbers);
  codec.Decode(state, absl::MakeSpan(frame));
  for (const float value : frame) EXPECT_FALSE(value == value);
}

}  // namespace
}  // namespace rollout
