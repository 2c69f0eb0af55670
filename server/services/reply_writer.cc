#include "server/services/reply_writer.h"

#include <cstdint>
#include <utility>

namespace rollout {
namespace {

// https://protobuf.dev/programming-guides/encoding: wire type 2 is a length and that many bytes.
constexpr int kLengthDelimited = 2;

void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

void AppendHeader(int number, uint64_t length, std::string* out) {
  AppendVarint(static_cast<uint64_t>(number) << 3 | kLengthDelimited, out);
  AppendVarint(length, out);
}

}  // namespace

void ReplyWriter::AppendFields(const google::protobuf::MessageLite& message) {
  message.AppendToString(&small_);
}

void ReplyWriter::AppendBytes(int number, grpc::Slice bytes) {
  AppendHeader(number, bytes.size(), &small_);
  FlushSmall();
  slices_.push_back(std::move(bytes));
}

void ReplyWriter::AppendMessageWithBytes(int number, const google::protobuf::MessageLite& message,
                                         int bytes_number, grpc::Slice bytes) {
  std::string fields = message.SerializeAsString();
  AppendHeader(bytes_number, bytes.size(), &fields);
  AppendHeader(number, fields.size() + bytes.size(), &small_);
  small_ += fields;
  FlushSmall();
  slices_.push_back(std::move(bytes));
}

void ReplyWriter::AppendMessage(int number, const grpc::ByteBuffer& encoded) {
  std::vector<grpc::Slice> slices;
  // Fails only where a compressed buffer cannot be inflated; ours are not compressed.
  (void)encoded.Dump(&slices);
  AppendHeader(number, encoded.Length(), &small_);
  FlushSmall();
  for (grpc::Slice& slice : slices) slices_.push_back(std::move(slice));
}

void ReplyWriter::FlushSmall() {
  if (small_.empty()) return;
  slices_.emplace_back(small_);
  small_.clear();
}

grpc::ByteBuffer ReplyWriter::Finish() {
  FlushSmall();
  return grpc::ByteBuffer(slices_.data(), slices_.size());
}

}  // namespace rollout
