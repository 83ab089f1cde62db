// What the tests of ops with a ladder of CUDA rungs share. A rung is any struct with `name`,
// `accepts(args, chip)`, `workspace(args)` and `run(args, workspace, stream)`.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/device_buffer.h"
#include "tests/support/rounds.h"

namespace diptych {

inline constexpr int kChip = 90;  // of tests that choose a rung and do not run it

// Which addresses a kernel touches does not depend on the values, so under the checker, which
// takes its time, one round will do.
#ifdef DIPTYCH_SIMT_CHECK
inline constexpr bool kChecked = true;
#else
inline constexpr bool kChecked = false;
#endif

inline constexpr const char* kWhySkipped = "the exact round has shown the checker these accesses";

struct RungParam {
  std::string rung;
  DType dtype = DType::kF32;

  friend std::ostream& operator<<(std::ostream& out, const RungParam& p) {
    return out << p.rung << ' ' << p.dtype;
  }
};

// Skips what is for sm_90a alone on other chips, whose code has no bodies for it.
class RungTest : public ::testing::TestWithParam<RungParam> {
 protected:
  void SetUp() override {
    if (GetParam().rung.find("wgmma") != std::string::npos && simt::device_chip() != 90)
      GTEST_SKIP() << "needs sm_90a";
  }
};

inline std::string name_of_param(const ::testing::TestParamInfo<RungParam>& info) {
  return str(info.param.rung, "_", info.param.dtype);
}

// Every rung with both dtypes; tensor cores take bf16 alone.
template <class Rungs>
std::vector<RungParam> rung_params(const Rungs& rungs) {
  std::vector<RungParam> list;
  for (const auto& rung : rungs)
    for (const DType dtype : {DType::kF32, DType::kBF16})
      if (dtype == DType::kBF16 || std::string_view(rung.name).find("mma") == std::string::npos)
        list.push_back({rung.name, dtype});
  return list;
}

template <class Rungs>
const auto& named(const Rungs& rungs, const std::string& name) {
  for (const auto& rung : rungs)
    if (name == rung.name) return rung;
  throw Error("no rung is named " + name);
}

template <class Rung, class Args>
void run(const Rung& rung, const Args& args) {
  DeviceArray<unsigned char> workspace(rung.workspace(args));
  rung.run(args, workspace.get(), nullptr);
  simt::synchronize();
}

}  // namespace diptych
