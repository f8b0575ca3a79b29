// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>

#include "commands.hpp"
#include "kts/base/units.hpp"
#include "kts/report/report.hpp"

namespace kts::app {
namespace {

Result<int> print_schema(const std::string& name) {
  const auto text = report::schema(name);
  if (!text) {
    const std::string near = nearest_word(name, report::schema_names());
    return bad_input(fmt::format("no schema is called '{}'", name),
                     near.empty()
                         ? fmt::format("there are: {}", fmt::join(report::schema_names(), ", "))
                         : fmt::format("did you mean '{}'?", near));
  }
  fmt::print("{}", *text);
  return 0;
}

}  // namespace

Command add_schema(CLI::App& root) {
  auto name = std::make_shared<std::string>();
  CLI::App* parser =
      root.add_subcommand("schema", "Print the JSON Schema of a file that kts reads or writes");
  parser->add_option("name", *name, fmt::format("{}", fmt::join(report::schema_names(), ", ")))
      ->required()
      ->type_name("NAME");
  return {parser, [name] { return print_schema(*name); }};
}

}  // namespace kts::app
