#include "server/config/check_files.h"

#include "absl/strings/str_cat.h"
#include "server/security/access_file.h"

namespace rollout {

absl::Status CheckFiles(const ServerOptions& options) {
  if (absl::Status tls = CheckTlsFiles(options.security); !tls.ok()) return tls;
  if (options.security.access_file.empty()) return absl::OkStatus();
  const absl::Status access = AccessFile::Load(options.security.access_file).status();
  if (access.ok()) return access;
  return absl::Status(access.code(), absl::StrCat("--access-file=", access.message()));
}

}  // namespace rollout
