// conv2d onednn variant: oneDNN's convolution primitives on NHWC activations, f32 and bf16 (AMX).
// SPDX-License-Identifier: MIT
//
// Weights are handed over in the blocked layout the primitive prefers: packed into the workspace on
// every call, or once per weight tensor while the stream's weights are constant. Bias, residual and
// leaky ReLU are fused; depth_to_space is a pass of its own. One plan per problem is compiled and
// kept in the stream.
#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/common/onednn.h"
#include "kernels/common/packed_weights.h"
#include "kernels/common/parallel.h"
#include "kernels/conv2d/conv2d_epilogue.h"
#include "kernels/conv2d/conv2d_variants.h"

namespace diptych {

namespace {

using onednn::Desc;
using onednn::Key;
using onednn::Operation;
using onednn::Tag;

enum Pass : int32_t { kForward = 1, kBackwardData, kBackwardWeight };

Key make_key(Pass pass, const Stream& stream, const Conv2dProblem& t, DType x, DType y) {
  return {pass,
          stream.threads(),
          static_cast<int32_t>(x),
          static_cast<int32_t>(y),
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
          t.pad_right};
}

// Padding after the last tap that is read: what the output shape rule leaves unread is cut off.
int pad_after(int out, int stride, int filter, int in, int pad_before) {
  return (out - 1) * stride + filter - in - pad_before;
}

Desc nhwc(int n, int h, int w, int c, DType dtype) {
  return {{n, c, h, w}, onednn::data_type(dtype), Tag::nhwc};
}

Desc weights(const Conv2dProblem& t, DType dtype, Tag tag) {
  return {{t.k, t.c, t.r, t.s}, onednn::data_type(dtype), tag};
}

onednn::ConvDescs describe(const Conv2dProblem& t, DType x, DType w, DType y) {
  return {.src = nhwc(t.n, t.h, t.w, t.c, x),
          .weights = weights(t, w, Tag::any),
          .bias = {},
          .dst = nhwc(t.n, t.p(), t.q(), t.k, y),
          .strides = {t.stride, t.stride},
          .pad_begin = {t.pad_top, t.pad_left},
          .pad_end = {pad_after(t.p(), t.stride, t.r, t.h, t.pad_top),
                      pad_after(t.q(), t.stride, t.s, t.w, t.pad_left)}};
}

// A convolution with one reordered operand and the workspace it needs.
struct ConvPlan : onednn::Plan {
  Operation conv;
  Operation reorder;         // KRSC to packed, or packed dw to KRSC; empty when they are the same
  Operation reorder_adding;  // backward_weight: the same, onto what is there
  size_t packed_bytes = 0, scratchpad_bytes = 0;
  size_t packed_at = 0, result_at = 0, scratchpad_at = 0, total = 0;

