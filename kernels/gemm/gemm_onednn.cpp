// Dense layer, onednn variant: oneDNN's matrix product on the plain layouts, f32 and bf16.
// SPDX-License-Identifier: MIT
//
//   forward          y (M,out)  = x (M,in) * w^T (in,out)
//   backward_data    dx (M,in)  = dy (M,out) * w (out,in)
//   backward_weight  dw (out,in) = dy^T (out,M) * x (M,in)
// No operand is packed: with M in the tens, packing w would cost more than the product.
#include "kernels/common/onednn.h"
#include "kernels/gemm/gemm_variants.h"

namespace diptych {

namespace {

using onednn::Desc;
using onednn::Key;
using onednn::Operation;
using onednn::Tag;

enum Pass : int32_t { kForward = 11, kBackwardData, kBackwardWeight };  // conv2d has 1 to 3

Desc matrix(int64_t rows, int64_t columns, DType dtype, bool transposed) {
  return {{rows, columns}, onednn::data_type(dtype), transposed ? Tag::ba : Tag::ab};
}

struct MatmulPlan : onednn::Plan {
  Operation product;
};

struct Matmul {
  Pass pass;
  int64_t rows, columns, inner;
  bool a_transposed, b_transposed, bias, accumulate;
  DType in, out;
};

MatmulPlan* plan_for(const Stream& stream, const Matmul& t) {
  const Key key = {t.pass,
                   stream.threads(),
                   static_cast<int32_t>(t.rows),
                   static_cast<int32_t>(t.columns),
                   static_cast<int32_t>(t.inner),
                   t.bias,
                   t.accumulate,
                   static_cast<int32_t>(t.in),
                   static_cast<int32_t>(t.out)};
  return onednn::state_of(stream).find<MatmulPlan>(key, [&]() -> std::unique_ptr<MatmulPlan> {
    const Desc a = matrix(t.rows, t.inner, t.in, t.a_transposed);
    const Desc b = matrix(t.inner, t.columns, t.in, t.b_transposed);
    const Desc c = matrix(t.rows, t.columns, t.out, false);
    const Desc bias = t.bias ? matrix(1, t.columns, DType::kF32, false) : Desc();
    dnnl::primitive_attr attr = onednn::user_scratchpad();
    if (t.accumulate) {
      dnnl::post_ops post_ops;
      post_ops.append_sum(1.0f);
      attr.set_post_ops(post_ops);
    }
    const auto desc = onednn::matmul(a, b, bias, c, attr);
    if (!desc) return nullptr;
    auto plan = std::make_unique<MatmulPlan>();
    plan->product = Operation(desc);
    plan->product.add(DNNL_ARG_SRC, a);
    plan->product.add(DNNL_ARG_WEIGHTS, b);
    if (t.bias) plan->product.add(DNNL_ARG_BIAS, bias);
    plan->product.add(DNNL_ARG_DST, c);
    return plan;
  });
}

void run(Stream& stream,
         MatmulPlan& plan,
         const void* a,
         const void* b,
         const void* bias,
         const void* c) {
  plan.product.bind(DNNL_ARG_SCRATCHPAD, stream.workspace(plan.product.scratchpad_bytes()));
  plan.product.bind(DNNL_ARG_SRC, a);
  plan.product.bind(DNNL_ARG_WEIGHTS, b);
  plan.product.bind(DNNL_ARG_BIAS, bias);
  plan.product.bind(DNNL_ARG_DST, c);
  plan.product.run();
}

MatmulPlan* plan_for(const Stream& stream, const DenseForwardArgs& args) {
  const DenseProblem& t = args.problem;
  return plan_for(stream, {.pass = kForward,
                           .rows = t.m,
                           .columns = t.out,
                           .inner = t.in,
                           .a_transposed = false,
                           .b_transposed = true,
                           .bias = args.b.defined(),
                           .accumulate = false,
                           .in = args.x.dtype,
                           .out = args.y.dtype});
}

MatmulPlan* plan_for(const Stream& stream, const DenseBackwardDataArgs& args) {
  const DenseProblem& t = args.problem;
  return plan_for(stream, {.pass = kBackwardData,
                           .rows = t.m,
                           .columns = t.in,
                           .inner = t.out,
                           .a_transposed = false,
                           .b_transposed = false,
                           .bias = false,
                           .accumulate = args.dx.accumulate(),
                           .in = args.dy.dtype,
                           .out = args.dx.dtype});
}

MatmulPlan* plan_for(const Stream& stream, const DenseBackwardWeightArgs& args) {
  const DenseProblem& t = args.problem;
  return plan_for(stream, {.pass = kBackwardWeight,
                           .rows = t.out,
                           .columns = t.in,
                           .inner = t.m,
                           .a_transposed = true,
                           .b_transposed = false,
                           .bias = false,
                           .accumulate = args.dw.accumulate(),
                           .in = args.x.dtype,
                           .out = DType::kF32});
}

template <class Args>
bool accepts(const Stream& stream, const Args& args) {
  return stream.engine() == Engine::kCpu && plan_for(stream, args) != nullptr;
}

void run_forward(Stream& stream, const DenseForwardArgs& args) {
  run(stream, *plan_for(stream, args), args.x.data, args.w.data, args.b.data, args.y.data);
}

void run_backward_data(Stream& stream, const DenseBackwardDataArgs& args) {
  run(stream, *plan_for(stream, args), args.dy.data, args.w.data, nullptr, args.dx.data);
}

void run_backward_weight(Stream& stream, const DenseBackwardWeightArgs& args) {
  run(stream, *plan_for(stream, args), args.dy.data, args.x.data, nullptr, args.dw.data);
}

}  // namespace

const DenseVariant<DenseForwardArgs> kDenseForwardOneDnn = {"onednn", accepts<DenseForwardArgs>,
                                                            run_forward};
const DenseVariant<DenseBackwardDataArgs> kDenseBackwardDataOneDnn = {
    "onednn", accepts<DenseBackwardDataArgs>, run_backward_data};
const DenseVariant<DenseBackwardWeightArgs> kDenseBackwardWeightOneDnn = {
    "onednn", accepts<DenseBackwardWeightArgs>, run_backward_weight};

}  // namespace diptych
