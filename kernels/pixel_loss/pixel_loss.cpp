// pixel_loss: checks, and the loop over samples.
// SPDX-License-Identifier: MIT
#include "kernels/pixel_loss/pixel_loss.h"

#include "kernels/common/parallel.h"
#include "kernels/pixel_loss/pixel_loss_cpu.h"

namespace diptych {

void check_same(
    const char* op, const View& a, const char* a_name, const View& b, const char* b_name) {
  DIPTYCH_CHECK(
      a.shape == b.shape && a.shape.rank() >= 1 && a.dtype == DType::kF32 && b.dtype == DType::kF32,
      op, ": ", a_name, ' ', a, ", ", b_name, ' ', b, "; expected one shape (N,...), f32");
}

void check_per_sample(const char* op, const View& x, const View& loss) {
  DIPTYCH_CHECK(loss.shape == Shape{x.shape[0]} && loss.dtype == DType::kF32 && x.shape.numel() > 0,
                op, ": x ", x, ", one value per sample ", loss,
                "; expected (N) f32 and samples that are not empty");
}

void check_mask(const char* op, const View& x, const View& mask) {
  const Shape& s = x.shape;
  DIPTYCH_CHECK(
      s.rank() == 4 && mask.shape == (Shape{s[0], s[1], s[2], 1}) && mask.dtype == DType::kF32, op,
      ": x ", x, ", mask ", mask, "; expected x (N,H,W,C) and mask (N,H,W,1) f32");
}

namespace {

struct Sizes {
  int64_t samples, pixels, channels, values;
};

Sizes sizes_of(const View& x, const View& mask) {
  const int64_t n = x.shape[0], values = x.shape.numel() / n,
                channels = mask.defined() ? x.shape.last() : 1;
  return {n, values / channels, channels, values};
}

void check_error(const char* op, const View& t, const View& p, const View& mask, const View& loss) {
  check_same(op, t, "target", p, "prediction");
  check_per_sample(op, p, loss);
  if (mask.defined()) check_mask(op, p, mask);
}

void error_forward(const char* op, ErrorPower power, View t, View p, View mask, MutView loss) {
  check_error(op, t, p, mask, loss);
  const Sizes s = sizes_of(p, mask);
  parallel_for(s.samples, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* m = mask.defined() ? mask.as<float>() + n * s.pixels : nullptr;
      const double sum = pixel_error_sum(power, t.as<float>() + n * s.values,
                                         p.as<float>() + n * s.values, m, s.pixels, s.channels);
      loss.as<float>()[n] = static_cast<float>(sum / static_cast<double>(s.values));
    }
  });
}

void error_backward(
    const char* op, ErrorPower power, View t, View p, View mask, View dloss, GradView dp) {
  check_error(op, t, p, mask, dloss);
  check_same(op, p, "prediction", dp, "dprediction");
  const Sizes s = sizes_of(p, mask);
  parallel_for(s.samples, 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const float* m = mask.defined() ? mask.as<float>() + n * s.pixels : nullptr;
      const auto factor = static_cast<float>(static_cast<double>(dloss.as<float>()[n]) /
                                             static_cast<double>(s.values));
      pixel_error_gradient(power, factor, t.as<float>() + n * s.values,
                           p.as<float>() + n * s.values, m, s.pixels, s.channels,
                           dp.as<float>() + n * s.values, dp.accumulate());
    }
  });
}

}  // namespace

void squared_error_forward(
    [[maybe_unused]] Stream& stream, View target, View prediction, View mask, MutView loss) {
  error_forward("squared_error_forward", ErrorPower::kSquare, target, prediction, mask, loss);
}

void squared_error_backward([[maybe_unused]] Stream& stream,
                            View target,
                            View prediction,
                            View mask,
                            View dloss,
                            GradView dprediction) {
  error_backward("squared_error_backward", ErrorPower::kSquare, target, prediction, mask, dloss,
                 dprediction);
}

void absolute_error_forward(
    [[maybe_unused]] Stream& stream, View target, View prediction, View mask, MutView loss) {
  error_forward("absolute_error_forward", ErrorPower::kAbsolute, target, prediction, mask, loss);
}

void absolute_error_backward([[maybe_unused]] Stream& stream,
                             View target,
                             View prediction,
                             View mask,
                             View dloss,
                             GradView dprediction) {
  error_backward("absolute_error_backward", ErrorPower::kAbsolute, target, prediction, mask, dloss,
                 dprediction);
}

void mul_mask_forward([[maybe_unused]] Stream& stream, View x, View mask, MutView y) {
  check_same("mul_mask_forward", x, "x", y, "y");
  check_mask("mul_mask_forward", x, mask);
  const int64_t c = x.shape.last();
  parallel_for(mask.shape.numel(), 1 << 14, [&](int64_t begin, int64_t end) {
    mul_mask_rows(x.as<float>() + begin * c, mask.as<float>() + begin, end - begin, c,
                  y.as<float>() + begin * c, false);
  });
}

void mul_mask_backward([[maybe_unused]] Stream& stream, View dy, View mask, GradView dx) {
  check_same("mul_mask_backward", dy, "dy", dx, "dx");
  check_mask("mul_mask_backward", dy, mask);
  const int64_t c = dy.shape.last();
  parallel_for(mask.shape.numel(), 1 << 14, [&](int64_t begin, int64_t end) {
    mul_mask_rows(dy.as<float>() + begin * c, mask.as<float>() + begin, end - begin, c,
                  dx.as<float>() + begin * c, dx.accumulate());
  });
}

}  // namespace diptych
