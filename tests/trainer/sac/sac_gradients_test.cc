// Holds every gradient of SAC, and Adam, against LibTorch's autograd in float64.
#include "trainer/sac/sac_gradients.h"

#include <cmath>

#include "ATen/ATen.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "trainer/arithmetic/elementwise.h"
#include "trainer/sac/sac_learner.h"

namespace rollout {
namespace {

constexpr int kObservationSize = 7;
constexpr int kNumControls = 3;
constexpr float kTemperature = 0.37f;

SacOptions SmallOptions() {
  SacOptions options;
  options.hidden_size = 24;
  options.batch_size = 19;
  // Narrow enough that some of the log standard deviations below are clamped.
  options.log_std_low = -0.3;
  options.log_std_high = 0.3;
  return options;
}

at::Tensor Double(absl::Span<const float> values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor.to(at::kDouble).reshape(shape);
}

// A batch, its noise and parameters far from special values.
struct Problem {
  SacOptions options = SmallOptions();
  SacGradients gradients{options, kObservationSize, kNumControls};
  SacParameters parameters;
  TransitionBatch batch;
  std::vector<float> noise;

  Problem() {
    Random random(11);
    parameters.actor = InitialParameters(gradients.actor_shape(), random);
    parameters.critics = InitialParameters(gradients.critic_shape(), random);
    parameters.target_critics = InitialParameters(gradients.critic_shape(), random);
    // Spreads the policy's log standard deviations over the clamp.
    for (float& value : parameters.actor) value *= 3.0f;
    batch.Resize(options.batch_size, kObservationSize, kNumControls);
    const auto fill = [&](std::vector<float>& values) {
      for (float& value : values) value = static_cast<float>(random.Normal());
    };
    fill(batch.observations);
    fill(batch.next_observations);
    fill(batch.rewards);
    for (float& value : batch.actions) value = static_cast<float>(random.Uniform(-1.0, 1.0));
    for (int row = 0; row < options.batch_size; ++row) batch.terminal[row] = row % 4 == 0;
    noise.resize(options.batch_size * kNumControls);
    fill(noise);
  }
};

// The networks of `shape` applied to `input` [batch, inputs]: [batch, networks * outputs].
at::Tensor Apply(const SacNetworkShape& shape, const at::Tensor& flat, const at::Tensor& input) {
  const auto part = [&](size_t begin, int network, std::vector<int64_t> sizes) {
    int64_t count = 1;
    for (int64_t size : sizes) count *= size;
    return flat.narrow(0, static_cast<int64_t>(begin) + network * count, count).reshape(sizes);
  };
  std::vector<at::Tensor> outputs;
  for (int n = 0; n < shape.networks; ++n) {
    at::Tensor hidden =
        at::relu(at::matmul(input, part(shape.weight1(), n, {shape.hidden, shape.inputs}).t()) +
                 part(shape.bias1(), n, {shape.hidden}));
    hidden =
        at::relu(at::matmul(hidden, part(shape.weight2(), n, {shape.hidden, shape.hidden}).t()) +
                 part(shape.bias2(), n, {shape.hidden}));
    outputs.push_back(
        at::matmul(hidden, part(shape.weight3(), n, {shape.outputs, shape.hidden}).t()) +
        part(shape.bias3(), n, {shape.outputs}));
  }
  return at::cat(outputs, 1);
}

struct Sampled {
  at::Tensor actions;
  at::Tensor log_probabilities;
};

// The textbook form, log(1 - tanh(u)^2) written out: in float64 it needs no care.
Sampled SamplePolicy(const Problem& problem, const at::Tensor& actor, const at::Tensor& states) {
  const at::Tensor head = Apply(problem.gradients.actor_shape(), actor, states);
  const at::Tensor mean = head.narrow(1, 0, kNumControls);
  const at::Tensor log_std = head.narrow(1, kNumControls, kNumControls)
                                 .clamp(problem.options.log_std_low, problem.options.log_std_high);
  const at::Tensor noise = Double(problem.noise, {problem.options.batch_size, kNumControls});
  const at::Tensor actions = at::tanh(mean + at::exp(log_std) * noise);
  const at::Tensor log_probability = -0.5 * noise * noise - log_std - 0.5 * std::log(2.0 * M_PI) -
                                     at::log(1.0 - actions * actions);
  return {actions, log_probability.sum(1)};
}

at::Tensor SmallerValue(const at::Tensor& values) { return std::get<0>(values.min(1)); }

void ExpectClose(const std::vector<float>& found, const at::Tensor& expected) {
  const double scale = expected.abs().max().item<double>();
  const at::Tensor difference =
      (Double(found, {static_cast<int64_t>(found.size())}) - expected).abs();
  EXPECT_GT(scale, 1e-4);
  EXPECT_LT(difference.max().item<double>(), 2e-5 * scale);
}

TEST(SacGradients, CriticGradientIsThatOfAutograd) {
  Problem problem;
  std::vector<float> gradient(problem.parameters.critics.size());
  const double loss = problem.gradients.CriticLoss(problem.parameters, kTemperature, problem.batch,
                                                   problem.noise, absl::MakeSpan(gradient));

  const int batch = problem.options.batch_size;
  const SacNetworkShape& shape = problem.gradients.critic_shape();
  const at::Tensor next_states = Double(problem.batch.next_observations, {batch, kObservationSize});
  const Sampled next = SamplePolicy(problem, Double(problem.parameters.actor, {-1}), next_states);
  const at::Tensor next_value =
      SmallerValue(Apply(shape, Double(problem.parameters.target_critics, {-1}),
                         at::cat({next_states, next.actions}, 1))) -
      static_cast<double>(kTemperature) * next.log_probabilities;
  const at::Tensor target =
      Double(problem.batch.rewards, {batch}) +
      problem.options.discount * (1.0 - Double(problem.batch.terminal, {batch})) * next_value;
  at::Tensor critics = Double(problem.parameters.critics, {-1}).set_requires_grad(true);
  const at::Tensor values =
      Apply(shape, critics,
            at::cat({Double(problem.batch.observations, {batch, kObservationSize}),
                     Double(problem.batch.actions, {batch, kNumControls})},
                    1));
  const at::Tensor reference = 0.5 * (values - target.unsqueeze(1)).pow(2).mean(0).sum();
  reference.backward();

  EXPECT_NEAR(loss, reference.item<double>(), 1e-5 * std::fabs(reference.item<double>()));
  ExpectClose(gradient, critics.grad());
}

TEST(SacGradients, ActorAndTemperatureGradientsAreThoseOfAutograd) {
  Problem problem;
  std::vector<float> gradient(problem.parameters.actor.size());
  const SacGradients::ActorLossResult found = problem.gradients.ActorLoss(
      problem.parameters, kTemperature, problem.batch, problem.noise, absl::MakeSpan(gradient));

  const int batch = problem.options.batch_size;
  const at::Tensor states = Double(problem.batch.observations, {batch, kObservationSize});
  at::Tensor actor = Double(problem.parameters.actor, {-1}).set_requires_grad(true);
  const Sampled sampled = SamplePolicy(problem, actor, states);
  const at::Tensor value =
      SmallerValue(Apply(problem.gradients.critic_shape(), Double(problem.parameters.critics, {-1}),
                         at::cat({states, sampled.actions}, 1)));
  const at::Tensor reference =
      (static_cast<double>(kTemperature) * sampled.log_probabilities - value).mean();
  reference.backward();
  EXPECT_NEAR(found.loss, reference.item<double>(), 1e-5 * std::fabs(reference.item<double>()));
  ExpectClose(gradient, actor.grad());

  at::Tensor log_temperature =
      at::full({}, std::log(kTemperature), at::kDouble).set_requires_grad(true);
  const at::Tensor temperature_loss =
      -(log_temperature * (sampled.log_probabilities.detach() - kNumControls)).mean();
  temperature_loss.backward();
  EXPECT_NEAR(found.log_temperature_gradient, log_temperature.grad().item<double>(), 1e-4);
  EXPECT_NEAR(found.mean_log_probability, sampled.log_probabilities.mean().item<double>(), 1e-4);
}

TEST(SacGradients, SomeButNotAllLogStandardDeviationsOfTheProblemAreClamped) {
  Problem problem;
  const at::Tensor head =
      Apply(problem.gradients.actor_shape(), Double(problem.parameters.actor, {-1}),
            Double(problem.batch.observations, {problem.options.batch_size, kObservationSize}));
  const at::Tensor log_std = head.narrow(1, kNumControls, kNumControls);
  const int64_t clamped = (log_std.abs() > 0.3).sum().item<int64_t>();
  EXPECT_GT(clamped, 3);
  EXPECT_LT(clamped, log_std.numel() - 3);
}

TEST(AdamStep, IsTheFormulaOfThePaper) {
  constexpr int kCount = 21;
  Random random(3);
  std::vector<float> parameters(kCount), first(kCount), second(kCount), gradient(kCount);
  for (float& value : parameters) value = static_cast<float>(random.Normal());
  at::Tensor theta = Double(parameters, {kCount});
  at::Tensor m = at::zeros({kCount}, at::kDouble);
  at::Tensor v = at::zeros({kCount}, at::kDouble);
  for (int step = 1; step <= 20; ++step) {
    for (float& value : gradient) value = static_cast<float>(1e-3 * random.Normal());
    AdamStep(kCount, 3e-4f, step, gradient.data(), first.data(), second.data(), parameters.data());
    const at::Tensor g = Double(gradient, {kCount});
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    theta = theta - 3e-4 * (m / (1.0 - std::pow(0.9, step))) /
                        (at::sqrt(v / (1.0 - std::pow(0.999, step))) + 1e-8);
  }
  // The rounding of twenty float32 sums, a hundredth of a single step.
  EXPECT_LT((Double(parameters, {kCount}) - theta).abs().max().item<double>(), 3e-6);
}

}  // namespace
}  // namespace rollout
