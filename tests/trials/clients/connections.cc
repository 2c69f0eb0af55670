#include "tests/trials/clients/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/trials/clients/until_told.h"

namespace rollout {
namespace {

constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFrameHeader = 9;
constexpr char kSettings = 0x4;
constexpr char kPing = 0x6;
constexpr char kAcknowledged = 0x1;

std::string Frame(char type, char flags, const std::string& payload) {
  std::string frame(kFrameHeader, '\0');
  frame[2] = static_cast<char>(payload.size());  // payloads here are shorter than 256 bytes
  frame[3] = type;
  frame[4] = flags;
  return frame + payload;
}

class Connections {
 public:
  explicit Connections(const ConnectionsOptions& options)
      : options_(options), epoll_(epoll_create1(0)) {}
  ~Connections() {
    for (const int socket : sockets_) close(socket);
    close(epoll_);
  }

  absl::Status Open(const sockaddr_in& address) {
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0) return absl::ErrnoToStatus(errno, "socket");
    sockets_.push_back(made);
    if (connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("connection ", sockets_.size()));
    }
    Send(made, std::string(kPreface) + Frame(kSettings, 0, ""));
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<uint32_t>(sockets_.size() - 1);
    epoll_ctl(epoll_, EPOLL_CTL_ADD, made, &event);
    received_.emplace_back();
    return absl::OkStatus();
  }

  // Reads what has come; waits for it at most 50 ms.
  void Serve() {
    epoll_event events[256];
    const int count = epoll_wait(epoll_, events, 256, 50);
    for (int i = 0; i < count; ++i) Read(events[i].data.u32);
  }

  int settled() const { return settled_; }
  int lost() const { return lost_; }

 private:
  static void Send(int socket, const std::string& bytes) {
    // A connection that the server has closed is counted when it is read.
    (void)send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  void Read(uint32_t index) {
    char buffer[4096];
    const ssize_t got = recv(sockets_[index], buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, sockets_[index], nullptr);
      ++lost_;
      return;
    }
    std::string& bytes = received_[index];
    bytes.append(buffer, static_cast<size_t>(got));
    while (bytes.size() >= kFrameHeader) {
      const auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
      const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (bytes.size() < kFrameHeader + length) return;
      Take(sockets_[index], bytes[3], bytes[4], bytes.substr(kFrameHeader, length));
      bytes.erase(0, kFrameHeader + length);
    }
  }

  void Take(int socket, char type, char flags, const std::string& payload) {
    if ((flags & kAcknowledged) != 0) return;
    if (type == kSettings) {
      Send(socket, Frame(kSettings, kAcknowledged, ""));
      ++settled_;
    } else if (type == kPing && !options_.silent) {
      Send(socket, Frame(kPing, kAcknowledged, payload));
    }
  }

  const ConnectionsOptions& options_;
  const int epoll_;
  std::vector<int> sockets_;
  std::vector<std::string> received_;  // not yet a whole frame
  int settled_ = 0;
  int lost_ = 0;
};

absl::StatusOr<sockaddr_in> ParseAddress(const std::string& server) {
  const size_t colon = server.rfind(':');
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(server.substr(colon + 1), &port) ||
      inet_pton(AF_INET, server.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("server: got ", server, ", expected IPv4:PORT"));
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

}  // namespace

absl::Status HoldConnections(const ConnectionsOptions& options) {
  ToldToEnd();
  const auto address = ParseAddress(options.server);
  if (!address.ok()) return address.status();
  Connections connections(options);
  for (int i = 0; i < options.connections && !ToldToEnd(); ++i) {
    if (absl::Status opened = connections.Open(*address); !opened.ok()) return opened;
    if (i % 64 == 0) connections.Serve();
  }
  while (connections.settled() < options.connections && connections.lost() == 0 && !ToldToEnd()) {
    connections.Serve();
  }
  std::printf("held %d\n", connections.settled());
  std::fflush(stdout);
  int told = 0;
  while (!ToldToEnd()) {
    connections.Serve();
    if (connections.lost() == told) continue;
    told = connections.lost();
    std::printf("lost %d\n", told);
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

}  // namespace rollout
