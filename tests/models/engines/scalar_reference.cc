#include "tests/models/engines/scalar_reference.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/models/engines/dual_number.h"

namespace rollout {
namespace {

using Vector = std::vector<double>;

// a + s b.
Vector Add(const Vector& a, double s, const Vector& b) {
  Vector c(a);
  for (size_t i = 0; i < a.size(); ++i) c[i] += s * b[i];
  return c;
}

template <typename Number>
Number Sigmoid(const Number& x) {
  const double s = 1.0 / (1.0 + std::exp(-Value(x)));
  return Chain(x, s, s * (1.0 - s));
}

template <typename Number>
Number SoftplusOf(const Number& x) {
  const double value = Value(x);
  const double f = value > 0 ? value + std::log1p(std::exp(-value)) : std::log1p(std::exp(value));
  return Chain(x, f, 1.0 / (1.0 + std::exp(-value)));
}

template <typename Number>
Number Activate(Activation activation, const Number& x) {
  const double value = Value(x);
  switch (activation) {
    case Activation::kTanh:
      return Chain(x, std::tanh(value), 1.0 - std::tanh(value) * std::tanh(value));
    case Activation::kRelu:
      return Chain(x, std::max(value, 0.0), value > 0.0 ? 1.0 : 0.0);
    case Activation::kSilu:
      return x * Sigmoid(x);
    case Activation::kSoftplus:
      return SoftplusOf(x);
  }
  return x;
}

// One member of a transition model, on one lane.
class Member {
 public:
  Member(const TransitionModel& model, int member)
      : model_(model), spec_(model.spec), member_(member), n_(model.spec.num_positions) {}

  struct Carried {
    Vector q, p;
  };

  Carried Enter(const Vector& z) const {
    const Vector q(z.begin(), z.begin() + n_), v(z.begin() + n_, z.end());
    return {q, HasMass() ? Solve(InverseMass<double>(q), v) : v};
  }

  Vector Leave(const Carried& c) const {
    const Vector v = HasMass() ? Multiply(InverseMass<double>(c.q), c.p) : c.p;
    Vector z(c.q);
    z.insert(z.end(), v.begin(), v.end());
    return z;
  }

  // The memory of NODE_RECURRENT after it has seen the start of a transition: a gated recurrent
  // unit.
  Vector NextMemory(const Carried& c, const Vector& u, const Vector& memory) const {
    const size_t size = memory.size();
    const Vector seen = Layer("gru.input", NormalisedInput(c.q, c.p, u));
    const Vector remembered = Layer("gru.memory", memory);
    const auto sigmoid = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
    Vector next;
    for (size_t i = 0; i < size; ++i) {
      const double reset = sigmoid(seen[i] + remembered[i]);
      const double keep = sigmoid(seen[size + i] + remembered[size + i]);
      const double candidate = std::tanh(seen[2 * size + i] + reset * remembered[2 * size + i]);
      next.push_back((1.0 - keep) * candidate + keep * memory[i]);
    }
    return next;
  }

  // dz/dt.
  Carried Derivative(const Carried& c, const Vector& u, const Vector& memory) const {
    switch (spec_.dynamics.kind) {
      case DynamicsKind::kNodeRecurrent: {
        Vector x = NormalisedInput(c.q, c.p, u);
        x.insert(x.end(), memory.begin(), memory.end());
        const Vector rate = Scaled(Network("mlp", x));
        return {Vector(rate.begin(), rate.begin() + n_), Vector(rate.begin() + n_, rate.end())};
      }
      case DynamicsKind::kNode: {
        const Vector rate = Normalised("mlp", c.q, c.p, u);
        return {Vector(rate.begin(), rate.begin() + n_), Vector(rate.begin() + n_, rate.end())};
      }
      case DynamicsKind::kNodeSo:
        return {c.p, Normalised("mlp", c.q, c.p, u)};
      case DynamicsKind::kMechanics:
        return {Multiply(InverseMass<double>(c.q), c.p), Normalised("mlp", c.q, c.p, u)};
      case DynamicsKind::kHnn:
      case DynamicsKind::kHnnNonseparable:
      case DynamicsKind::kHnnCanonical:
      case DynamicsKind::kPixelHnn:
        return Hamiltonian(c, u);
    }
    return c;
  }

