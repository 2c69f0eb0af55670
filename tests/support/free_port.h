// A TCP port of the loopback interface that nobody held a moment ago, below those that the system
// gives to connections, so that none of them takes it in the meantime.
#ifndef ROLLOUT_TESTS_SUPPORT_FREE_PORT_H_
#define ROLLOUT_TESTS_SUPPORT_FREE_PORT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <random>

namespace rollout {

inline int FreePort() {
  std::random_device random;
  std::uniform_int_distribution<int> below(20'000, 29'999);
  while (true) {
    const int port = below(random);
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const bool is_free =
        bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    close(descriptor);
    if (is_free) return port;
  }
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SUPPORT_FREE_PORT_H_
