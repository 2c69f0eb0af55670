// Random numbers that are the same on every machine, thread and run for the same seed.
#ifndef ROLLOUT_BASE_RANDOM_H_
#define ROLLOUT_BASE_RANDOM_H_

#include <array>
#include <cstdint>

namespace rollout {

// The seed of part `index` of something seeded with `seed` (episode i of a collection, member i of
// an ensemble): neighbouring seeds and indices give unrelated streams. Any thread.
uint64_t DeriveSeed(uint64_t seed, uint64_t index);

// The generator xoshiro256++ of Blackman and Vigna (2021, "Scrambled linear pseudorandom number
// generators"), its state filled by SplitMix64 as its authors advise. The standard library's
// distributions differ between implementations, so those used here are written out. A value: one
// owner, one thread at a time.
class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t NextBits();

  // In [0, 1), a multiple of 2^-53.
  double Uniform();
  // In [low, high).
  double Uniform(double low, double high);
  // In [0, bound), bound > 0, without bias (Lemire 2019, "Fast random integer generation in an
  // interval").
  uint64_t UniformInteger(uint64_t bound);
  // Standard normal (Box and Muller 1958; one of the pair is used, so there is no hidden state).
  double Normal();

  // The whole state, to save and to resume from.
  const std::array<uint64_t, 4>& state() const { return state_; }
  void set_state(const std::array<uint64_t, 4>& state) { state_ = state; }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace rollout

#endif  // ROLLOUT_BASE_RANDOM_H_