 private:
  bool HasMass() const { return spec_.dynamics.mass != MassKind::kNone; }

  // (∂H/∂p, −∂H/∂q + force).
  Carried Hamiltonian(const Carried& c, const Vector& u) const {
    std::vector<Dual> q, p;
    for (int i = 0; i < n_; ++i) q.push_back(Dual::Variable(c.q[i], i));
    for (int i = 0; i < n_; ++i) p.push_back(Dual::Variable(c.p[i], n_ + i));
    const Dual h = Energy(q, p);
    Carried rate = c;
    for (int i = 0; i < n_; ++i) {
      rate.q[i] = h.derivative[n_ + i];
      rate.p[i] = -h.derivative[i];
    }
    if (spec_.dynamics.has_force) {
      const Vector v = Multiply(InverseMass<double>(c.q), c.p);
      rate.p = Add(rate.p, 1.0, Normalised("force", c.q, v, u));
    }
    return rate;
  }

  Dual Energy(const std::vector<Dual>& q, const std::vector<Dual>& p) const {
    if (spec_.dynamics.kind == DynamicsKind::kHnn) {
      Dual h = Network("potential", Features(q))[0];
      const std::vector<Dual> v = Multiply(InverseMass<Dual>(q), p);
      for (int i = 0; i < n_; ++i) h += Dual(0.5) * p[i] * v[i];
      return h;
    }
    std::vector<Dual> input = Features(q);
    input.insert(input.end(), p.begin(), p.end());
    return Network("hamiltonian", input)[0];
  }

  // f(q) = [cos q_a, sin q_a, the other q but the ignored].
  template <typename Number>
  std::vector<Number> Features(const std::vector<Number>& q) const {
    const auto contains = [](const std::vector<int>& list, int i) {
      return std::find(list.begin(), list.end(), i) != list.end();
    };
    std::vector<Number> f;
    for (int a : spec_.angular_positions) {
      f.push_back(Chain(q[a], std::cos(Value(q[a])), -std::sin(Value(q[a]))));
    }
    for (int a : spec_.angular_positions) {
      f.push_back(Chain(q[a], std::sin(Value(q[a])), std::cos(Value(q[a]))));
    }
    for (int i = 0; i < n_; ++i) {
      if (!contains(spec_.angular_positions, i) && !contains(spec_.ignored_positions, i)) {
        f.push_back(q[i]);
      }
    }
    return f;
  }

  // output.std ⊙ network((x − input.mean) / input.std) + output.mean with x = [f(q), w, u].
  Vector Normalised(const std::string& name, const Vector& q, const Vector& w,
                    const Vector& u) const {
    return Scaled(Network(name, NormalisedInput(q, w, u)));
  }

  Vector NormalisedInput(const Vector& q, const Vector& w, const Vector& u) const {
    Vector x = Features(q);
    x.insert(x.end(), w.begin(), w.end());
    x.insert(x.end(), u.begin(), u.end());
    const NamedTensor& mean = *FindTensor(model_, "input.mean");
    const NamedTensor& std = *FindTensor(model_, "input.std");
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = (x[i] - static_cast<double>(mean.data[i])) / static_cast<double>(std.data[i]);
    }
    return x;
  }

  Vector Scaled(Vector y) const {
    const NamedTensor& out_mean = *FindTensor(model_, "output.mean");
    const NamedTensor& out_std = *FindTensor(model_, "output.std");
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = static_cast<double>(out_std.data[i]) * y[i] + static_cast<double>(out_mean.data[i]);
    }
    return y;
  }

  template <typename Number>
  std::vector<Number> Network(const std::string& name, std::vector<Number> x) const {
    const size_t layers = spec_.dynamics.hidden_sizes.size() + 1;
    for (size_t layer = 0; layer < layers; ++layer) {
      x = Layer(absl::StrCat(name, ".", layer), x);
      if (layer + 1 == layers) break;
      for (Number& y : x) y = Activate(spec_.dynamics.activation, y);
    }
    return x;
  }

