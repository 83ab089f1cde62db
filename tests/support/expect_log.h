// Scope in which log lines at warning level do not fail the test.
// SPDX-License-Identifier: MIT
#pragma once

namespace diptych {

class ExpectWarnings {
 public:
  ExpectWarnings();
  ~ExpectWarnings();
  ExpectWarnings(const ExpectWarnings&) = delete;
  ExpectWarnings& operator=(const ExpectWarnings&) = delete;
};

}  // namespace diptych
