// conv2d as cuDNN's operation graphs: a convolution, or a convolution with bias, residual and leaky
// ReLU behind it.
// SPDX-License-Identifier: MIT
#include <array>

#include "kernels/conv2d/conv2d_cudnn.h"

namespace diptych {

namespace {

using cudnn::Descriptor;
using cudnn::Dims;
using cudnn::Graph;
using cudnn::TensorSpec;

enum Id : int64_t { kX = 1, kW, kA, kB, kResidual, kFirstVirtual };

Dims a_dims(const Conv2dProblem& t) {
  return {t.n, t.k, t.p(), t.q()};
}

cudnnBackendDescriptor_t convolution(Graph& graph, const Conv2dProblem& t) {
  const std::array<int64_t, 2> strides = {t.stride, t.stride}, dilations = {1, 1};
  const std::array<int64_t, 2> before = {t.pad_top, t.pad_left},
                               after = {t.pad_bottom, t.pad_right};
  Descriptor d(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2})
      .set_list(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::span<const int64_t>(dilations))
      .set_list(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::span<const int64_t>(strides))
      .set_list(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, std::span<const int64_t>(before))
      .set_list(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, std::span<const int64_t>(after))
      .finalize("convolution");
  return graph.keep(std::move(d));
}

// Adds pointwise operations behind one another.
class Pointwise {
 public:
  Pointwise(Graph& graph, const Conv2dCudnnProblem& problem, int count)
      : graph_(graph), problem_(problem), left_(count) {}

  // What the next operation writes: f32 without memory, or the result.
  cudnnBackendDescriptor_t result() {
    const bool last = left_ == 0;
    return graph_.keep(cudnn::tensor({.id = last ? int64_t{kA} : next_id_++,
                                      .dims = a_dims(problem_.problem),
                                      .dtype = last ? problem_.out_dtype : DType::kF32,
                                      .alignment = problem_.alignment,
                                      .is_virtual = !last}));
  }

  // `second` may be null; settings() fills in the mode.
  template <class Settings>
  cudnnBackendDescriptor_t add(cudnnBackendDescriptor_t first,
                               cudnnBackendDescriptor_t second,
                               const Settings& settings) {
    --left_;
    Descriptor mode(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    settings(mode);
    mode.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT).finalize("pointwise");
    const cudnnBackendDescriptor_t to = result();
    Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set_object(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, graph_.keep(std::move(mode)))
        .set_object(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, first)
        .set_object(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, to);
    if (second) operation.set_object(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, second);
    graph_.operations.push_back(std::move(operation.finalize("pointwise operation")));
    return to;
  }

 private:
  Graph& graph_;
  const Conv2dCudnnProblem& problem_;
  int left_;
  int64_t next_id_ = kFirstVirtual;
};

void add_settings(Descriptor& mode) {
  mode.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_ADD);
}

void build_forward(Graph& graph,
                   const Conv2dCudnnProblem& problem,
                   const TensorSpec& x,
                   const TensorSpec& w) {
  const Conv2dProblem& t = problem.problem;
  const Conv2dEpilogue& e = problem.epilogue;
  const bool leaky = e.leaky_slope != 1.0f;
  Pointwise pointwise(graph, problem, int{e.bias} + int{e.residual} + int{leaky});
  cudnnBackendDescriptor_t value = pointwise.result();
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  operation.set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, convolution(graph, t))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, graph.keep(cudnn::tensor(x)))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, graph.keep(cudnn::tensor(w)))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, value)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0.0f);
  graph.operations.push_back(std::move(operation.finalize("convolution forward")));
  if (e.bias) {
    const TensorSpec b = {.id = kB, .dims = {1, t.k, 1, 1}, .dtype = DType::kF32, .alignment = 4};
    value = pointwise.add(value, graph.keep(cudnn::tensor(b)), add_settings);
  }
  if (e.residual) {
    const TensorSpec residual = {
        .id = kResidual, .dims = a_dims(t), .dtype = problem.dtype, .alignment = problem.alignment};
    value = pointwise.add(value, graph.keep(cudnn::tensor(residual)), add_settings);
  }
  if (leaky) {
    pointwise.add(value, nullptr, [&](Descriptor& mode) {
      mode.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_RELU_FWD)
          .set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, 0.0)
          .set(CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE, static_cast<double>(e.leaky_slope));
    });
  }
}