  template <typename Number>
  std::vector<Number> Layer(const std::string& name, const std::vector<Number>& x) const {
    const NamedTensor& weight = *FindTensor(model_, name + ".weight");
    const NamedTensor& bias = *FindTensor(model_, name + ".bias");
    const size_t outputs = static_cast<size_t>(weight.shape[1]), inputs = x.size();
    const float* w = weight.data.data() + member_ * outputs * inputs;
    const float* b = bias.data.data() + member_ * outputs;
    std::vector<Number> y;
    for (size_t o = 0; o < outputs; ++o) {
      Number sum = static_cast<double>(b[o]);
      for (size_t i = 0; i < inputs; ++i) {
        sum += Number(static_cast<double>(w[o * inputs + i])) * x[i];
      }
      y.push_back(sum);
    }
    return y;
  }

  // L L' + ε I, or I.
  template <typename Number>
  std::vector<std::vector<Number>> InverseMass(const std::vector<Number>& q) const {
    std::vector<std::vector<Number>> inverse(n_, std::vector<Number>(n_, Number(0.0)));
    if (spec_.dynamics.mass == MassKind::kIdentity) {
      for (int i = 0; i < n_; ++i) inverse[i][i] = 1.0;
      return inverse;
    }
    const std::vector<Number> packed = Network("mass", Features(q));
    std::vector<std::vector<Number>> lower = inverse;
    size_t k = 0;
    for (int i = 0; i < n_; ++i) {
      for (int j = 0; j <= i; ++j, ++k) lower[i][j] = i == j ? SoftplusOf(packed[k]) : packed[k];
    }
    for (int i = 0; i < n_; ++i) {
      for (int j = 0; j < n_; ++j) {
        for (int m = 0; m < n_; ++m) inverse[i][j] += lower[i][m] * lower[j][m];
      }
      inverse[i][i] += Number(spec_.dynamics.mass_epsilon);
    }
    return inverse;
  }

  template <typename Number>
  std::vector<Number> Multiply(const std::vector<std::vector<Number>>& a,
                               const std::vector<Number>& x) const {
    std::vector<Number> y(x.size(), Number(0.0));
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t j = 0; j < x.size(); ++j) y[i] += a[i][j] * x[j];
    }
    return y;
  }

  // x with A x = b, by elimination with the largest pivot of each column.
  static Vector Solve(std::vector<Vector> a, Vector b) {
    const size_t n = b.size();
    for (size_t column = 0; column < n; ++column) {
      size_t pivot = column;
      for (size_t row = column; row < n; ++row) {
        if (std::abs(a[row][column]) > std::abs(a[pivot][column])) pivot = row;
      }
      std::swap(a[pivot], a[column]);
      std::swap(b[pivot], b[column]);
      for (size_t row = column + 1; row < n; ++row) {
        const double factor = a[row][column] / a[column][column];
        a[row] = Add(a[row], -factor, a[column]);
        b[row] -= factor * b[column];
      }
    }
    for (size_t row = n; row-- > 0;) {
      for (size_t j = row + 1; j < n; ++j) b[row] -= a[row][j] * b[j];
      b[row] /= a[row][row];
    }
    return b;
  }

  const TransitionModel& model_;
  const TransitionModelSpec& spec_;
  const size_t member_;
  const int n_;
};

using Carried = Member::Carried;
using RightHandSide = std::function<Carried(const Carried&)>;

Carried Add(const Carried& z, double h, const Carried& rate) {
  return {Add(z.q, h, rate.q), Add(z.p, h, rate.p)};
}

double Distance(const Carried& a, const Carried& b) {
  double largest = 0.0;
  for (size_t i = 0; i < a.q.size(); ++i) {
    largest = std::max({largest, std::abs(a.q[i] - b.q[i]), std::abs(a.p[i] - b.p[i])});
  }
  return largest;
}

Carried RungeKutta4Step(const RightHandSide& f, const Carried& z, double h) {
  const Carried k1 = f(z), k2 = f(Add(z, h / 2, k1)), k3 = f(Add(z, h / 2, k2)),
                k4 = f(Add(z, h, k3));
  return Add(Add(Add(Add(z, h / 6, k1), h / 3, k2), h / 3, k3), h / 6, k4);
}

