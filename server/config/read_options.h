#ifndef ROLLOUT_SERVER_CONFIG_READ_OPTIONS_H_
#define ROLLOUT_SERVER_CONFIG_READ_OPTIONS_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/server_options.h"

namespace rollout {

// What a start of the program asks for.
struct StartRequest {
  ServerOptions options;
  std::optional<std::string> print;  // --help or --version: print this and exit with 0
  // Where options come from that are not of the command line, by name: "server.textproto:7:
  // max_lanes", "ROLLOUTD_MAX_LANES".
  std::map<std::string, std::string> sources;
  bool check_only = false;  // --check-config: say that `options` are valid and exit with 0
};

// The value of an environment variable; nullopt where it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Options from, in falling order of weight: the command line (--max-lanes 10 or --max-lanes=10),
// the environment (ROLLOUTD_MAX_LANES), the file named by --config or ROLLOUTD_CONFIG (a textproto
// rollout.v1.ServerConfig), the defaults. The result has passed ValidateOptions. INVALID_ARGUMENT
// or NOT_FOUND in one line that names option, value and remedy. `arguments` without the program's
// name.
absl::StatusOr<StartRequest> ReadOptions(const std::vector<std::string>& arguments,
                                         const Environment& environment);

// An error of `start`'s options with the places where those that it names ("--max-lanes") come
// from.
absl::Status WithSources(const StartRequest& start, const absl::Status& status);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_CONFIG_READ_OPTIONS_H_
