#include "base/process_usage.h"

#include <malloc.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace rollout {
namespace {

// The fields of /proc/self/stat after the program's name, which may hold blanks: field 3 of proc(5)
// is [0].
std::vector<double> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  std::vector<double> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  std::string state;
  rest >> state;
  fields.push_back(0);
  for (double value = 0; rest >> value;) fields.push_back(value);
  return fields;
}

// When the machine started, in whole seconds since 1970: the same at every reading, so that a
// process that goes on does not look like one that started anew.
double BootTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  while (file >> word) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

}  // namespace

ProcessUsage ReadProcessUsage() {
  ProcessUsage usage;
  // proc(5): 14 utime, 15 stime, 20 num_threads, 22 starttime, 24 rss.
  if (const std::vector<double> fields = StatFields(); fields.size() > 21) {
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    usage.cpu_seconds = (fields[11] + fields[12]) / ticks;
    usage.threads = fields[17];
    usage.start_time_seconds = BootTime() + fields[19] / ticks;
    usage.resident_bytes = fields[21] * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  const struct mallinfo2 heap = mallinfo2();
  usage.heap_bytes = static_cast<double>(heap.uordblks) + static_cast<double>(heap.hblkhd);
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  // The folder itself is open while it is read.
  if (!error) usage.open_files = static_cast<double>(std::distance(begin(files), end(files)) - 1);
  return usage;
}

}  // namespace rollout
