// GoogleTest main: any log line at warning level fails the running test, unless it is expected.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/log.h"
#include "tests/support/expect_log.h"

namespace diptych {
namespace {

int& expected_warnings() {
  static int depth = 0;
  return depth;
}

}  // namespace

ExpectWarnings::ExpectWarnings() {
  ++expected_warnings();
}

ExpectWarnings::~ExpectWarnings() {
  --expected_warnings();
}

}  // namespace diptych

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  diptych::set_log_sink([](diptych::LogLevel level, const std::string& message) {
    if (level == diptych::LogLevel::kWarning && diptych::expected_warnings() == 0) {
      ADD_FAILURE() << "unexpected warning: " << message;
    }
  });
  return RUN_ALL_TESTS();
}
