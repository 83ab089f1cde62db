// Convolutions on the tape of a device engine: a store that is undone where the gradient is made
// gives what undoing it in a pass of its own gives.
// SPDX-License-Identifier: MIT
#include "tensor/ops/store_undo.h"

#include <algorithm>
#include <utility>

#include <gtest/gtest.h>

#include "kernels/common/device.h"
#include "kernels/common/rng.h"
#include "tensor/ops.h"
#include "tensor/tape.h"

namespace diptych {
namespace {

Tensor random_tensor(const Shape& shape, uint32_t key, DType dtype) {
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(philox4x32({static_cast<uint32_t>(i), key, 0, 0}, {1, 2})[0]) *
                    0x1p-32f -
                0.5f;
  return Tensor::from(values, shape, dtype);
}

Conv2dBlock block_of(int stride, int pad, bool depth_to_space, DType out) {
  return {.options = {.stride = stride,
                      .pad_top = pad,
                      .pad_left = pad,
                      .pad_bottom = pad,
                      .pad_right = pad},
          .leaky_slope = 0.1f,
          .depth_to_space = depth_to_space,
          .out_dtype = out};
}

// An upscale, a residual block on it, a strided and a transposed convolution, a head in f32: every
// way in which a convolution reads another's output.
struct Net {
  explicit Net(DType dtype)
      : x(random_tensor({2, 4, 6, 8}, 1, dtype)),
        up(random_tensor({32, 3, 3, 8}, 2, dtype)),
        first(random_tensor({8, 3, 3, 8}, 3, dtype)),
        second(random_tensor({8, 3, 3, 8}, 4, dtype)),
        down(random_tensor({16, 5, 5, 8}, 5, dtype)),
        back(random_tensor({16, 3, 3, 8}, 6, dtype)),
        head(random_tensor({3, 1, 1, 8}, 7, dtype)),
        bias(random_tensor({32}, 8, DType::kF32)) {
    for (Tensor* t : {&up, &first, &second, &down, &back, &head}) t->set_needs_grad(true, true);
    x.set_needs_grad(true);
    bias.set_needs_grad(true);
  }

  Tensor x, up, first, second, down, back, head, bias;
  std::vector<Tensor> between;  // the outputs of convolutions that others read

  void forward() {
    const DType t = x.dtype();
    const Tensor y = conv2d(x, up, bias, {}, block_of(1, 1, true, t));
    const Tensor z = conv2d(y, first, {}, {}, block_of(1, 1, false, t));
    const Tensor r = conv2d(z, second, {}, y, block_of(1, 1, false, t));
    const Tensor d = conv2d(r, down, {}, {}, block_of(2, 2, false, t));
    const ConvTranspose2dBlock up_again = {
        .options = {.stride = 2, .pad_top = 1, .pad_left = 1}, .leaky_slope = 0.1f, .out_dtype = t};
    const Tensor u = conv_transpose2d(d, back, {}, up_again);
    root_ = {conv2d(u, head, {}, {}, {.options = {}, .out_dtype = DType::kF32})};
    between = {y, z, r, d, u};
  }

  void backward() { diptych::backward(root_); }

  std::vector<std::vector<float>> gradients() const {
    std::vector<std::vector<float>> all;
    for (const Tensor* t : {&x, &up, &first, &second, &down, &back, &head, &bias})
      all.push_back(t->grad().to_host());
    return all;
  }

 private:
  std::vector<Tensor> root_;
};

// held: an op that never writes stands among the readers, so that nobody is the last one.
std::vector<std::vector<float>> gradients(Engine engine, DType dtype, bool held) {
  Stream stream(engine);
  const StreamGuard guard(stream);
  Net net(dtype);
  net.forward();
  if (held)
    for (const Tensor& t : net.between) t.slot()->add_reader();
  net.backward();
  // d is read by a transposed convolution, which leaves the undoing to d's own op.
  const bool passes = engine != Engine::kCpu && !held;
  for (size_t i = 0; i < net.between.size(); ++i)
    EXPECT_EQ(net.between[i].grad().defined(), !passes || i == 3) << i;
  return net.gradients();
}

class StoreUndoOnDevice : public ::testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  }
};

