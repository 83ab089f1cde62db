// Expecting errors by what they say.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "kernels/common/check.h"

namespace diptych {

// Whether run throws an Error whose message contains part.
template <class Run>
::testing::AssertionResult throws(const Run& run, const std::string& part) {
  try {
    run();
  } catch (const Error& error) {
    if (std::string(error.what()).find(part) != std::string::npos) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "the message is: " << error.what();
  }
  return ::testing::AssertionFailure() << "nothing is thrown";
}

}  // namespace diptych
