#include "server/security/access_list.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/sha256.h"

namespace rollout {
namespace {

constexpr size_t kMinTokenLength = 16;

absl::StatusOr<Permission> ParsePermission(absl::string_view text) {
  for (const Permission permission :
       {Permission::kQuery, Permission::kReport, Permission::kAdmin}) {
    if (text == Name(permission)) return permission;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("found permission \"", text, "\", expected query, report or admin"));
}

bool IsHash(absl::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

const char* Name(Permission permission) {
  switch (permission) {
    case Permission::kQuery:
      return "query";
    case Permission::kReport:
      return "report";
    case Permission::kAdmin:
      return "admin";
  }
  return "";
}

Permission RequiredPermission(absl::string_view path) {
  if (path == "/rollout.v1.TransitionModel/ReportTransitions") return Permission::kReport;
  if (absl::StartsWith(path, "/inference.GRPCInferenceService/RepositoryModel")) {
    return Permission::kAdmin;  // Load and Unload
  }
  for (const char* service :
       {"/rollout.v1.TransitionModel/", "/rollout.v1.Planner/", "/inference.GRPCInferenceService/",
        "/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/"}) {
    if (absl::StartsWith(path, service)) return Permission::kQuery;
  }
  return Permission::kAdmin;
}

absl::StatusOr<AccessList> AccessList::Parse(absl::string_view text) {
  AccessList list;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const auto wrong = [number](absl::string_view message) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", message));
    };
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (fields.size() != 3) {
      return wrong(absl::StrCat("found ", fields.size(),
                                " fields, expected name, permissions and credential"));
    }
    Principal principal;
    principal.name = fields[0];
    for (const absl::string_view word : absl::StrSplit(fields[1], ',')) {
      const absl::StatusOr<Permission> permission = ParsePermission(word);
      if (!permission.ok()) return wrong(permission.status().message());
      principal.permissions.insert(*permission);
    }
    absl::string_view credential = fields[2];
    std::map<std::string, Principal>* to = &list.by_token_hash_;
    std::string key;
    if (absl::ConsumePrefix(&credential, "sha256:")) {
      if (!IsHash(credential)) return wrong("sha256: expected 64 lower-case hexadecimal digits");
      key = std::string(credential);
    } else if (absl::ConsumePrefix(&credential, "token:")) {
      if (credential.size() < kMinTokenLength) {
        return wrong(absl::StrCat("token: found ", credential.size(), " characters, expected ",
                                  kMinTokenLength, " or more"));
      }
      key = Sha256Hex(credential);
    } else if (absl::ConsumePrefix(&credential, "certificate:") && !credential.empty()) {
      to = &list.by_certificate_name_;
      key = std::string(credential);
    } else {
      return wrong("expected sha256:<digits>, token:<token> or certificate:<name>");
    }
    if (!to->emplace(std::move(key), std::move(principal)).second) {
      return wrong("the credential of an earlier line again");
    }
  }
  return list;
}

const AccessList::Principal* AccessList::Find(const Credentials& credentials) const {
  // Two tokens in one call are somebody's mistake or worse: neither counts.
  if (credentials.authorization.size() == 1) {
    absl::string_view header = credentials.authorization[0];
    if (header.size() > 7 && absl::EqualsIgnoreCase(header.substr(0, 7), "bearer ")) {
      const auto found =
          by_token_hash_.find(Sha256Hex(absl::StripAsciiWhitespace(header.substr(7))));
      if (found != by_token_hash_.end()) return &found->second;
    }
  }
  // A token that is wrong does not fall back on the certificate.
  if (!credentials.authorization.empty()) return nullptr;
  for (const std::string& name : credentials.certificate_names) {
    const auto found = by_certificate_name_.find(name);
    if (found != by_certificate_name_.end()) return &found->second;
  }
  return nullptr;
}

absl::StatusOr<std::string> AccessList::Authorize(const Credentials& credentials,
                                                  Permission permission) const {
  const Principal* principal = Find(credentials);
  if (principal == nullptr) {
    return absl::UnauthenticatedError(
        credentials.authorization.empty()
            ? "no credential: send the metadata `authorization: Bearer <token>`, or a client "
              "certificate that the server's access file names"
            : "the credential is not on the server's access file: expected one `authorization: "
              "Bearer <token>`");
  }
  if (principal->permissions.count(permission) == 0) {
    return absl::PermissionDeniedError(
        absl::StrCat(principal->name, " has no permission to ", Name(permission),
                     ", which this method needs: the server's access file gives it"));
  }
  return principal->name;
}

}  // namespace rollout
