// GoogleTest matchers for absl::Status and absl::StatusOr.
#ifndef ROLLOUT_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define ROLLOUT_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// EXPECT_THAT(Read(path), IsOk());
MATCHER(IsOk, negation ? "is an error" : "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// EXPECT_THAT(Read(path), StatusIs(absl::StatusCode::kNotFound, HasSubstr("hopper")));
MATCHER_P2(StatusIs, code, message_matcher,
           "has code " + absl::StatusCodeToString(code) + " and a message that " +
               testing::DescribeMatcher<std::string>(message_matcher)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         testing::ExplainMatchResult(message_matcher, std::string(status.message()),
                                     result_listener);
}

}  // namespace rollout

#define ASSERT_OK(expression) ASSERT_THAT((expression), ::rollout::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT((expression), ::rollout::IsOk())

// ASSERT_OK_AND_ASSIGN(const auto model, ReadCheckpoint(path));
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  ROLLOUT_ASSERT_OK_AND_ASSIGN_(ROLLOUT_CONCATENATE_(result_, __LINE__), declaration, expression)
#define ROLLOUT_ASSERT_OK_AND_ASSIGN_(result, declaration, expression) \
  auto result = (expression);                                          \
  ASSERT_THAT(result, ::rollout::IsOk());                              \
  declaration = *std::move(result)
#define ROLLOUT_CONCATENATE_(a, b) ROLLOUT_CONCATENATE_INNER_(a, b)
#define ROLLOUT_CONCATENATE_INNER_(a, b) a##b

#endif  // ROLLOUT_TESTS_SUPPORT_STATUS_MATCHERS_H_
