#include "base/printable.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace rollout {

std::string Printable(absl::string_view text) {
  std::string line;
  for (const char byte : text) {
    if (byte >= ' ' && byte <= '~') {
      line += byte;
    } else {
      line += absl::StrFormat("\\x%02x", static_cast<unsigned char>(byte));
    }
  }
  return line;
}

absl::Status Printable(const absl::Status& status) {
  absl::Status printable(status.code(), Printable(status.message()));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    printable.SetPayload(type, payload);
  });
  return printable;
}

std::string ForQuotes(absl::string_view text) {
  return absl::StrReplaceAll(Printable(text), {{"\"", "'"}});
}

}  // namespace rollout
