// Who may ask for what, as the operator wrote it down.
#ifndef ROLLOUT_SERVER_SECURITY_ACCESS_LIST_H_
#define ROLLOUT_SERVER_SECURITY_ACCESS_LIST_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rollout {

enum class Permission {
  kQuery,   // rollouts, what models there are, health, reflection
  kReport,  // observed transitions, which prediction error and the trainer believe
  kAdmin,   // load, unload, pin, drain
};
// "query", "report", "admin".
const char* Name(Permission permission);

// What the method at `path` ("/rollout.v1.TransitionModel/Rollout") takes. A method that nobody
// thought of takes the most.
Permission RequiredPermission(absl::string_view path);

// What a call brings along to show who it is from.
struct Credentials {
  std::vector<std::string> authorization;      // every `authorization` header, as it came
  std::vector<std::string> certificate_names;  // of a verified client certificate
};

// One line for each principal: a name, its permissions, and a credential:
//
//   planner  query,report        sha256:<64 hex digits of the token's SHA-256>
//   trainer  query               token:<the token itself, at least 16 characters>
//   ops      query,report,admin  certificate:<subject alternative or common name>
//
// Empty lines and those that begin with # say nothing; a name may have several lines. Immutable;
// any thread. Only hashes of tokens are kept, and what came is looked up by its hash, so that the
// time it takes tells nothing of a token.
class AccessList {
 public:
  // INVALID_ARGUMENT naming the line, what is wrong with it and what was expected; never a token.
  static absl::StatusOr<AccessList> Parse(absl::string_view text);

  // The principal, where the call may do it. UNAUTHENTICATED without a credential or with one that
  // is not on the list; PERMISSION_DENIED, naming principal and permission, where it lacks it.
  absl::StatusOr<std::string> Authorize(const Credentials& credentials,
                                        Permission permission) const;

  size_t size() const { return by_token_hash_.size() + by_certificate_name_.size(); }

 private:
  struct Principal {
    std::string name;
    std::set<Permission> permissions;
  };

  const Principal* Find(const Credentials& credentials) const;

  std::map<std::string, Principal> by_token_hash_;
  std::map<std::string, Principal> by_certificate_name_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SECURITY_ACCESS_LIST_H_
