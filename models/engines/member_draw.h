// Which member of an ensemble a lane follows: the same on every engine, device, thread and batch.
#ifndef ROLLOUT_MODELS_ENGINES_MEMBER_DRAW_H_
#define ROLLOUT_MODELS_ENGINES_MEMBER_DRAW_H_

#include <array>
#include <cstdint>

namespace rollout {

// Philox4x32-10: a counter-based generator, so that any number of a stream is had without those
// before it (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 4.3).
constexpr std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                             std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

// The member, of `members`, that lane `lane` of a request follows through transition `t` (TSinf: t
// is always 0). The key is the seed, the counter (lane, t), each low word first; the first word of
// the output, a fraction of 2^32, is scaled to [0, members).
constexpr int DrawMember(uint64_t seed, int64_t lane, int64_t t, int members) {
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  const uint64_t l = static_cast<uint64_t>(lane), s = static_cast<uint64_t>(t);
  const uint32_t word = Philox4x32({low(l), high(l), low(s), high(s)}, {low(seed), high(seed)})[0];
  return static_cast<int>(uint64_t{word} * static_cast<uint64_t>(members) >> 32);
}

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_MEMBER_DRAW_H_
