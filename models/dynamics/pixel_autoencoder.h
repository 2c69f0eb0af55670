// Between pairs of frames and latent states.
#ifndef ROLLOUT_MODELS_DYNAMICS_PIXEL_AUTOENCODER_H_
#define ROLLOUT_MODELS_DYNAMICS_PIXEL_AUTOENCODER_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/dynamics/mlp.h"
#include "models/dynamics/weights.h"

namespace rollout {

// Layers with ReLU after each but the last, whose hidden layers add to what they see:
// h = relu(W0 x + b0); h = h + relu(Wi h + bi) for the hidden layers after it; y = Wl h + bl.
class ResidualMlp {
 public:
  // Of the network "encoder" or "decoder" of a model with one member.
  ResidualMlp(const ModelWeights& weights, const std::string& network);

  // [B, in] → [B, out].
  at::Tensor Forward(const at::Tensor& input) const;

 private:
  std::vector<Linear> layers_;
};

// A pair of successive frames ↔ the latent state [q, p] at the time of the second one. Made from
// weights and shares them, as Dynamics are: autograd passes through to them, any thread may use it.
// Greydanus, Dzamba, Yosinski, Hamiltonian Neural Networks, NeurIPS 2019, section 5.
class PixelAutoencoder {
 public:
  explicit PixelAutoencoder(const ModelWeights& weights)
      : encoder_(weights, "encoder"), decoder_(weights, "decoder") {}

  // [B, 2 x 28 x 28], the earlier frame first → [B, 2n].
  at::Tensor Encode(const at::Tensor& frames) const { return encoder_.Forward(frames); }
  // [B, 2n] → [B, 2 x 28 x 28].
  at::Tensor Decode(const at::Tensor& latent) const { return decoder_.Forward(latent); }

 private:
  ResidualMlp encoder_, decoder_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_PIXEL_AUTOENCODER_H_
