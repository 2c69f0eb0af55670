// Fitting an autoencoder of frames together with dynamics of its latent state.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_FIT_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_FIT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "experiments/greydanus/initial_weights.h"
#include "experiments/greydanus/pixel_data.h"
#include "experiments/greydanus/stepped_fit.h"
#include "models/dynamics/weights.h"
#include "models/transition_model.h"

namespace rollout {

struct PixelFitOptions {
  DynamicsKind kind = DynamicsKind::kPixelHnn;  // or kNode, the baseline
  std::vector<int> hidden_sizes = {200, 200};   // of the dynamics
  int autoencoder_width = 200;
  int64_t batch = 200;
  double learning_rate = 1e-3;
  double weight_decay = 1e-5;
  uint64_t seed = 0;
};

// Minimises what Greydanus et al. (2019) do: with z and z' the latent states [w, dw] of a sample's
// two pairs of frames, the mean squares of the first pair's reconstruction error, of dw - (w' - w)
// and, a tenth of it, of z' - (z + f(z)). Time counts in frames. Adam at a constant learning rate.
// One owner; LibTorch should compute on one thread.
class PixelFit final : public SteppedFit {
 public:
  // Learns from `films`, which must outlive the fit.
  static absl::StatusOr<std::unique_ptr<PixelFit>> Create(const Films& films,
                                                          const PixelFitOptions& options);

  absl::Status Step() override;
  int64_t step() const override { return step_; }
  FitState Save() const override { return adam_->Save(step_); }
  absl::Status Restore(const FitState& state) override;

  // The mean loss over all samples of `films`.
  absl::StatusOr<double> Loss(const Films& films) const;

  // Autoencoder ("encoder.*", "decoder.*") and dynamics.
  const ModelWeights& weights() const { return weights_; }
  // Of the dynamics, with a transition of 1 for a frame.
  const TransitionModelSpec& dynamics_spec() const { return spec_; }

  // A model named `name` to publish, for frames `frame_dt` seconds apart: RK4 in the place of the
  // loss's single step. Only of kind PIXEL_HNN. INTERNAL where LibTorch fails.
  absl::StatusOr<TransitionModel> Model(const std::string& name, double frame_dt) const;

 private:
  PixelFit(const Films& films, const PixelFitOptions& options) : films_(films), options_(options) {}

  // Of the pairs [2, B, 2 x 28 x 28]: the earlier ones, then the later ones.
  absl::StatusOr<at::Tensor> LossOfPairs(const at::Tensor& pairs) const;

  const Films& films_;
  const PixelFitOptions options_;
  TransitionModelSpec spec_;
  ModelWeights weights_;
  std::optional<WeightsAdam> adam_;  // set by Create
  int64_t step_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_PIXEL_FIT_H_
