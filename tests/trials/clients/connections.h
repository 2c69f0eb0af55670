#ifndef ROLLOUT_TESTS_TRIALS_CLIENTS_CONNECTIONS_H_
#define ROLLOUT_TESTS_TRIALS_CLIENTS_CONNECTIONS_H_

#include <string>

#include "absl/status/status.h"

namespace rollout {

struct ConnectionsOptions {
  std::string server;  // IPv4 address and port
  int connections = 10000;
  bool silent = false;  // answers no ping, as a peer that has gone
};

// Holds HTTP/2 connections on which nothing is asked: preface, settings, and answers to the
// server's pings. Prints "held N" when every one has seen the server's settings, and until it is
// told to end "lost N" when N more were closed by the server. Speaks the protocol itself (RFC 9113,
// sections 3.4, 4.1, 6.5, 6.7): a gRPC channel would take up threads and memory on this side.
absl::Status HoldConnections(const ConnectionsOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_CLIENTS_CONNECTIONS_H_