void build_backward_data(Graph& graph,
                         const Conv2dCudnnProblem& problem,
                         const TensorSpec& x,
                         const TensorSpec& w,
                         const TensorSpec& a) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
  operation
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                  convolution(graph, problem.problem))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, graph.keep(cudnn::tensor(x)))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, graph.keep(cudnn::tensor(w)))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, graph.keep(cudnn::tensor(a)))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0.0f);
  graph.operations.push_back(std::move(operation.finalize("convolution backward data")));
}

void build_backward_weight(Graph& graph,
                           const Conv2dCudnnProblem& problem,
                           const TensorSpec& x,
                           const TensorSpec& w,
                           const TensorSpec& a) {
  Descriptor operation(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
  operation
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                  convolution(graph, problem.problem))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, graph.keep(cudnn::tensor(x)))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, graph.keep(cudnn::tensor(w)))
      .set_object(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, graph.keep(cudnn::tensor(a)))
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1.0f)
      .set(CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0.0f);
  graph.operations.push_back(std::move(operation.finalize("convolution backward weight")));
}

}  // namespace

std::shared_ptr<const Graph> conv2d_cudnn_graph(const Conv2dCudnnProblem& problem,
                                                cudnnHandle_t handle) {
  const Conv2dProblem& t = problem.problem;
  DIPTYCH_CHECK(!problem.epilogue.depth_to_space,
                "conv2d_cudnn: depth_to_space is not one of cuDNN's operations");
  const auto graph = std::make_shared<Graph>();
  const auto spec = [&](int64_t id, Dims dims, bool out) {
    return TensorSpec{.id = id,
                      .dims = dims,
                      .dtype = out ? problem.out_dtype : problem.dtype,
                      .alignment = problem.alignment};
  };
  const TensorSpec x = spec(kX, {t.n, t.c, t.h, t.w}, problem.pass == Conv2dPass::kBackwardData);
  const TensorSpec w = spec(kW, {t.k, t.c, t.r, t.s}, problem.pass == Conv2dPass::kBackwardWeight);
  const TensorSpec a = spec(kA, a_dims(t), false);
  switch (problem.pass) {
    case Conv2dPass::kForward:
      build_forward(*graph, problem, x, w);
      break;
    case Conv2dPass::kBackwardData:
      build_backward_data(*graph, problem, x, w, a);
      break;
    case Conv2dPass::kBackwardWeight:
      build_backward_weight(*graph, problem, x, w, a);
      break;
  }
  graph->finalize(handle);
  return graph;
}

std::vector<cudnn::Plan> conv2d_cudnn_plans(cudnn::State& state,
                                            const Conv2dCudnnProblem& problem,
                                            const cudnn::Allowed& allowed,
                                            size_t at_most) {
  std::shared_ptr<const Graph> graph;
  try {
    graph = conv2d_cudnn_graph(problem, state.handle());
  } catch (const Error&) {  // cuDNN does not know such a combination
    return {};
  }
  return cudnn::plans(state, std::move(graph), allowed, at_most);
}

void conv2d_cudnn_run(cudnn::State& state,
                      const Conv2dCudnnProblem& problem,
                      const cudnn::Plan& plan,
                      const Conv2dCudnnTensors& tensors,
                      void* workspace) {
  std::array<int64_t, 5> ids = {kX, kW, kA};
  std::array<void*, 5> pointers = {const_cast<void*>(tensors.x), const_cast<void*>(tensors.w),
                                   const_cast<void*>(tensors.a)};
  size_t count = 3;
  const auto bind = [&](int64_t id, const void* pointer) {
    ids[count] = id;
    pointers[count++] = const_cast<void*>(pointer);
  };
  if (problem.epilogue.bias) bind(kB, tensors.b);
  if (problem.epilogue.residual) bind(kResidual, tensors.residual);
  cudnn::run(state, plan, std::span(ids).first(count), std::span(pointers).first(count), workspace);
}

}  // namespace diptych
