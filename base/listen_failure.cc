#include "base/listen_failure.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

// Why `host` : `port` cannot be bound, or empty where it can.
std::string BindError(const std::string& host, const std::string& port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) return gai_strerror(failed);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  const int fd = socket(addresses->ai_family, SOCK_STREAM, 0);
  if (fd < 0) return std::strerror(errno);
  // As the libraries do: a port of a server that has just ended is free.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  std::string error;
  if (bind(fd, addresses->ai_addr, addresses->ai_addrlen) != 0) error = std::strerror(errno);
  close(fd);
  return error;
}

}  // namespace

absl::Status ListenFailure(const std::string& option, const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string reason = "it is not HOST:PORT";
  if (colon != std::string::npos) {
    std::string host = address.substr(0, colon);
    if (host.size() > 1 && host.front() == '[') host = host.substr(1, host.size() - 2);
    reason = BindError(host, address.substr(colon + 1));
    if (reason.empty()) reason = "the system refused it";
  }
  return absl::UnavailableError(absl::StrCat("--", option, "=", address,
                                             ": cannot listen there: ", reason,
                                             "; end what holds the port (ss -ltnp shows it), or "
                                             "give another address such as 127.0.0.1:0"));
}

}  // namespace rollout
