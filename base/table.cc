#include "base/table.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace rollout {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 do not count.
size_t Width(const std::string& cell) {
  return std::count_if(cell.begin(), cell.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

// "1.5", "-3e4", "12 %", "nan" and "" read as numbers: the figure up to the first blank decides.
bool ReadsAsNumber(const std::string& cell) {
  if (cell.empty() || cell == "-" || cell == "–") return true;
  const absl::string_view figure = absl::string_view(cell).substr(0, cell.find_first_of(" %x"));
  double value;
  return absl::SimpleAtod(figure, &value);
}

}  // namespace

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::AddRow(std::vector<std::string> cells) {
  assert(cells.size() <= header_.size());
  cells.resize(header_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(int indent) const {
  std::vector<size_t> widths;
  std::vector<bool> numeric;
  for (size_t column = 0; column < header_.size(); ++column) {
    size_t width = Width(header_[column]);
    bool all_numbers = !rows_.empty();
    for (const auto& row : rows_) {
      width = std::max(width, Width(row[column]));
      all_numbers = all_numbers && ReadsAsNumber(row[column]);
    }
    widths.push_back(width);
    numeric.push_back(all_numbers);
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line(indent, ' ');
    for (size_t column = 0; column < cells.size(); ++column) {
      if (column > 0) line += "  ";
      const std::string padding(widths[column] - Width(cells[column]), ' ');
      line += numeric[column] ? padding + cells[column] : cells[column] + padding;
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  };
  add_line(header_);
  for (const auto& row : rows_) add_line(row);
  return text;
}

}  // namespace rollout