// One step of the named method.
Carried Step(IntegratorMethod method, const RightHandSide& f, const Carried& z, double h) {
  switch (method) {
    case IntegratorMethod::kEuler:
      return Add(z, h, f(z));
    case IntegratorMethod::kConstantAcceleration: {
      const Vector a = f(z).p;
      return {Add(Add(z.q, h, z.p), h * h / 2, a), Add(z.p, h, a)};
    }
    case IntegratorMethod::kSymplecticEuler: {
      const Vector p = Add(z.p, h, f(z).p);
      return {Add(z.q, h, f({z.q, p}).q), p};
    }
    case IntegratorMethod::kLeapfrog: {
      const Vector half = Add(z.p, h / 2, f(z).p);
      const Vector q = Add(z.q, h, f({z.q, half}).q);
      return {q, Add(half, h / 2, f({q, half}).p)};
    }
    case IntegratorMethod::kRk4:
      return RungeKutta4Step(f, z, h);
    case IntegratorMethod::kRk4ThreeEighths: {
      const Carried k1 = f(z), k2 = f(Add(z, h / 3, k1)), k3 = f(Add(Add(z, h, k2), -h / 3, k1)),
                    k4 = f(Add(Add(Add(z, h, k1), -h, k2), h, k3));
      return Add(Add(Add(Add(z, h / 8, k1), 3 * h / 8, k2), 3 * h / 8, k3), h / 8, k4);
    }
    case IntegratorMethod::kImplicitMidpoint: {
      Carried next = Add(z, h, f(z));
      for (int i = 0; i < 100; ++i) {
        const Carried before = next;
        next = Add(z, h, f(Add(Add(z, -0.5, z), 0.5, next)));
        if (Distance(before, next) < 1e-14) break;
      }
      return next;
    }
    case IntegratorMethod::kDopri5: {
      Carried next = z;
      for (int i = 0; i < 16; ++i) next = RungeKutta4Step(f, next, h / 16);
      return next;
    }
  }
  return z;
}

}  // namespace

std::vector<double> ReferenceRollout(const TransitionModel& model, int member,
                                     const std::vector<float>& initial,
                                     const std::vector<float>& controls, int horizon) {
  const TransitionModelSpec& spec = model.spec;
  const Member dynamics(model, member);
  Vector trajectory(initial.begin(), initial.end());
  Carried carried = dynamics.Enter(trajectory);
  const size_t nu = static_cast<size_t>(spec.num_controls);
  const double h = spec.transition_dt / spec.integrator.substeps;
  Vector memory(static_cast<size_t>(spec.dynamics.memory_size), 0.0);
  for (size_t t = 0; t < static_cast<size_t>(horizon); ++t) {
    const Vector u(controls.begin() + static_cast<int64_t>(t * nu),
                   controls.begin() + static_cast<int64_t>((t + 1) * nu));
    if (!memory.empty()) memory = dynamics.NextMemory(carried, u, memory);
    const RightHandSide f = [&](const Carried& z) { return dynamics.Derivative(z, u, memory); };
    for (int i = 0; i < spec.integrator.substeps; ++i) {
      carried = Step(spec.integrator.method, f, carried, h);
    }
    const Vector z = dynamics.Leave(carried);
    trajectory.insert(trajectory.end(), z.begin(), z.end());
  }
  return trajectory;
}

std::vector<double> ReferenceRollouts(const TransitionModel& model,
                                      const std::vector<float>& initial,
                                      const std::vector<float>& controls, int lanes, int horizon) {
  const TransitionModelSpec& spec = model.spec;
  const bool shared = static_cast<int>(initial.size()) == spec.state_size();
  std::vector<double> all;
  for (int lane = 0; lane < lanes; ++lane) {
    const float* z0 = initial.data() + (shared ? 0 : lane * spec.state_size());
    const float* u = controls.data() + lane * horizon * spec.num_controls;
    Vector mean(static_cast<size_t>((horizon + 1) * spec.state_size()), 0.0);
    for (int member = 0; member < spec.ensemble_size; ++member) {
      mean = Add(mean, 1.0 / spec.ensemble_size,
                 ReferenceRollout(model, member, std::vector<float>(z0, z0 + spec.state_size()),
                                  std::vector<float>(u, u + horizon * spec.num_controls), horizon));
    }
    all.insert(all.end(), mean.begin(), mean.end());
  }
  return all;
}

}  // namespace rollout
