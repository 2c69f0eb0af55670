#include "systems/mechanics/equations_of_motion.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr int kMostBodies = 5;
constexpr double kDrag = 0.4;  // 1/s, Gruver et al.'s experiments with friction

using Maker = std::function<std::unique_ptr<const EquationsOfMotion>()>;

std::vector<std::pair<std::string, Maker>> Makers() {
  std::vector<std::pair<std::string, Maker>> makers;
  for (int n = 1; n <= kMostBodies; ++n) {
    makers.emplace_back(absl::StrCat("chain_pendulum_", n),
                        [n] { return MakeChainPendulum(n, 0.0); });
    makers.emplace_back(absl::StrCat("chain_pendulum_", n, "_friction"),
                        [n] { return MakeChainPendulum(n, kDrag); });
    makers.emplace_back(absl::StrCat("controlled_chain_pendulum_", n),
                        [n] { return MakeControlledChainPendulum(n); });
    makers.emplace_back(absl::StrCat("spring_pendulum_", n),
                        [n] { return MakeSpringPendulum(n, 0.0); });
    makers.emplace_back(absl::StrCat("spring_pendulum_", n, "_friction"),
                        [n] { return MakeSpringPendulum(n, kDrag); });
  }
  for (int n = 2; n <= kMostBodies; ++n) {
    makers.emplace_back(absl::StrCat("coupled_pendulums_", n),
                        [n] { return MakeCoupledPendulums(n); });
  }
  makers.emplace_back("magnet_pendulum", MakeMagnetPendulum);
  makers.emplace_back("gyroscope", MakeGyroscope);
  makers.emplace_back("rotor", MakeRotor);
  makers.emplace_back("mass_spring", MakeMassSpring);
  makers.emplace_back("ideal_pendulum", MakeIdealPendulum);
  makers.emplace_back("simulated_real_pendulum", MakeSimulatedRealPendulum);
  makers.emplace_back("two_body", MakeTwoBody);
  makers.emplace_back("three_body", MakeThreeBody);
  makers.emplace_back("pixel_pendulum", MakePixelPendulum);
  return makers;
}

}  // namespace

double EquationsOfMotion::Power(absl::Span<const double>, absl::Span<const double>) const {
  return 0.0;
}

int EquationsOfMotion::num_variables() const { return 2 * info().num_positions; }

void EquationsOfMotion::Unchart(absl::Span<const double> state,
                                absl::Span<double> variables) const {
  std::copy(state.begin(), state.end(), variables.begin());
}

void EquationsOfMotion::Chart(absl::Span<const double> variables, absl::Span<double> state) const {
  std::copy(variables.begin(), variables.end(), state.begin());
}

std::vector<std::string> MechanicalSystemNames() {
  std::vector<std::string> names;
  for (const auto& [name, make] : Makers()) names.push_back(name);
  return names;
}

std::unique_ptr<const EquationsOfMotion> MakeEquationsOfMotion(const std::string& name) {
  for (const auto& [candidate, make] : Makers()) {
    if (candidate == name) return make();
  }
  return nullptr;
}

}  // namespace rollout
