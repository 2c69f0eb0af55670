#ifndef ROLLOUT_BENCH_PEER_CONTENDER_H_
#define ROLLOUT_BENCH_PEER_CONTENDER_H_

#include <memory>
#include <string>

#include "bench/contender.h"

namespace rollout::bench {

// Where the peers' programs are: bench/peers/rollout_peer.py and a Python that has the libraries.
struct PeerPrograms {
  std::string python = "build/peers/bin/python";
  std::string script = "bench/peers/rollout_peer.py";
};

// `library` ("jax-scan", "jax-unrolled", "torch-eager", "torch-compile") on `threads` threads, in a
// process of its own that waits on a pipe while it is not asked; it ends with the contender.
// UNAVAILABLE when the process cannot be started.
absl::StatusOr<std::unique_ptr<Contender>> StartPeer(const std::string& library, int threads,
                                                     const PeerPrograms& programs);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_PEER_CONTENDER_H_
