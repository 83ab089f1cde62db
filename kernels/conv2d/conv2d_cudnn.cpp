// conv2d on engine cudnn: which graph, where its result goes, and our passes around it.
// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_cudnn.h"

#include <algorithm>

#include "kernels/add/add.h"
#include "kernels/cast/cast.h"
#include "kernels/conv2d/conv2d_forward_epilogue.h"

namespace diptych {

namespace {

using cudnn::Layout;

// What a pass settled on.
struct Settled : cudnn::Entry {
  Conv2dCudnnProblem problem;
  cudnn::Plan plan;
};

cudnn::Key key_of(const Conv2dCudnnProblem& p, DType wanted) {
  const Conv2dProblem& t = p.problem;
  const auto slope = static_cast<int64_t>(p.epilogue.leaky_slope * (1 << 20));
  return {static_cast<int64_t>(p.pass),
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
          p.epilogue.bias,
          p.epilogue.residual,
          slope,
          static_cast<int64_t>(p.dtype),
          static_cast<int64_t>(wanted),
          p.alignment};
}

// The first of the ways that cuDNN has a plan for.
std::unique_ptr<Settled> settle(cudnn::State& state, const std::vector<Conv2dCudnnProblem>& ways) {
  for (const Conv2dCudnnProblem& way : ways) {
    const cudnn::Allowed allowed = {.tensor_cores = way.dtype == DType::kBF16};
    std::vector<cudnn::Plan> plans = conv2d_cudnn_plans(state, way, allowed, 1);
    if (plans.empty()) continue;
    auto settled = std::make_unique<Settled>();
    settled->problem = way;
    settled->plan = std::move(plans.front());
    return settled;
  }
  static constexpr const char* kNames[] = {"conv2d_forward", "conv2d_backward_data",
                                           "conv2d_backward_weight"};
  const Conv2dCudnnProblem& asked = ways.front();
  throw Error(str(kNames[static_cast<int>(asked.pass)], ": cuDNN ", cudnn::version_text(),
                  " has no engine for ", asked.problem, ' ', asked.dtype,
                  ". Use engine cuda (--engine cuda)"));
}

const Settled& settled_on(cudnn::State& state,
                          const std::vector<Conv2dCudnnProblem>& ways,
                          DType wanted) {
  return state.find<Settled>(key_of(ways.front(), wanted), [&] { return settle(state, ways); });
}

template <class... Pointers>
int64_t alignment_of(const Pointers*... pointers) {
  return std::min({cudnn::alignment_of(pointers)...});
}

// A part of the workspace.
void* at(void* workspace, size_t offset) {
  return static_cast<char*>(workspace) + offset;
}

size_t bytes_of(const Shape& shape, DType dtype) {
  return static_cast<size_t>(shape.numel()) * size_of(dtype);
}

// to (+)= from, where they differ in dtype or the sum is asked for. Takes no workspace, so `from`
// may lie in it.
void bring(Stream& stream, View from, GradView to) {
  if (from.dtype == to.dtype && to.accumulate())
    add_scaled(stream, 1.0f, from, to);
  else
    cast_backward(stream, from, to);
}

// The ways to a forward, best first: everything in one graph but depth_to_space; the convolution
// alone; the same rounded to the dtype of x.
std::vector<Conv2dCudnnProblem> forward_ways(const Conv2dCudaForward& args) {
  Conv2dCudnnProblem alone = {.problem = args.problem,
                              .dtype = args.dtype,
                              .out_dtype = args.y_dtype,
                              .alignment = alignment_of(args.x, args.w, args.y)};
  if (args.epilogue.residual)
    alone.alignment = std::min(alone.alignment, alignment_of(args.residual));
  std::vector<Conv2dCudnnProblem> ways;
  const bool in_place = args.epilogue.residual && args.residual == args.y;
  if (!in_place) {  // our own pass reads an element before it writes it
    ways.push_back(alone);
    ways.back().epilogue = args.epilogue;
    ways.back().epilogue.depth_to_space = false;
  }
  ways.push_back(alone);
  if (args.y_dtype != args.dtype) {
    ways.push_back(alone);
    ways.back().out_dtype = args.dtype;
  }
  return ways;
}

}  // namespace

void conv2d_cudnn(Stream& stream, const Conv2dCudaForward& args) {
  cudnn::State& state = cudnn::state_of(stream);
  const Settled& s = settled_on(state, forward_ways(args), args.y_dtype);
  Conv2dEpilogue left = args.epilogue;  // for us to do
  if (s.problem.epilogue.bias) left.bias = false;
  if (s.problem.epilogue.residual) left.residual = false;
  if (s.problem.epilogue.leaky_slope != 1.0f) left.leaky_slope = 1.0f;
  const bool direct = left == Conv2dEpilogue{} && s.problem.out_dtype == args.y_dtype;
  Layout layout;
  const size_t own = layout.add(s.plan.workspace);
  const size_t a_at =
      direct ? 0 : layout.add(bytes_of(args.problem.a_shape(), s.problem.out_dtype));
  void* const workspace = layout.total() > 0 ? stream.workspace(layout.total()) : nullptr;
  void* const a = direct ? args.y : at(workspace, a_at);
  conv2d_cudnn_run(state, s.problem, s.plan,
                   {.x = args.x, .w = args.w, .a = a, .b = args.b, .residual = args.residual},
                   at(workspace, own));
  if (direct) return;
  conv2d_forward_epilogue_cuda({.problem = args.problem,
                                .epilogue = left,
                                .dtype = args.dtype,
                                .a_dtype = s.problem.out_dtype,
                                .y_dtype = args.y_dtype,
                                .a = a,
                                .b = args.b,
                                .residual = args.residual,
                                .y = args.y},
                               stream.cuda());
}

void conv2d_cudnn(Stream& stream, const Conv2dCudaBackwardData& args) {
  DIPTYCH_CHECK((!args.before || args.before == args.dx) && args.below == Conv2dEpilogue{},
                "conv2d_backward_data: engine cudnn undoes no epilogue; ", args.problem);
  cudnn::State& state = cudnn::state_of(stream);
  const Settled& s = settled_on(state,
                                {{.pass = Conv2dPass::kBackwardData,
                                  .problem = args.problem,
                                  .dtype = args.dtype,
                                  .out_dtype = args.dtype,
                                  .alignment = alignment_of(args.da, args.w, args.dx)}},
                                args.dtype);
  const Shape shape = args.problem.x_shape();
  Layout layout;
  const size_t own = layout.add(s.plan.workspace);
  const size_t dx_at = args.before ? layout.add(bytes_of(shape, args.dtype)) : 0;
  void* const workspace = layout.total() > 0 ? stream.workspace(layout.total()) : nullptr;
  void* const dx = args.before ? at(workspace, dx_at) : args.dx;
  conv2d_cudnn_run(state, s.problem, s.plan, {.x = dx, .w = args.w, .a = args.da},
                   at(workspace, own));
  if (args.before) {
    bring(stream, {dx, shape, args.dtype}, {{args.dx, shape, args.dtype}, GradMode::kAccumulate});
  }
}

void conv2d_cudnn(Stream& stream, const Conv2dCudaBackwardWeight& args) {
  cudnn::State& state = cudnn::state_of(stream);
  // cuDNN's engines store dw in the dtype of its inputs.
  const Settled& s = settled_on(state,
                                {{.pass = Conv2dPass::kBackwardWeight,
                                  .problem = args.problem,
                                  .dtype = args.dtype,
                                  .out_dtype = args.dtype,
                                  .alignment = alignment_of(args.x, args.da, args.dw)}},
                                args.dtype);
  const Shape shape = args.problem.w_shape();
  const bool direct = args.dtype == DType::kF32 && !args.accumulate;
  Layout layout;
  const size_t own = layout.add(s.plan.workspace);
  const size_t dw_at = direct ? 0 : layout.add(bytes_of(shape, args.dtype));
  void* const workspace = layout.total() > 0 ? stream.workspace(layout.total()) : nullptr;
  void* const dw = direct ? args.dw : at(workspace, dw_at);
  conv2d_cudnn_run(state, s.problem, s.plan, {.x = args.x, .w = dw, .a = args.da},
                   at(workspace, own));
  if (!direct) {
    bring(stream, {dw, shape, args.dtype},
          {{args.dw, shape, DType::kF32},
           args.accumulate ? GradMode::kAccumulate : GradMode::kOverwrite});
  }
}

}  // namespace diptych
