// The access file, and the credentials of a call: the first line of the input is an authorization
// header.
#include <cstdlib>
#include <string>

#include "server/security/access_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  const auto list =
      rollout::AccessList::Parse(end == std::string::npos ? text : text.substr(end + 1));
  if (!list.ok()) return 0;
  const rollout::Credentials credentials{{text.substr(0, end)}, {"name"}};
  const auto principal = list->Authorize(credentials, rollout::RequiredPermission(text));
  // Nobody without a credential ever comes in.
  if (list->Authorize({}, rollout::Permission::kQuery).ok()) std::abort();
  if (principal.ok() && (list->size() == 0 || principal->empty())) std::abort();
  return 0;
}
