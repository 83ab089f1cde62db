// What tests of the real program share.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "faces/image/test_folder.h"

namespace diptych {

class CliTest : public ::testing::Test {
 protected:
  RunResult run(const std::vector<std::string>& arguments) const {
    return run_program(arguments, folder.path());
  }

  // What it prints.
  std::string expect_done(const std::vector<std::string>& arguments) const {
    const RunResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
    return result.out;
  }

  // It ends with 1 and a message that holds the texts.
  void expect_refused(const std::vector<std::string>& arguments,
                      const std::vector<std::string>& texts) const {
    const RunResult result = run(arguments);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    for (const std::string& text : texts)
      EXPECT_NE(result.err.find(text), std::string::npos) << text << " in: " << result.err;
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }

  TestFolder folder;
};

}  // namespace diptych
