// A real server on a real port, with certificates made here, asked by the client library.
#include <grpcpp/grpcpp.h>

#include "client/admin_client.h"
#include "client/client.h"
#include "rollout/v1/transition_model.grpc.pb.h"
#include "server/rollout_server.h"
#include "tests/server/security/test_certificates.h"
#include "tests/server/test_repository.h"
#include "tests/server/test_server.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

class SecureServerTest : public testing::Test {
 protected:
  SecureServerTest() : repository_(folder_ / "models") {
    std::filesystem::create_directory(folder_ / "models");
    repository_.Publish("model", 1);
    options_.model_repository = repository_.path();
    options_.listen = "127.0.0.1:0";
    options_.metrics_listen = "";
    options_.engine.engine = "fused";
    options_.engine.threads = 1;
    options_.poll_interval = absl::Milliseconds(10);
    client_.connect_timeout = absl::Seconds(10);
  }

  std::string File(const std::string& name, const std::string& text) {
    WriteFile(folder_ / name, text);
    return (folder_ / name).string();
  }

  void UseTls() {
    const PemPair own = authority_.Sign("localhost");
    options_.security.tls_certificate = File("server.pem", own.certificate);
    options_.security.tls_key = File("server.key", own.key);
    client_.security.tls_ca = File("ca.pem", authority_.certificate());
  }
  void ShowCertificate(const PemPair& pair) {
    client_.security.tls_certificate = File("client.pem", pair.certificate);
    client_.security.tls_key = File("client.key", pair.key);
  }
  void UseAccess(const std::string& text) { options_.security.access_file = File("access", text); }
  void ShowToken(const std::string& token) {
    client_.security.token_file = File("token", token + "\n");
  }

  void Start() {
    auto server = RolloutServer::Start(options_);
    ASSERT_OK(server);
    server_ = *std::move(server);
  }

  // What a connection that will not come about ends in, after a moment.
  absl::Status Unreachable() {
    ClientOptions impatient = client_;
    impatient.connect_timeout = absl::Milliseconds(300);
    return Client::Connect(server_->listen_address(), impatient).status();
  }
  // What a fresh connection gets when it lists the models.
  absl::Status List() {
    const auto client = Client::Connect(server_->listen_address(), client_);
    if (!client.ok()) return client.status();
    return (*client)->ListModels().status();
  }
  absl::Status Report() {
    const auto client = Client::Connect(server_->listen_address(), client_);
    if (!client.ok()) return client.status();
    const std::vector<double> states(8, 0.1), controls(2, 0.1);
    TransitionReport report;
    report.model = "model";
    report.client = "test";
    report.episode = "1";
    report.num_transitions = 1;
    report.states = states;
    report.controls = controls;
    return (*client)->ReportTransitions(report).status();
  }

  TemporaryDirectory folder_;
  TestRepository repository_;
  TestAuthority authority_;
  ServerOptions options_;
  ClientOptions client_;
  std::unique_ptr<RolloutServer> server_;
};

