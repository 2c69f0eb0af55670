#include "server/security/access_list.h"

#include "base/sha256.h"
#include "server/security/access_file.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "planner-token-0123456789";

std::string SomeList() {
  return "# who may do what\n\n"
         "planner  query,report  sha256:" +
         Sha256Hex(kToken) +
         "\n"
         "trainer\tquery\ttoken:trainer-token-0123456789\n"
         "ops query,report,admin certificate:ops.example.com\n";
}

struct Asked {
  std::string name;
  Credentials credentials;
  Permission permission;
  absl::StatusCode code;
  std::string says;  // the principal, or part of the message
  friend void PrintTo(const Asked& asked, std::ostream* out) { *out << asked.name; }
};

class AuthorizeTest : public testing::TestWithParam<Asked> {};

TEST_P(AuthorizeTest, Table) {
  ASSERT_OK_AND_ASSIGN(const AccessList list, AccessList::Parse(SomeList()));
  const auto principal = list.Authorize(GetParam().credentials, GetParam().permission);
  EXPECT_EQ(principal.status().code(), GetParam().code);
  EXPECT_THAT(principal.ok() ? *principal : std::string(principal.status().message()),
              HasSubstr(GetParam().says));
  EXPECT_THAT(std::string(principal.status().message()), Not(HasSubstr("token-0123")));
}

constexpr auto kOk = absl::StatusCode::kOk;
constexpr auto kUnknown = absl::StatusCode::kUnauthenticated;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
const std::string kBearer = std::string("Bearer ") + kToken;

INSTANTIATE_TEST_SUITE_P(
    AccessList, AuthorizeTest,
    testing::Values(
        Asked{"Token", {{kBearer}, {}}, Permission::kQuery, kOk, "planner"},
        Asked{"OtherCase",
              {{std::string("bearer ") + kToken}, {}},
              Permission::kReport,
              kOk,
              "planner"},
        Asked{"PlainTokenOfTheFile",
              {{"Bearer trainer-token-0123456789"}, {}},
              Permission::kQuery,
              kOk,
              "trainer"},
        Asked{"TooMuch",
              {{kBearer}, {}},
              Permission::kAdmin,
              kDenied,
              "planner has no permission to admin"},
        Asked{"NoReport",
              {{"Bearer trainer-token-0123456789"}, {}},
              Permission::kReport,
              kDenied,
              "trainer has no permission to report"},
        Asked{"Certificate", {{}, {"other", "ops.example.com"}}, Permission::kAdmin, kOk, "ops"},
        Asked{"UnknownCertificate", {{}, {"other"}}, Permission::kQuery, kUnknown, "no credential"},
        Asked{"Nothing", {{}, {}}, Permission::kQuery, kUnknown, "authorization: Bearer"},
        Asked{"WrongToken", {{"Bearer x"}, {}}, Permission::kQuery, kUnknown, "not on"},
        Asked{"TheHashItself",
              {{"Bearer " + Sha256Hex(kToken)}, {}},
              Permission::kQuery,
              kUnknown,
              "not on"},
        Asked{"EmptyToken", {{"Bearer "}, {}}, Permission::kQuery, kUnknown, "not on"},
        Asked{"Basic",
              {{std::string("Basic ") + kToken}, {}},
              Permission::kQuery,
              kUnknown,
              "not on"},
        Asked{"TwoTokens", {{kBearer, kBearer}, {}}, Permission::kQuery, kUnknown, "not on"},
        Asked{"WrongTokenBesideCertificate",
              {{"Bearer x"}, {"ops.example.com"}},
              Permission::kQuery,
              kUnknown,
              "not on"}),
    [](const auto& info) { return info.param.name; });

TEST(AccessListParse, SaysWhichLineAndWhat) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"a query", "line 1: found 2 fields"},
      {"\na query,fly token:0123456789abcdef", "line 2: found permission \"fly\""},
      {"a query token:short", "line 1: token: found 5 characters"},
      {"a query sha256:12", "line 1: sha256: expected 64"},
      {"a query password:x", "line 1: expected sha256:"},
      {"a query certificate:", "line 1: expected sha256:"},
      {"a query token:0123456789abcdef\nb admin token:0123456789abcdef",
       "line 2: the credential of an earlier line"},
  };
  for (const auto& [text, message] : wrong) {
    EXPECT_THAT(AccessList::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  }
}

TEST(RequiredPermission, IsTheMostForWhatNobodyThoughtOf) {
  const std::vector<std::pair<std::string, Permission>> table = {
      {"/rollout.v1.TransitionModel/Rollout", Permission::kQuery},
      {"/rollout.v1.TransitionModel/ReportTransitions", Permission::kReport},
      {"/rollout.v1.Admin/LoadModel", Permission::kAdmin},
      {"/inference.GRPCInferenceService/ModelInfer", Permission::kQuery},
      {"/inference.GRPCInferenceService/RepositoryIndex", Permission::kQuery},
      {"/inference.GRPCInferenceService/RepositoryModelLoad", Permission::kAdmin},
      {"/inference.GRPCInferenceService/RepositoryModelUnload", Permission::kAdmin},
      {"/grpc.health.v1.Health/Check", Permission::kQuery},
      {"/some.Other/Method", Permission::kAdmin},
      {"", Permission::kAdmin}};
  for (const auto& [path, permission] : table) {
    EXPECT_EQ(RequiredPermission(path), permission) << path;
  }
}

TEST(AccessFile, IsReadAgainWhenItChangesAndOutlivesABadEdit) {
  TemporaryDirectory folder;
  const std::string path = (folder / "access").string();
  EXPECT_THAT(AccessFile::Open(path, absl::Hours(1)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  WriteFile(path, "a query token:0123456789abcdef\n");
  ASSERT_OK_AND_ASSIGN(const auto file, AccessFile::Open(path, absl::Hours(1)));
  const auto may = [&](const std::string& token) {
    return file->list()->Authorize({{"Bearer " + token}, {}}, Permission::kQuery).ok();
  };
  EXPECT_TRUE(may("0123456789abcdef"));

  WriteFile(path, "a query token:fedcba9876543210-new\n");
  EXPECT_FALSE(may("fedcba9876543210-new"));
  file->Refresh();
  EXPECT_TRUE(may("fedcba9876543210-new"));
  EXPECT_FALSE(may("0123456789abcdef")) << "a token that is taken off the file is of no use";

  WriteFile(path, "nonsense\n");
  file->Refresh();
  EXPECT_TRUE(may("fedcba9876543210-new"));
  std::filesystem::remove(path);
  file->Refresh();
  EXPECT_TRUE(may("fedcba9876543210-new"));
}

}  // namespace
}  // namespace rollout
