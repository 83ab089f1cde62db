// conv_transpose2d onednn variant: oneDNN's deconvolution on NHWC, bias and leaky ReLU fused.
// SPDX-License-Identifier: MIT
#include <bit>

#include "kernels/common/onednn.h"
#include "kernels/common/packed_weights.h"
#include "kernels/conv_transpose2d/conv_transpose2d_variants.h"

namespace diptych {

namespace {

using onednn::Desc;
using onednn::Key;
using onednn::Operation;
using onednn::Tag;

constexpr int32_t kPass = 21;  // conv2d has 1 to 3, gemm 11 to 13

struct DeconvPlan : onednn::Plan {
  Operation deconv;
  Operation reorder;  // weights to the packed layout; empty when they are in it
  size_t packed_bytes = 0, packed_at = 0, scratchpad_at = 0, total = 0;
};

Desc nhwc(int n, int h, int w, int c, DType dtype) {
  return {{n, c, h, w}, onednn::data_type(dtype), Tag::nhwc};
}

// The stored weight is (C,R,S,K); oneDNN counts its axes as (K,C,R,S).
Desc stored_weight(const ConvTranspose2dProblem& t, DType dtype) {
  const onednn::Dims strides = {1, int64_t{t.r} * t.s * t.k, int64_t{t.s} * t.k, t.k};
  return {{t.k, t.c, t.r, t.s}, onednn::data_type(dtype), strides};
}

std::unique_ptr<DeconvPlan> make_plan(const ConvTranspose2dForwardArgs& args) {
  const ConvTranspose2dProblem& t = args.problem;
  const onednn::ConvDescs descs = {
      .src = nhwc(t.n, t.h, t.w, t.c, args.x.dtype),
      .weights = {{t.k, t.c, t.r, t.s}, onednn::data_type(args.x.dtype), Tag::any},
      .bias = args.epilogue.bias ? Desc({t.k}, onednn::data_type(DType::kF32), Tag::a) : Desc(),
      .dst = nhwc(t.n, t.p(), t.q(), t.k, args.y.dtype),
      .strides = {t.stride, t.stride},
      .pad_begin = {t.pad_top, t.pad_left},
      .pad_end = {t.pad_bottom, t.pad_right}};
  dnnl::primitive_attr attr = onednn::user_scratchpad();
  if (args.epilogue.leaky_slope != 1.0f) {
    dnnl::post_ops post_ops;
    onednn::append_leaky(post_ops, args.epilogue.leaky_slope);
    attr.set_post_ops(post_ops);
  }
  const auto desc = onednn::deconv_forward(descs, attr);
  if (!desc) return nullptr;
  auto plan = std::make_unique<DeconvPlan>();
  plan->deconv = Operation(desc);
  plan->deconv.add(DNNL_ARG_SRC, descs.src);
  plan->deconv.add(DNNL_ARG_WEIGHTS, desc.weights_desc());
  if (args.epilogue.bias) plan->deconv.add(DNNL_ARG_BIAS, descs.bias);
  plan->deconv.add(DNNL_ARG_DST, descs.dst);
  const Desc stored = stored_weight(t, args.x.dtype);
  onednn::Layout layout;
  size_t scratchpad = plan->deconv.scratchpad_bytes();
  if (desc.weights_desc() != stored) {
    plan->reorder = Operation::reorder(stored, desc.weights_desc());
    plan->packed_bytes = desc.weights_desc().get_size();
    scratchpad = std::max(scratchpad, plan->reorder.scratchpad_bytes());
  }
  plan->packed_at = layout.add(plan->packed_bytes);
  plan->scratchpad_at = layout.add(scratchpad);
  plan->total = layout.total();
  return plan;
}

DeconvPlan* plan_for(const Stream& stream, const ConvTranspose2dForwardArgs& args) {
  const ConvTranspose2dProblem& t = args.problem;
  const Key key = {kPass,
                   stream.threads(),
                   static_cast<int32_t>(args.x.dtype),
                   static_cast<int32_t>(args.y.dtype),
                   t.n,
                   t.h,
                   t.w,
                   t.c,
                   t.k,
                   t.r,
                   t.s,
                   t.stride,
                   t.pad_top,
                   t.pad_left,
                   t.pad_bottom,
                   t.pad_right,
                   args.epilogue.bias,
                   std::bit_cast<int32_t>(args.epilogue.leaky_slope)};
  return onednn::state_of(stream).find<DeconvPlan>(key, [&] { return make_plan(args); });
}

bool accepts(const Stream& stream, const ConvTranspose2dForwardArgs& args) {
  return stream.engine() == Engine::kCpu && plan_for(stream, args) != nullptr;
}

void run(Stream& stream, const ConvTranspose2dForwardArgs& args) {
  DeconvPlan& plan = *plan_for(stream, args);
  char* workspace = static_cast<char*>(stream.workspace(plan.total));
  const auto pack = [&](void* to) {
    plan.reorder.bind(DNNL_ARG_FROM, args.w.data);
    plan.reorder.bind(DNNL_ARG_TO, to);
    plan.reorder.bind(DNNL_ARG_SCRATCHPAD, workspace + plan.scratchpad_at);
    plan.reorder.run();
  };
  const void* weight = args.w.data;
  if (plan.reorder && stream.weights_constant()) {
    weight = stream.state<PackedWeights>().find(args.w, &plan, plan.packed_bytes, pack);
  } else if (plan.reorder) {
    pack(workspace + plan.packed_at);
    weight = workspace + plan.packed_at;
  }
  plan.deconv.bind(DNNL_ARG_SRC, args.x.data);
  plan.deconv.bind(DNNL_ARG_WEIGHTS, weight);
  if (args.epilogue.bias) plan.deconv.bind(DNNL_ARG_BIAS, args.b.data);
  plan.deconv.bind(DNNL_ARG_DST, args.y.data);
  plan.deconv.bind(DNNL_ARG_SCRATCHPAD, workspace + plan.scratchpad_at);
  plan.deconv.run();
}

}  // namespace

const ConvTranspose2dVariant kConvTranspose2dOneDnn = {"onednn", accepts, run};

}  // namespace diptych
