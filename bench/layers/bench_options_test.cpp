// layers_bench's command line: what it takes, and what it says to what it does not take.
// SPDX-License-Identifier: MIT
#include "bench/layers/bench_options.h"

#include <gtest/gtest.h>

namespace diptych {
namespace {

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    parse_bench_options(arguments);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(BenchOptions, TakeEveryNetworkAndPassByDefault) {
  const BenchOptions o = parse_bench_options({});
  EXPECT_EQ(o.networks.size(), 4u);
  EXPECT_EQ(o.passes.size(), 6u);
  EXPECT_EQ(o.dtype, DType::kBF16);
}

TEST(BenchOptions, TakeWhatIsNamed) {
  const BenchOptions o =
      parse_bench_options({"--networks", "df-ud-512-b8,df-ud-128-b32", "--passes", "forward",
                           "--dtype", "f32", "--minutes", "2.5", "--layer", "res0"});
  ASSERT_EQ(o.networks.size(), 2u);
  EXPECT_EQ(o.networks[0].config.resolution, 512);
  EXPECT_EQ(o.networks[1].batch, 32);
  EXPECT_EQ(o.passes, std::vector<LayerPass>{LayerPass::kForward});
  EXPECT_EQ(o.dtype, DType::kF32);
  EXPECT_EQ(o.minutes, 2.5);
  EXPECT_EQ(o.layer, "res0");
}

TEST(BenchOptions, RefuseWithWhatIsLegal) {
  EXPECT_NE(refusal({"--networks", "df-ud-129-b8"}).find("df-ud-128-b8"), std::string::npos);
  EXPECT_NE(refusal({"--passes", "sideways"}).find("backward_data"), std::string::npos);
  EXPECT_NE(refusal({"--dtype", "f16"}).find("bf16"), std::string::npos);
  EXPECT_NE(refusal({"--minutes", "-1"}).find("above 0"), std::string::npos);
  EXPECT_NE(refusal({"--out"}).find("needs a value"), std::string::npos);
  EXPECT_NE(refusal({"--loud", "1"}).find("unknown option --loud"), std::string::npos);
}

}  // namespace
}  // namespace diptych
