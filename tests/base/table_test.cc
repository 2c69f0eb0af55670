#include "base/table.h"

#include <gtest/gtest.h>

namespace rollout {
namespace {

TEST(Table, AlignsNumbersRightAndTextLeft) {
  Table table({"model", "error", "state"});
  table.AddRow({"hopper", "0.5", "READY"});
  table.AddRow({"swimmer-so", "12.25", "QUARANTINED"});
  EXPECT_EQ(table.ToString(),
            "model       error  state\n"
            "hopper        0.5  READY\n"
            "swimmer-so  12.25  QUARANTINED\n");
}

TEST(Table, CountsCharactersRatherThanBytesAndFillsMissingCells) {
  Table table({"größe", "x"});
  table.AddRow({"µs", "b"});
  table.AddRow({"n"});
  EXPECT_EQ(table.ToString(2), "  größe  x\n  µs     b\n  n\n");
}

TEST(Table, OneWordMakesAColumnText) {
  Table table({"h", "value"});
  table.AddRow({"1", "10"});
  table.AddRow({"20", "unknown"});
  EXPECT_EQ(table.ToString(), " h  value\n 1  10\n20  unknown\n");
}

TEST(Table, HeaderAloneIsOneLine) { EXPECT_EQ(Table({"a", "b"}).ToString(), "a  b\n"); }

}  // namespace
}  // namespace rollout