TEST_F(SecureServerTest, TlsIsForWhoTrustsTheAuthority) {
  UseTls();
  Start();
  EXPECT_OK(List());
  const TestAuthority stranger;
  client_.security.tls_ca = File("ca.pem", stranger.certificate());
  EXPECT_THAT(Unreachable(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("--tls-ca")));
  client_.security = {};
  EXPECT_THAT(Unreachable(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("without TLS")));
  client_.security.tls_ca = File("ca.pem", authority_.certificate());
  client_.security.tls_server_name = "other.example.com";
  EXPECT_THAT(Unreachable(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  client_.security.tls_server_name = "localhost";
  EXPECT_OK(List());
}

TEST_F(SecureServerTest, MutualTlsWantsACertificateThatTheAuthoritySigned) {
  UseTls();
  options_.security.tls_client_ca = File("client-ca.pem", authority_.certificate());
  Start();
  EXPECT_THAT(Unreachable(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  ShowCertificate(TestAuthority().Sign("planner.example.com"));
  EXPECT_THAT(Unreachable(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  ShowCertificate(authority_.Sign("planner.example.com"));
  EXPECT_OK(List());
}

TEST_F(SecureServerTest, TokensGiveTheirPermissionsAndNoMore) {
  UseTls();
  UseAccess(
      "reader query token:reader-0123456789\n"
      "robot query,report token:robot-0123456789\n");
  Start();
  EXPECT_THAT(List(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("no credential")));
  ShowToken("reader-9876543210");
  EXPECT_THAT(List(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("not on")));
  ShowToken("reader-0123456789");
  EXPECT_OK(List());
  EXPECT_THAT(Report(), StatusIs(absl::StatusCode::kPermissionDenied,
                                 HasSubstr("reader has no permission to report")));
  ShowToken("robot-0123456789");
  EXPECT_THAT(Report(),
              testing::AnyOf(StatusIs(absl::StatusCode::kOk, HasSubstr("")),
                             StatusIs(absl::StatusCode::kUnavailable, HasSubstr("loading"))));
}

TEST_F(SecureServerTest, AdministeringNeedsThePermission) {
  UseAccess(
      "reader query,report token:reader-0123456789\n"
      "ops query,admin token:ops-0123456789abc\n");
  Start();
  const auto pin = [this] {
    const auto client = Client::Connect(server_->listen_address(), client_);
    if (!client.ok()) return client.status();
    return AdminClient(client->get()).Pin("nothing", 1).status();
  };
  ShowToken("reader-0123456789");
  EXPECT_THAT(pin(), StatusIs(absl::StatusCode::kPermissionDenied,
                              HasSubstr("reader has no permission to admin")));
  ShowToken("ops-0123456789abc");
  EXPECT_THAT(pin(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("nothing")));
}

TEST_F(SecureServerTest, CertificatesGivePermissionsToo) {
  UseTls();
  options_.security.tls_client_ca = File("client-ca.pem", authority_.certificate());
  UseAccess("planner query certificate:planner.example.com\n");
  Start();
  ShowCertificate(authority_.Sign("stranger.example.com"));
  EXPECT_THAT(List(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("no credential")));
  ShowCertificate(authority_.Sign("planner.example.com"));
  EXPECT_OK(List());
  EXPECT_THAT(Report(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("planner")));
}

TEST_F(SecureServerTest, TokensWorkInPlainTextOnLoopback) {
  UseAccess("reader query token:reader-0123456789\n");
  Start();
  EXPECT_THAT(List(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("")));
  ShowToken("reader-0123456789");
  EXPECT_OK(List());
}

// Every method that the server knows, asked without a credential: none is forgotten.
TEST_F(SecureServerTest, NoMethodIsOpenWithoutACredential) {
  UseAccess("reader query token:reader-0123456789\n");
  Start();
  const auto channel =
      grpc::CreateChannel(server_->listen_address(), grpc::InsecureChannelCredentials());
  int asked = 0;
  for (const char* service : {"rollout.v1.TransitionModel", "rollout.v1.Admin",
                              "inference.GRPCInferenceService", "grpc.health.v1.Health"}) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
    for (int k = 0; descriptor != nullptr && k < descriptor->method_count(); ++k) {
      const std::string path =
          std::string("/") + service + "/" + std::string(descriptor->method(k)->name());
      const grpc::Status status = CallWithBytes(channel, path, "");
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << path;
      ++asked;
    }
  }
  EXPECT_GE(asked, 12);
}

TEST_F(SecureServerTest, ATokenTakenOffTheFileStopsWorking) {
  options_.security.refresh_interval = absl::Milliseconds(10);
  UseAccess("reader query token:reader-0123456789\n");
  ShowToken("reader-0123456789");
  Start();
  EXPECT_OK(List());
  UseAccess("other query token:other-0123456789\n");
  absl::Status status;
  do {
    status = List();
  } while (status.ok());
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
}

TEST_F(SecureServerTest, ARenewedCertificateIsUsedWithoutARestart) {
  UseTls();
  Start();
  EXPECT_OK(List());
  const TestAuthority next;
  const PemPair renewed = next.Sign("localhost");
  WriteFile(folder_ / "server.key", renewed.key);
  WriteFile(folder_ / "server.pem", renewed.certificate);
  client_.security.tls_ca = File("ca.pem", next.certificate());
  client_.connect_timeout = absl::Seconds(20);  // it waits until the handshake succeeds
  EXPECT_OK(List());
}

TEST_F(SecureServerTest, FilesThatCannotServeAreRefusedAtTheStart) {
  UseTls();
  const PortSecurityOptions good = options_.security;
  const auto start = [&] { return RolloutServer::Start(options_).status(); };
  options_.security.tls_key = File("other.key", authority_.Sign("localhost").key);
  EXPECT_THAT(start(), StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("is not the key of --tls-certificate=")));
  options_.security = good;
  options_.security.tls_certificate = File("empty.pem", "");
  EXPECT_THAT(start(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("holds no certificate")));
  options_.security = good;
  options_.security.tls_key = (folder_ / "missing.key").string();
  EXPECT_THAT(start(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("--tls-key=")));
  options_.security = good;
  options_.security.tls_client_ca = options_.security.tls_key;
  EXPECT_THAT(start(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-client-ca=")));
  options_.security = good;
  UseAccess("reader\n");
  EXPECT_THAT(start(), StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("access: line 1: found 1 fields")));
}

TEST_F(SecureServerTest, HeadersAreBounded) {
  options_.max_header_bytes = 4096;
  Start();
  // A connection for each call: gRPC may close the one over which too much came.
  grpc::ChannelArguments own_connection;
  own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto list_with = [&](size_t header_bytes) {
    const auto stub = v1::TransitionModel::NewStub(grpc::CreateCustomChannel(
        server_->listen_address(), grpc::InsecureChannelCredentials(), own_connection));
    grpc::ClientContext context;
    context.AddMetadata("x-padding", std::string(header_bytes, 'x'));
    v1::ListModelsReply reply;
    return stub->ListModels(&context, v1::ListModelsRequest(), &reply).error_code();
  };
  EXPECT_EQ(list_with(1000), grpc::StatusCode::OK);
  EXPECT_EQ(list_with(8000), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(list_with(1000), grpc::StatusCode::OK) << "others go on";
}

TEST(ValidateOptions, PlainTextIsForLoopbackOrWhoeverInsists) {
  struct Row {
    const char* listen;
    bool insecure, tls, access;
    const char* refusal;  // null = allowed
  };
  for (const Row& row : {Row{"127.0.0.1:8001", false, false, false, nullptr},
                         Row{"unix:/run/rollout", false, false, true, nullptr},
                         Row{"0.0.0.0:8001", false, false, false, "without TLS"},
                         Row{"0.0.0.0:8001", true, false, false, nullptr},
                         Row{"0.0.0.0:8001", false, true, false, nullptr},
                         Row{"0.0.0.0:8001", false, true, true, nullptr},
                         Row{"0.0.0.0:8001", true, false, true, "in plain text"}}) {
    ServerOptions options;
    options.model_repository = "models";
    options.listen = row.listen;
    options.insecure = row.insecure;
    if (row.tls) options.security.tls_certificate = options.security.tls_key = "x";
    if (row.access) options.security.access_file = "x";
    const absl::Status status = ValidateOptions(options);
    if (row.refusal == nullptr) {
      EXPECT_OK(status);
    } else {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(row.refusal)));
    }
  }
  ServerOptions options;
  options.model_repository = "models";
  options.security.tls_key = "x";
  EXPECT_THAT(ValidateOptions(options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("got no certificate")));
  options.security = {};
  options.security.tls_client_ca = "x";
  EXPECT_THAT(ValidateOptions(options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-client-ca")));
}

}  // namespace
}  // namespace rollout
