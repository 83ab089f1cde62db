// diptych info: what a file says of itself.
// SPDX-License-Identifier: MIT
#include <iostream>
#include <memory>

#include "apps/command_line.h"
#include "apps/project/inspect.h"

namespace diptych {

void add_info_command(CLI::App& app, CommandChoice& choice) {
  struct Arguments {
    std::string file;
    bool json = false;
  };

  auto a = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("info", "describe a project, faceset, checkpoint or video");
  command->add_option("file", a->file, "project folder or file")->required()->type_name("FILE");
  command->add_flag("--json", a->json, "as JSON");
  command->callback([a, &choice] {
    choice.run = [a] {
      const nlohmann::ordered_json facts = inspect(a->file);
      std::cout << (a->json ? facts.dump(1) + "\n" : facts_as_text(facts));
      return kExitOk;
    };
  });
}

}  // namespace diptych
