// What cuDNN answers about the models' layers, asked without a GPU: cuDNN plans for the properties
// of a device, here an H200's. Plans that cuDNN compiles at run time need a driver; of those only
// the graph is checked.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_cudnn.h"

#include <gtest/gtest.h>

#include "tests/support/cases.h"

namespace diptych {
namespace {

constexpr const char* kH200 =
    R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,
    "multiProcessorCount":132,"warpSize":32,"maxSharedMemoryPerBlock":49152,
    "maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,
    "maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,
    "pciDeviceId":9013,"isTccDriver":0,"supportCoopLaunch":1,"smClockRateKHz":1980000,
    "memClockRateKHz":3201000,"l2CacheSize":62914560,"deviceName":"NVIDIA H200","deviceVer":900,
    "cudaDeviceId":0,"totalGlobalMem":150000000000,"driverVer":13000})";

class Conv2dCudnn : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    try {
      cudnn::api();
    } catch (const Error& e) {
      GTEST_SKIP() << e.what();
    }
    try {
      state_ = std::make_unique<cudnn::State>(kH200);
    } catch (const Error& e) {
      GTEST_SKIP() << "this cuDNN does not plan for a GPU that is not there: " << e.what();
    }
  }

  // Plans that an engine without a compiler has, with ordered f32 sums.
  size_t plans(const Conv2dCudnnProblem& problem) {
    const cudnn::Allowed allowed = {.tensor_cores = problem.dtype == DType::kBF16};
    return conv2d_cudnn_plans(*state_, problem, allowed, 1).size();
  }

  std::unique_ptr<cudnn::State> state_;
};

TEST_P(Conv2dCudnn, HasAnEngineForEveryPassOfEveryLayer) {
  for (const Conv2dLayer& layer : saehd_df_ud_128_convs(8)) {
    for (const Conv2dPass pass :
         {Conv2dPass::kForward, Conv2dPass::kBackwardData, Conv2dPass::kBackwardWeight}) {
      if (pass == Conv2dPass::kBackwardData && !layer.needs_dx) continue;
      EXPECT_EQ(plans({.pass = pass,
                       .problem = layer.problem,
                       .dtype = GetParam(),
                       .out_dtype = GetParam()}),
                1u)
          << layer.name << ", pass " << static_cast<int>(pass);
    }
  }
}

TEST_P(Conv2dCudnn, KnowsTheFusedEpilogueOfEveryLayer) {
  for (const Conv2dLayer& layer : saehd_df_ud_128_convs(8)) {
    Conv2dCudnnProblem problem = {.problem = layer.problem,
                                  .epilogue = layer.epilogue,
                                  .dtype = GetParam(),
                                  .out_dtype = layer.f32_out ? DType::kF32 : GetParam()};
    problem.epilogue.depth_to_space = false;
    EXPECT_NO_THROW(conv2d_cudnn_graph(problem, nullptr)) << layer.name;
  }
}

TEST_P(Conv2dCudnn, LeavesDepthToSpaceToUs) {
  Conv2dCudnnProblem problem = {.problem = square_conv(1, 8, 8, 16, 3, 1)};
  problem.epilogue.depth_to_space = true;
  EXPECT_THROW(conv2d_cudnn_graph(problem, nullptr), Error);
}

TEST_P(Conv2dCudnn, SaysWhyAGraphIsWrong) {
  Conv2dCudnnProblem problem = {.problem = square_conv(1, 8, 8, 16, 3, 1), .dtype = GetParam()};
  problem.problem.n = 0;
  try {
    conv2d_cudnn_graph(problem, nullptr);
    FAIL() << "an empty batch was taken";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("cudnn: "), std::string::npos) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(DTypes,
                         Conv2dCudnn,
                         testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace diptych
