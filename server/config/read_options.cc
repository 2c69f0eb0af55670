#include "server/config/read_options.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/version.h"
#include "rollout/v1/server_config.pb.h"
#include "server/config/option_table.h"

namespace rollout {
namespace {

std::string VersionText() { return absl::StrCat("rolloutd ", Version(), "\n"); }

std::string EnvironmentName(const std::string& option) {
  return absl::StrCat("ROLLOUTD_",
                      absl::StrReplaceAll(absl::AsciiStrToUpper(option), {{"-", "_"}}));
}

std::string FieldName(const std::string& option) {
  return absl::StrReplaceAll(option, {{"-", "_"}});
}

// Says where a bad value came from.
absl::Status From(const std::string& source, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), " (from ", source, ")"));
}

// Whether "--option" stands in `message`, and not as the beginning of a longer one.
bool Names(absl::string_view message, const std::string& option) {
  const std::string word = absl::StrCat("--", option);
  for (size_t at = message.find(word); at != absl::string_view::npos;
       at = message.find(word, at + 1)) {
    const absl::string_view rest = message.substr(at + word.size());
    if (rest.empty() || !(absl::ascii_isalnum(rest[0]) || rest[0] == '-')) return true;
  }
  return false;
}

// Keeps the first error of a textproto.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A configuration file with the places of its fields.
struct ConfigFile {
  v1::ServerConfig config;
  google::protobuf::TextFormat::ParseInfoTree places;
};

absl::Status ReadConfig(const std::string& path, ConfigFile* read) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("--config=", path, ": cannot be read; give a textproto ServerConfig"));
  }
  std::stringstream text;
  text << file.rdbuf();
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.WriteLocationsTo(&read->places);
  if (!parser.ParseFromString(text.str(), &read->config)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--config=", path, ":", error.text(),
                     "; expected fields of rollout.v1.ServerConfig, for example `listen: "
                     "\"127.0.0.1:8001\"`"));
  }
  return absl::OkStatus();
}

// "server.textproto:7: max_lanes".
std::string PlaceOf(const ConfigFile& file, const std::string& path, const std::string& option) {
  const std::string field = FieldName(option);
  const auto place =
      file.places.GetLocation(file.config.GetDescriptor()->FindFieldByName(field), -1);
  return absl::StrCat(path, ":", place.line + 1, ": ", field);
}

// The field as text, nullopt where the file does not set it.
std::optional<std::string> FieldText(const v1::ServerConfig& config, const std::string& option) {
  using google::protobuf::FieldDescriptor;
  const FieldDescriptor* field = config.GetDescriptor()->FindFieldByName(FieldName(option));
  if (field == nullptr || !config.GetReflection()->HasField(config, field)) return std::nullopt;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return config.GetReflection()->GetBool(config, field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(config.GetReflection()->GetDouble(config, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(config.GetReflection()->GetInt64(config, field));
    default:
      return config.GetReflection()->GetString(config, field);
  }
}

// What the command line gives, as text by option; --config among it.
struct CommandLine {
  std::map<std::string, std::string> values;
  std::optional<std::string> print;
  bool check_only = false;
};

// CLI11 takes an empty value as a word of its own only: "--metrics-listen=" becomes
// "--metrics-listen" and "".
std::vector<std::string> WithEmptyValuesApart(const std::vector<std::string>& arguments) {
  std::vector<std::string> apart;
  for (const std::string& argument : arguments) {
    if (argument.size() > 3 && argument.rfind("--", 0) == 0 && argument.back() == '=' &&
        argument.find('=') == argument.size() - 1) {
      apart.push_back(argument.substr(0, argument.size() - 1));
      apart.emplace_back();
    } else {
      apart.push_back(argument);
    }
  }
  return apart;
}

absl::StatusOr<CommandLine> ParseCommandLine(std::vector<std::string> arguments) {
  arguments = WithEmptyValuesApart(arguments);
  CLI::App app(
      "Serves learned transition models over gRPC. Every option may also stand in the environment "
      "(--max-lanes: ROLLOUTD_MAX_LANES) or in the --config file (max_lanes).",
      "rolloutd");
  app.set_version_flag("--version", VersionText());
  std::map<std::string, std::string> texts;
  std::map<std::string, bool> switches;
  app.add_option("--config", texts["config"], "textproto rollout.v1.ServerConfig")
      ->type_name("FILE");
  bool check_only = false;
  app.add_flag("--check-config", check_only,
               "check command line, environment and --config, say so and exit");
  for (const OptionEntry& entry : OptionTable()) {
    if (entry.value.empty()) {
      app.add_flag("--" + entry.name, switches[entry.name], entry.help);
    } else {
      app.add_option("--" + entry.name, texts[entry.name], entry.help)
          ->type_name(entry.value)
          ->take_last();
    }
  }
  CommandLine line;
  std::reverse(arguments.begin(), arguments.end());  // what CLI11 expects of a vector
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    line.print = app.help();
    return line;
  } catch (const CLI::CallForVersion&) {
    line.print = VersionText();
    return line;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(absl::StrReplaceAll(error.what(), {{"\n", " "}}),
                                                   "; `rolloutd --help` lists the options"));
  }
  line.check_only = check_only;
  for (const auto& [name, text] : texts) {
    if (app.count("--" + name) > 0) line.values[name] = text;
  }
  for (const auto& [name, on] : switches) {
    if (app.count("--" + name) > 0) line.values[name] = on ? "true" : "false";
  }
  return line;
}

}  // namespace

absl::StatusOr<StartRequest> ReadOptions(const std::vector<std::string>& arguments,
                                         const Environment& environment) {
  absl::StatusOr<CommandLine> line = ParseCommandLine(arguments);
  if (!line.ok()) return line.status();
  StartRequest start;
  start.print = line->print;
  if (start.print) return start;

  start.check_only = line->check_only;
  ConfigFile file;
  std::string config_path = line->values["config"];
  if (config_path.empty()) config_path = environment(EnvironmentName("config")).value_or("");
  if (!config_path.empty()) {
    if (absl::Status read = ReadConfig(config_path, &file); !read.ok()) return read;
  }
  for (const OptionEntry& entry : OptionTable()) {
    absl::Status set;
    std::string source;
    if (const auto given = line->values.find(entry.name); given != line->values.end()) {
      set = entry.set(given->second, &start.options);
    } else if (const auto value = environment(EnvironmentName(entry.name))) {
      source = EnvironmentName(entry.name);
      set = From(source, entry.set(*value, &start.options));
    } else if (const auto field = FieldText(file.config, entry.name)) {
      source = PlaceOf(file, config_path, entry.name);
      set = From(source, entry.set(*field, &start.options));
    }
    if (!set.ok()) return set;
    if (!source.empty()) start.sources[entry.name] = source;
  }
  if (absl::Status valid = ValidateOptions(start.options); !valid.ok()) {
    return WithSources(start, valid);
  }
  return start;
}

absl::Status WithSources(const StartRequest& start, const absl::Status& status) {
  std::vector<std::string> sources;
  for (const auto& [option, source] : start.sources) {
    if (Names(status.message(), option)) sources.push_back(source);
  }
  return sources.empty() ? status : From(absl::StrJoin(sources, ", "), status);
}

}  // namespace rollout
