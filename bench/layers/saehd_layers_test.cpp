// The layer tables against the counts of the spec's own script (count.py) and against the list that
// the kernels' tests use, and the kernels that the layers get.
// SPDX-License-Identifier: MIT
#include "bench/layers/saehd_layers.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <gtest/gtest.h>

#include "kernels/conv2d/conv2d_cuda.h"

namespace diptych {
namespace {

struct Counted {
  const char* archi;
  int resolution, ae, e, d, mask;
  int64_t parameters;   // count.py: sum of params()
  double forward_macs;  // count.py: train_fwd_macs(), one src and one dst picture
};

constexpr Counted kCounted[] = {
    {"df", 64, 64, 32, 32, 16, 10114632, 3525902336.0},
    {"df-ud", 128, 256, 64, 64, 22, 54470998, 15228403712.0},
    {"df-ud", 128, 256, 64, 64, 24, 55044362, 15410135040.0},
    {"liae-udt", 160, 104, 32, 40, 16, 24291245, 10629462400.0},
    {"liae-ud", 128, 99, 18, 22, 18, 12111889, 2797490784.0},
    {"df-udt", 224, 256, 64, 64, 22, 94212694, 53443661824.0},
    {"liae-ud", 256, 256, 64, 64, 22, 145340267, 72213069824.0},
    {"liae-udt", 320, 384, 80, 80, 26, 223254303, 176631398400.0},
    {"df-ud", 512, 256, 64, 64, 22, 196090198, 243654459392.0},
};

SaehdConfig config_of(const Counted& counted) {
  SaehdConfig config;
  config.set_archi(counted.archi);
  config.resolution = counted.resolution;
  config.ae_dims = counted.ae;
  config.e_dims = counted.e;
  config.d_dims = counted.d;
  config.d_mask_dims = counted.mask;
  return config;
}

std::string name_of(const Counted& counted) {
  std::string name = str(counted.archi, counted.resolution, "_mask", counted.mask);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

constexpr int kBatch = 3;

class SaehdLayers : public testing::TestWithParam<Counted> {
 protected:
  // The large networks take a second to build.
  static const NetworkLayers& layers() {
    static std::map<std::string, NetworkLayers> built;
    const std::string name = name_of(GetParam());
    const auto it = built.find(name);
    if (it != built.end()) return it->second;
    return built[name] = saehd_layers(config_of(GetParam()), kBatch);
  }
};

TEST_P(SaehdLayers, CountWhatTheSpecCounts) {
  EXPECT_EQ(layers().parameters, GetParam().parameters);
  EXPECT_DOUBLE_EQ(layers().forward_macs, kBatch * GetParam().forward_macs);
}

// Exactly those of the spec where all widths come in eights. The channels that are added elsewhere
// are few.
TEST_P(SaehdLayers, HoldEveryMultiplyAddOfTheForwardPass) {
  const SaehdConfig config = config_of(GetParam());
  double macs = 0;
  for (const Conv2dLayer& layer : layers().convs) {
    double own = layer.problem.flops() / 2 * layer.calls;
    // Three of the joined heads' twelve filters are 1x1.
    if (config.d && layer.f32_out && layer.problem.k == 12) own *= (9 * 9 + 3) / (12 * 9.0);
    macs += own;
  }
  for (const DenseLayer& layer : layers().denses) macs += layer.problem.flops() / 2 * layer.calls;
  const double counted = kBatch * GetParam().forward_macs;
  if (config.ae_dims % 8 + config.e_dims % 8 + config.d_dims % 8 + config.d_mask_dims % 8 == 0) {
    EXPECT_DOUBLE_EQ(macs, counted);
  } else {
    EXPECT_GT(macs, counted);
    EXPECT_LT(macs, 1.2 * counted);
  }
}

template <class Args>
bool has_tensor_core_rung(const Args& args, int chip) {
  const std::string_view name = pick_conv2d_cuda(args, chip).name;
  return name != "mma_thin" && name != "tiled" && name != "naive";
}

// All layers but those with a picture or a mask on one side.
TEST_P(SaehdLayers, InsideTheNetworkRunOnTensorCoresInEights) {
  for (const int chip : {80, 90}) {
    for (const Conv2dLayer& layer : layers().convs) {
      const Conv2dProblem& p = layer.problem;
      if (p.c == 3 || layer.f32_out) continue;
      EXPECT_TRUE(has_tensor_core_rung(Conv2dCudaForward{p, layer.epilogue}, chip))
          << layer.name << " forward " << p << " on " << chip;
      EXPECT_TRUE(has_tensor_core_rung(Conv2dCudaBackwardData{p}, chip))
          << layer.name << " backward data " << p << " on " << chip;
      EXPECT_TRUE(has_tensor_core_rung(Conv2dCudaBackwardWeight{p}, chip))
          << layer.name << " backward weight " << p << " on " << chip;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, SaehdLayers, testing::ValuesIn(kCounted), [](const auto& test) {
  return name_of(test.param);
});

TEST(SaehdLayers128, AreThoseTheKernelsAreTestedWith) {
  const std::vector<Conv2dLayer> walked = saehd_layers(config_of(kCounted[1]), kBatch).convs;
  const std::vector<Conv2dLayer> listed = saehd_df_ud_128_convs(kBatch);
  const auto same = [](const Conv2dLayer& a, const Conv2dLayer& b) {
    return a.problem == b.problem && a.epilogue == b.epilogue && a.calls == b.calls &&
           a.needs_dx == b.needs_dx && a.f32_out == b.f32_out;
  };
  EXPECT_EQ(walked.size(), listed.size());
  for (const Conv2dLayer& layer : listed) {
    EXPECT_TRUE(std::any_of(walked.begin(), walked.end(),
                            [&](const Conv2dLayer& other) { return same(layer, other); }))
        << layer.name << ' ' << layer.problem;
  }
}

TEST(SaehdLayersRefuse, AnActivationThatIsAnOpOfItsOwn) {
  SaehdConfig config;
  config.set_archi("df-udc");
  EXPECT_THROW(saehd_layers(config, 1), Error);
}

}  // namespace
}  // namespace diptych