// In f32 dx is the same number before and after it has been stored.
TEST_P(StoreUndoOnDevice, GivesTheGradientsOfASeparatePass) {
  const auto passed = gradients(device_engine(), GetParam(), false);
  const auto held = gradients(device_engine(), GetParam(), true);
  for (size_t i = 0; i < passed.size(); ++i) {
    if (GetParam() == DType::kF32) {
      EXPECT_EQ(passed[i], held[i]) << i;
      continue;
    }
    // bf16 rounds dx once less: 5 layers of at most 2 roundings of 2^-9, of sums whose parts cancel
    // down to a tenth of their size.
    const float largest = *std::max_element(held[i].begin(), held[i].end());
    for (size_t j = 0; j < held[i].size(); ++j)
      ASSERT_NEAR(passed[i][j], held[i][j], 5 * 2 * 0x1p-9f * 10 * largest) << i << ' ' << j;
  }
}

TEST(StoreUndo, GivesTheGradientsOfTheCpu) {
  if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  const auto device = gradients(device_engine(), DType::kF32, false);
  const auto cpu = gradients(Engine::kCpu, DType::kF32, false);
  for (size_t i = 0; i < cpu.size(); ++i) {
    float largest = 0;
    for (const float g : cpu[i]) largest = std::max(largest, std::abs(g));
    for (size_t j = 0; j < cpu[i].size(); ++j)
      ASSERT_NEAR(device[i][j], cpu[i][j], 1e-5f * largest) << i << ' ' << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes,
                         StoreUndoOnDevice,
                         ::testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& p) { return p.param == DType::kF32 ? "f32" : "bf16"; });

// The gradient that a reader in f32 passes on is brought to the bf16 of the op's own input.
TEST(StoreUndo, ConvertsWhatAReaderInF32PassesOn) {
  if (!device::trouble().empty()) GTEST_SKIP() << device::trouble();
  Stream stream(device_engine());
  const StreamGuard guard(stream);
  const auto gradients = [](bool held) {
    Tensor x = random_tensor({1, 4, 4, 16}, 1, DType::kBF16);
    Tensor w = random_tensor({16, 3, 3, 8}, 2, DType::kBF16);
    const Tensor head = random_tensor({4, 1, 1, 8}, 3, DType::kF32);
    x.set_needs_grad(true);
    w.set_needs_grad(true, true);
    const ConvTranspose2dBlock up = {.options = {.stride = 2, .pad_top = 1, .pad_left = 1},
                                     .leaky_slope = 0.1f,
                                     .out_dtype = DType::kF32};
    const Tensor y = conv_transpose2d(x, w, {}, up);
    if (held) y.slot()->add_reader();
    const Tensor roots[] = {conv2d(y, head, {}, {}, {.options = {}, .out_dtype = DType::kF32})};
    backward(roots);
    EXPECT_EQ(y.grad().defined(), held);
    return std::pair(x.grad().to_host(), w.grad().to_host());
  };
  EXPECT_EQ(gradients(false), gradients(true));  // f32 up to the conversion, so the same bits
}

// A gradient whose convolution cannot be asked stays where others find it.
TEST(StoreUndo, IsNotOfferedWhereThereIsNothingToUndoOrNoEngineForIt) {
  Stream cpu(Engine::kCpu);
  const StreamGuard guard(cpu);
  EXPECT_EQ(make_store_undo({.leaky_slope = 0.1f}, {1, 1, 1, 4}), nullptr);
}

TEST(Tape, CountsTheReadersThatAreLeft) {
  Tensor a = Tensor::full({1, 1, 1, 2}, 1.0f);
  a.set_needs_grad(true);
  const Tensor once = add(a, a);
  EXPECT_FALSE(a.slot()->last_reader());
  clear_tape();
  const Tensor y = cast(a, DType::kBF16);
  EXPECT_TRUE(a.slot()->last_reader());
  const Tensor roots[] = {y};
  backward(roots);
  EXPECT_FALSE(a.slot()->last_reader());
}

}  // namespace
}  // namespace diptych
