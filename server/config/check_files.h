#ifndef ROLLOUT_SERVER_CONFIG_CHECK_FILES_H_
#define ROLLOUT_SERVER_CONFIG_CHECK_FILES_H_

#include "absl/status/status.h"
#include "server/config/server_options.h"

namespace rollout {

// Reads the files that options name and a start cannot do without: TLS certificate, key and CA, and
// the access list. NOT_FOUND or INVALID_ARGUMENT naming option, file and remedy.
absl::Status CheckFiles(const ServerOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_CONFIG_CHECK_FILES_H_
