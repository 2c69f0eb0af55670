// Aligned columns of text for people; programs get JSON.
#ifndef ROLLOUT_BASE_TABLE_H_
#define ROLLOUT_BASE_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace rollout {

// One table: a header line and rows of as many cells. Owned and used by one thread. Columns whose
// cells all read as numbers are aligned to the right, the others to the left; widths count
// characters of UTF-8, not bytes.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // Adds one row; missing cells are empty, surplus ones are an error of the caller (asserted).
  void AddRow(std::vector<std::string> cells);

  size_t num_rows() const { return rows_.size(); }

  // Every line ends with '\n' and has no trailing blanks; `indent` blanks before each.
  std::string ToString(int indent = 0) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace rollout

#endif  // ROLLOUT_BASE_TABLE_H_
