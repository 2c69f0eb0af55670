// Text that a stranger wrote, for a line of a log or a table.
#ifndef ROLLOUT_BASE_PRINTABLE_H_
#define ROLLOUT_BASE_PRINTABLE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rollout {

// `text` with every byte but printable ASCII as "\x0a": file names, keys and messages made of them
// can then neither break a line nor begin another one, nor drive a terminal.
std::string Printable(absl::string_view text);

// The status with its message so, payloads and all.
absl::Status Printable(const absl::Status& status);

// The same to stand between double quotes, as in reason="...": its own become single ones.
std::string ForQuotes(absl::string_view text);

}  // namespace rollout

#endif  // ROLLOUT_BASE_PRINTABLE_H_
