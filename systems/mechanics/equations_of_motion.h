// The equations of motion of an analytic mechanical system.
#ifndef ROLLOUT_SYSTEMS_MECHANICS_EQUATIONS_OF_MOTION_H_
#define ROLLOUT_SYSTEMS_MECHANICS_EQUATIONS_OF_MOTION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"
#include "systems/system.h"

namespace rollout {

// A mechanical system in float64: SI units, angles in radians. Immutable; shared by every instance
// of its system, any thread. States are [q, v] of generalised coordinates, except for the canonical
// systems of Greydanus et al. (2019), whose states are [q, p].
//
// Solving may use other variables than the state (a rotation matrix has no singular orientation,
// Euler angles have): `Unchart` and `Chart` go there and back. By default they are the state.
class EquationsOfMotion {
 public:
  virtual ~EquationsOfMotion() = default;

  virtual const SystemInfo& info() const = 0;

  // The episode's first state [2n] of the experiment that the system comes from.
  virtual void DrawState(Random& random, absl::Span<double> state) const = 0;

  // Kinetic plus potential energy (for the canonical systems: H) at `state` [2n].
  virtual double Energy(absl::Span<const double> state) const = 0;

  // The same with every point mass's Cartesian velocity where its momentum belongs, a kinetic
  // energy of v^2 / 2m, as the code of Gruver et al. (2022) evaluates H; nullopt where it is not
  // known.
  virtual std::optional<double> EnergyWithVelocityAsMomentum(
      absl::Span<const double> /*state*/) const {
    return std::nullopt;
  }

  // The rate at which drag and controls change the energy at `state` under `control` [nu].
  virtual double Power(absl::Span<const double> state, absl::Span<const double> control) const;

  // d/dt of the solver's variables.
  virtual void Derivative(absl::Span<const double> variables, absl::Span<const double> control,
                          absl::Span<double> derivative) const = 0;

  virtual int num_variables() const;
  virtual void Unchart(absl::Span<const double> state, absl::Span<double> variables) const;
  // `state` holds the state before on entry: angles come out continuous with it.
  virtual void Chart(absl::Span<const double> variables, absl::Span<double> state) const;
};

// Gruver et al. (2022) and Finzi et al. (2020). Masses and lengths are drawn as there (NumPy's
// legacy generator with seed 0), `drag` is lambda of dp/dt = -dH/dq - lambda p, in 1/s.

// `links` point masses on massless rods in a plane; q: each rod's angle from straight down.
std::unique_ptr<const EquationsOfMotion> MakeChainPendulum(int links, double drag);
// The same with a horizontal force of 100 u newtons on the first mass, u in [-1, 1].
std::unique_ptr<const EquationsOfMotion> MakeControlledChainPendulum(int links);
// `bobs` point masses in space, each hanging on a spring from the one before; q: x, y, z of each.
std::unique_ptr<const EquationsOfMotion> MakeSpringPendulum(int bobs, double drag);
// A spherical pendulum with a magnet over two fixed ones; q: phi, theta about the -x axis.
std::unique_ptr<const EquationsOfMotion> MakeMagnetPendulum();
// `bobs` spherical pendulums side by side, neighbours joined by springs.
std::unique_ptr<const EquationsOfMotion> MakeCoupledPendulums(int bobs);
// A heavy symmetric top with its tip held; q: intrinsic ZXZ Euler angles.
std::unique_ptr<const EquationsOfMotion> MakeGyroscope();
// A free asymmetric body without gravity; q: x, y, z of the centre of mass, ZXZ Euler angles.
std::unique_ptr<const EquationsOfMotion> MakeRotor();

// Greydanus et al. (2019), states [q, p].
std::unique_ptr<const EquationsOfMotion> MakeMassSpring();     // H = q^2 + p^2
std::unique_ptr<const EquationsOfMotion> MakeIdealPendulum();  // H = 3 (1 - cos q) + p^2
// H = 2.4 (1 - cos q) + p^2 with drag: stands in for the measured pendulum of Schmidt and Lipson
// (2009), whose recording cannot be shipped.
std::unique_ptr<const EquationsOfMotion> MakeSimulatedRealPendulum();
std::unique_ptr<const EquationsOfMotion> MakeTwoBody();    // G = m = 1 in a plane
std::unique_ptr<const EquationsOfMotion> MakeThreeBody();  // G = m = 1 in a plane
// Gym's Pendulum without torque, angle from hanging: what the pixel pendulum's frames show. State
// [theta, dtheta/dt].
std::unique_ptr<const EquationsOfMotion> MakePixelPendulum();

// Every name of the systems above, in the order of this file.
std::vector<std::string> MechanicalSystemNames();
// Null for a name that MechanicalSystemNames() does not have.
std::unique_ptr<const EquationsOfMotion> MakeEquationsOfMotion(const std::string& name);

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MECHANICS_EQUATIONS_OF_MOTION_H_
