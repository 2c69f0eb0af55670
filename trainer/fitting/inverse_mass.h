// Minv = L L' + epsilon I of one lane, and the way back through what is done with it.
#ifndef ROLLOUT_TRAINER_FITTING_INVERSE_MASS_H_
#define ROLLOUT_TRAINER_FITTING_INVERSE_MASS_H_

#include <vector>

namespace rollout {

// What one evaluation needs of one lane. All arrays are the caller's; triangles are packed row by
// row, entry (i, j <= i) at i (i + 1) / 2 + j.
template <typename Real>
struct LaneMass {
  const Real* lower;  // L [n (n + 1) / 2]
  const Real* slope;  // [n], softplus' at the network's outputs on the diagonal
  const Real* w;      // L' p [n]
};

// The network's outputs `raw` [n (n + 1) / 2] → L, with softplus on the diagonal, and its slope
// [n].
template <typename Real>
void FillLower(int n, const Real* raw, Real* lower, Real* slope);

// w = L' p and v = L w + epsilon p.
template <typename Real>
void FindVelocity(int n, const Real* lower, Real epsilon, const Real* p, Real* w, Real* v);

// The derivative of p' Minv p / 2 with respect to `raw`: p_i w_j, times the slope on the diagonal.
template <typename Real>
void KineticCotangent(int n, const LaneMass<Real>& mass, const Real* p, Real* raw_cotangent);

// From cotangents of v and of what KineticCotangent gave (`back`, null: zero) to those of p, which
// is added to, of L and (the part that does not come by L) of the diagonal of `raw`, both written.
template <typename Real>
void BackThroughMass(int n, const LaneMass<Real>& mass, Real epsilon, const Real* p,
                     const Real* v_cotangent, const Real* back, Real* p_cotangent,
                     Real* lower_cotangent, Real* diagonal_cotangent);

// p = Minv^-1 v, in float64 by Cholesky's factors; NaN where Minv is not positive definite.
// `workspace` grows to n^2 + n once.
template <typename Real>
void SolveMomentum(int n, const Real* lower, Real epsilon, const Real* v, Real* p,
                   std::vector<double>* workspace);

// For the cotangent of p = Minv^-1 v: adds that of L. (With y = Minv^-1 p*, Minv* = -y p'.)
template <typename Real>
void BackThroughSolve(int n, const Real* lower, Real epsilon, const Real* p,
                      const Real* p_cotangent, Real* lower_cotangent,
                      std::vector<double>* workspace);

// From the cotangents of L and of the diagonal to that of `raw` [n (n + 1) / 2].
template <typename Real>
void BackThroughLower(int n, const Real* slope, const Real* lower_cotangent,
                      const Real* diagonal_cotangent, Real* raw_cotangent);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_INVERSE_MASS_H_
