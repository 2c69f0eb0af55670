// Every option of rolloutd by name: one table for the command line, the environment and the file.
#ifndef ROLLOUT_SERVER_CONFIG_OPTION_TABLE_H_
#define ROLLOUT_SERVER_CONFIG_OPTION_TABLE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config/server_options.h"

namespace rollout {

struct OptionEntry {
  std::string name;   // as on the command line, without dashes before it: "max-lanes"
  std::string value;  // what it takes, for the help: "N", "DIR"; empty = a switch
  std::string help;
  // Sets the option from text; for a switch "true" or "false". INVALID_ARGUMENT naming option,
  // value and what is expected.
  std::function<absl::Status(const std::string& text, ServerOptions* options)> set;
};

const std::vector<OptionEntry>& OptionTable();

}  // namespace rollout

#endif  // ROLLOUT_SERVER_CONFIG_OPTION_TABLE_H_
