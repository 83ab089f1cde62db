// conv_transpose2d adjoint variant: conv2d's backward_data, then bias and leaky ReLU in place. f32.
// SPDX-License-Identifier: MIT
//
// A transposed convolution is the backward pass of a convolution, and conv2d has fast variants of
// that. bf16 is left to others: the sums would be rounded before the bias and again after it.
#include "kernels/common/cpu_clones.h"
#include "kernels/common/parallel.h"
#include "kernels/conv_transpose2d/conv_transpose2d_variants.h"

namespace diptych {

namespace {

// row (K) = leaky(row + b), rows side by side. b may be null.
DIPTYCH_CPU_CLONES void finish_rows(float* row, int64_t rows, int k, const float* b, float slope) {
  for (int64_t i = 0; i < rows; ++i, row += k) {
    for (int j = 0; j < k; ++j) {
      const float a = b ? row[j] + b[j] : row[j];
      row[j] = a >= 0.0f ? a : slope * a;
    }
  }
}

bool accepts(const Stream& stream, const ConvTranspose2dForwardArgs& args) {
  return stream.engine() == Engine::kCpu && args.x.dtype == DType::kF32;
}

void run(Stream& stream, const ConvTranspose2dForwardArgs& args) {
  const ConvTranspose2dProblem& t = args.problem;
  conv2d_backward_data(stream, t.conv2d(), args.x, args.w, {args.y, GradMode::kOverwrite});
  if (!args.epilogue.bias && args.epilogue.leaky_slope == 1.0f) return;
  const float* b = args.epilogue.bias ? args.b.as<float>() : nullptr;
  float* y = args.y.as<float>();
  parallel_for(int64_t{t.n} * t.p() * t.q(), 256, [&](int64_t begin, int64_t end) {
    finish_rows(y + begin * t.k, end - begin, t.k, b, args.epilogue.leaky_slope);
  });
}

}  // namespace

const ConvTranspose2dVariant kConvTranspose2dAdjoint = {"adjoint", accepts, run};

}  // namespace diptych