  // result_bytes: an intermediate result that the conv writes and a later pass reads.
  void lay_out(size_t result_bytes) {
    scratchpad_bytes = std::max({conv.scratchpad_bytes(), reorder ? reorder.scratchpad_bytes() : 0,
                                 reorder_adding ? reorder_adding.scratchpad_bytes() : 0});
    onednn::Layout layout;
    packed_at = layout.add(packed_bytes);
    result_at = layout.add(result_bytes);
    scratchpad_at = layout.add(scratchpad_bytes);
    total = layout.total();
  }
};

void run_with(Operation& operation, char* scratchpad) {
  operation.bind(DNNL_ARG_SCRATCHPAD, scratchpad);
  operation.run();
}

// The weights as the conv wants them: as they are, from the cache, or packed into the workspace.
const void* packed_weights(Stream& stream, ConvPlan& plan, View w, char* workspace) {
  if (!plan.reorder) return w.data;
  const auto pack = [&](void* to) {
    plan.reorder.bind(DNNL_ARG_FROM, w.data);
    plan.reorder.bind(DNNL_ARG_TO, to);
    run_with(plan.reorder, workspace + plan.scratchpad_at);
  };
  if (stream.weights_constant()) {
    return stream.state<PackedWeights>().find(w, &plan, plan.packed_bytes, pack);
  }
  pack(workspace + plan.packed_at);
  return workspace + plan.packed_at;
}

// Forward.

ConvPlan* forward_plan(const Stream& stream, const Conv2dForwardArgs& args) {
  const Conv2dProblem& t = args.problem;
  const Conv2dEpilogue& epilogue = args.epilogue;
  Key key = make_key(kForward, stream, t, args.x.dtype, args.y.dtype);
  key[16] = epilogue.bias;
  key[17] = epilogue.residual;
  key[18] = epilogue.depth_to_space;
  key[19] = std::bit_cast<int32_t>(epilogue.leaky_slope);
  return onednn::state_of(stream).find<ConvPlan>(key, [&]() -> std::unique_ptr<ConvPlan> {
    onednn::ConvDescs descs = describe(t, args.x.dtype, args.x.dtype, args.y.dtype);
    if (epilogue.bias) descs.bias = {{t.k}, onednn::data_type(DType::kF32), Tag::a};
    dnnl::primitive_attr attr = onednn::user_scratchpad();
    dnnl::post_ops post_ops;
    if (epilogue.residual) post_ops.append_sum(1.0f);  // onto a copy of the residual
    if (epilogue.leaky_slope != 1.0f) onednn::append_leaky(post_ops, epilogue.leaky_slope);
    attr.set_post_ops(post_ops);
    const auto desc = onednn::conv_forward(descs, attr);
    if (!desc) return nullptr;
    auto plan = std::make_unique<ConvPlan>();
    plan->conv = Operation(desc);
    plan->conv.add(DNNL_ARG_SRC, descs.src);
    plan->conv.add(DNNL_ARG_WEIGHTS, desc.weights_desc());
    if (epilogue.bias) plan->conv.add(DNNL_ARG_BIAS, descs.bias);
    plan->conv.add(DNNL_ARG_DST, descs.dst);
    const Desc krsc = weights(t, args.x.dtype, Tag::ohwi);
    if (desc.weights_desc() != krsc) {
      plan->reorder = Operation::reorder(krsc, desc.weights_desc());
      plan->packed_bytes = desc.weights_desc().get_size();
    }
    plan->lay_out(epilogue.depth_to_space ? descs.dst.get_size() : 0);
    return plan;
  });
}

// The residual where the convolution adds its sums.
void copy_residual(View residual, MutView to) {
  const int64_t count = residual.shape.numel();
  parallel_for(count, 1 << 14, [&](int64_t begin, int64_t end) {
    if (residual.dtype == to.dtype) {
      const size_t size = size_of(to.dtype);
      std::memcpy(static_cast<char*>(to.data) + static_cast<size_t>(begin) * size,
                  static_cast<const char*>(residual.data) + static_cast<size_t>(begin) * size,
                  static_cast<size_t>(end - begin) * size);
      return;
    }
    const bf16* from = residual.as<bf16>();
    float* out = to.as<float>();
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<float>(from[i]);
  });
}

bool accepts_forward(const Stream& stream, const Conv2dForwardArgs& args) {
  return stream.engine() == Engine::kCpu && forward_plan(stream, args) != nullptr;
}

void run_forward(Stream& stream, const Conv2dForwardArgs& args) {
  ConvPlan& plan = *forward_plan(stream, args);
  char* workspace = static_cast<char*>(stream.workspace(plan.total));
  const Conv2dEpilogue& epilogue = args.epilogue;
  MutView a = {args.y.data, args.problem.a_shape(), args.y.dtype};
  if (epilogue.depth_to_space) a.data = workspace + plan.result_at;
  if (epilogue.residual && args.residual.data != a.data) copy_residual(args.residual, a);
  plan.conv.bind(DNNL_ARG_SRC, args.x.data);
  plan.conv.bind(DNNL_ARG_WEIGHTS, packed_weights(stream, plan, args.w, workspace));
  if (epilogue.bias) plan.conv.bind(DNNL_ARG_BIAS, args.b.data);
  plan.conv.bind(DNNL_ARG_DST, a.data);
  run_with(plan.conv, workspace + plan.scratchpad_at);
  if (epilogue.depth_to_space) conv2d_depth_to_space(stream, args.problem, a, args.y);
}

// Backward to the data. Accumulating needs the sums in f32 first, so that dx is rounded once.

ConvPlan* backward_data_plan(const Stream& stream, const Conv2dBackwardDataArgs& args) {
  const Conv2dProblem& t = args.problem;
  const DType sums = args.dx.accumulate() ? DType::kF32 : args.da.dtype;
  Key key = make_key(kBackwardData, stream, t, sums, args.da.dtype);
  key[16] = args.dx.accumulate();
  return onednn::state_of(stream).find<ConvPlan>(key, [&]() -> std::unique_ptr<ConvPlan> {
    const onednn::ConvDescs descs = describe(t, sums, args.da.dtype, args.da.dtype);
    const auto desc = onednn::conv_backward_data(descs);
    if (!desc) return nullptr;
    auto plan = std::make_unique<ConvPlan>();
    plan->conv = Operation(desc);
    plan->conv.add(DNNL_ARG_DIFF_DST, descs.dst);
    plan->conv.add(DNNL_ARG_WEIGHTS, desc.weights_desc());
    plan->conv.add(DNNL_ARG_DIFF_SRC, descs.src);
    const Desc krsc = weights(t, args.da.dtype, Tag::ohwi);
    if (desc.weights_desc() != krsc) {
      plan->reorder = Operation::reorder(krsc, desc.weights_desc());
      plan->packed_bytes = desc.weights_desc().get_size();
    }
    plan->lay_out(args.dx.accumulate() ? descs.src.get_size() : 0);
    return plan;
  });
}

template <class T>
void add_to(const float* sums, int64_t count, T* to) {
  parallel_for(count, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = T(static_cast<float>(to[i]) + sums[i]);
  });
}

bool accepts_backward_data(const Stream& stream, const Conv2dBackwardDataArgs& args) {
  return stream.engine() == Engine::kCpu && backward_data_plan(stream, args) != nullptr;
}

void run_backward_data(Stream& stream, const Conv2dBackwardDataArgs& args) {
  ConvPlan& plan = *backward_data_plan(stream, args);
  char* workspace = static_cast<char*>(stream.workspace(plan.total));
  void* sums = args.dx.accumulate() ? workspace + plan.result_at : args.dx.data;
  plan.conv.bind(DNNL_ARG_DIFF_DST, args.da.data);
  plan.conv.bind(DNNL_ARG_WEIGHTS, packed_weights(stream, plan, args.w, workspace));
  plan.conv.bind(DNNL_ARG_DIFF_SRC, sums);
  run_with(plan.conv, workspace + plan.scratchpad_at);
  if (!args.dx.accumulate()) return;
  dispatch_float(args.dx.dtype, [&]<class T>() {
    add_to(static_cast<const float*>(sums), args.dx.shape.numel(), args.dx.as<T>());
  });
}

// Backward to the weights.

ConvPlan* backward_weight_plan(const Stream& stream, const Conv2dBackwardWeightArgs& args) {
  const Conv2dProblem& t = args.problem;
  const Key key = make_key(kBackwardWeight, stream, t, args.x.dtype, args.da.dtype);
  return onednn::state_of(stream).find<ConvPlan>(key, [&]() -> std::unique_ptr<ConvPlan> {
    const onednn::ConvDescs descs = describe(t, args.x.dtype, DType::kF32, args.da.dtype);
    const auto desc = onednn::conv_backward_weight(descs);
    if (!desc) return nullptr;
    auto plan = std::make_unique<ConvPlan>();
    const Desc packed = desc.diff_weights_desc(), krsc = weights(t, DType::kF32, Tag::ohwi);
    plan->conv = Operation(desc);
    plan->conv.add(DNNL_ARG_SRC, descs.src);
    plan->conv.add(DNNL_ARG_DIFF_DST, descs.dst);
    plan->conv.add(DNNL_ARG_DIFF_WEIGHTS, packed);
    plan->reorder = Operation::reorder(packed, krsc);
    plan->reorder_adding = Operation::reorder(packed, krsc, true);
    plan->packed_bytes = packed.get_size();
    plan->lay_out(0);
    return plan;
  });
}

bool accepts_backward_weight(const Stream& stream, const Conv2dBackwardWeightArgs& args) {
  return stream.engine() == Engine::kCpu && backward_weight_plan(stream, args) != nullptr;
}

void run_backward_weight(Stream& stream, const Conv2dBackwardWeightArgs& args) {
  ConvPlan& plan = *backward_weight_plan(stream, args);
  char* workspace = static_cast<char*>(stream.workspace(plan.total));
  plan.conv.bind(DNNL_ARG_SRC, args.x.data);
  plan.conv.bind(DNNL_ARG_DIFF_DST, args.da.data);
  plan.conv.bind(DNNL_ARG_DIFF_WEIGHTS, workspace + plan.packed_at);
  run_with(plan.conv, workspace + plan.scratchpad_at);
  Operation& reorder = args.dw.accumulate() ? plan.reorder_adding : plan.reorder;
  reorder.bind(DNNL_ARG_FROM, workspace + plan.packed_at);
  reorder.bind(DNNL_ARG_TO, args.dw.data);
  run_with(reorder, workspace + plan.scratchpad_at);
}

}  // namespace

const Conv2dVariant<Conv2dForwardArgs> kConv2dForwardOneDnn = {"onednn", accepts_forward,
                                                               run_forward};
const Conv2dVariant<Conv2dBackwardDataArgs> kConv2dBackwardDataOneDnn = {
    "onednn", accepts_backward_data, run_backward_data};
const Conv2dVariant<Conv2dBackwardWeightArgs> kConv2dBackwardWeightOneDnn = {
    "onednn", accepts_backward_weight, run_backward_weight};

}  // namespace diptych
