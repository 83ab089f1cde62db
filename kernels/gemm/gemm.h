// gemm: matrix products in the form networks meet them, a dense layer and its gradients.
//
//   dense_forward          y[m,o]  = b[o] + sum over i of x[m,i] * w[o,i]
//   dense_backward_data    dx[m,i] = sum over o of dy[m,o] * w[o,i]
//   dense_backward_weight  dw[o,i] = sum over m of dy[m,o] * x[m,i]
//   dense_backward_bias    db[o]   = sum over m of dy[m,o]
//   x (M,in)  w (out,in)  b (out) f32  y (M,out): M is the batch, small; w is large and streamed.
//   x, w and y share one dtype, f32 or bf16, sums in f32; y may be f32 when x is bf16. dx has the
//   dtype of dy; dw and db are f32. FLOPs 2*M*in*out per product. No activation inside
//   (spec networks.md 1.3). Errors: diptych::Error naming the op and all shapes when shapes or
//   dtypes disagree. What binds each pass and what the variants reach: README.md here.
// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>
#include <span>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

// b is optional: pass {} for none.
void dense_forward(Stream& stream, View x, View w, View b, MutView y);
void dense_backward_data(Stream& stream, View dy, View w, GradView dx);
void dense_backward_weight(Stream& stream, View x, View dy, GradView dw);
void dense_backward_bias(Stream& stream, View dy, GradView db);

// The implementations, best first; sizes as in the table above.
struct DenseProblem {
  int m = 0, in = 0, out = 0;

  double flops() const { return 2.0 * m * in * out; }

  friend bool operator==(const DenseProblem&, const DenseProblem&) = default;
};

std::ostream& operator<<(std::ostream& stream, const DenseProblem& problem);

struct DenseForwardArgs {
  DenseProblem problem;
  View x, w, b;  // b may be undefined
  MutView y;
};

struct DenseBackwardDataArgs {
  DenseProblem problem;
  View dy, w;
  GradView dx;
};

struct DenseBackwardWeightArgs {
  DenseProblem problem;
  View x, dy;
  GradView dw;
};

template <class Args>
struct DenseVariant {
  const char* name;
  bool (*accepts)(const Stream&, const Args&);
  void (*run)(Stream&, const Args&);
};

std::span<const DenseVariant<DenseForwardArgs>> dense_forward_variants();
std::span<const DenseVariant<DenseBackwardDataArgs>> dense_backward_data_variants();
std::span<const DenseVariant<DenseBackwardWeightArgs>> dense_backward_weight_variants();

}  // namespace diptych
