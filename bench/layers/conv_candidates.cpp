// The rungs of conv2d and cuDNN's plans for a layer.
// SPDX-License-Identifier: MIT
#include "bench/layers/candidates.h"
#include "bench/layers/device_memory.h"
#include "kernels/conv2d/conv2d_cuda.h"
#ifdef DIPTYCH_HAVE_CUDNN
#include "kernels/conv2d/conv2d_cudnn.h"
#endif

namespace diptych {

namespace {

struct ConvTensors : LayerTensors {
  ConvTensors(Stream& stream, const Conv2dLayer& layer, DType type, DType y_type)
      : dtype(type),
        y_dtype(y_type),
        x(layer.problem.x_shape(), type),
        w(layer.problem.w_shape(), type),
        b({layer.problem.k}, DType::kF32),
        residual(layer.problem.a_shape(), type),
        y(layer.problem.a_shape(), y_type),
        dy(layer.problem.a_shape(), y_type),
        a(layer.problem.a_shape(), type),
        dx(layer.problem.x_shape(), type),
        dw(layer.problem.w_shape(), DType::kF32),
        db({layer.problem.k}, DType::kF32) {
    for (DeviceMemory* memory : {&x, &w, &residual, &a}) memory->fill(stream, dtype);
    for (DeviceMemory* memory : {&y, &dy}) memory->fill(stream, y_dtype);
    b.fill(stream, DType::kF32);
  }

  DType dtype, y_dtype;
  DeviceMemory x, w, b, residual, y, dy, a, dx, dw, db;
};

using Tensors = std::shared_ptr<ConvTensors>;

template <class Args>
void add_rungs(Stream& stream,
               std::span<const Conv2dCudaRung<Args>> rungs,
               const Args& args,
               std::vector<Candidate>& list) {
  const int chip = device::info().chip;
  const auto& chosen = pick_conv2d_cuda(args, chip);
  for (const Conv2dCudaRung<Args>& rung : rungs) {
    if (!rung.accepts(args, chip)) continue;
    const auto run = [&stream, &rung, args] {
      const size_t bytes = rung.workspace(args);
      rung.run(args, bytes > 0 ? stream.workspace(bytes) : nullptr, stream.cuda());
    };
    list.push_back({rung.name, "", true, &rung == &chosen, run});
  }
}

#ifdef DIPTYCH_HAVE_CUDNN

// The fastest of cuDNN's plans for one question, whatever order it sums in.
void add_best_plan(Stream& stream,
                   GpuClock& clock,
                   const char* name,
                   const Conv2dCudnnProblem& problem,
                   const Conv2dCudnnTensors& tensors,
                   const VendorSearch& search,
                   std::vector<Candidate>& list) {
  cudnn::State& state = cudnn::state_of(stream);
  const cudnn::Allowed allowed = {.tensor_cores = problem.dtype == DType::kBF16,
                                  .nondeterministic = true,
                                  .reduced_sums = true};
  std::shared_ptr<cudnn::Plan> best;
  double best_ms = 0;
  int tried = 0;
  const auto runner = [&stream, &state, problem, tensors](std::shared_ptr<cudnn::Plan> plan) {
    return [&stream, &state, problem, tensors, plan] {
      void* const workspace = plan->workspace > 0 ? stream.workspace(plan->workspace) : nullptr;
      conv2d_cudnn_run(state, problem, *plan, tensors, workspace);
    };
  };
  for (cudnn::Plan& found :
       conv2d_cudnn_plans(state, problem, allowed, static_cast<size_t>(search.plans))) {
    const auto plan = std::make_shared<cudnn::Plan>(std::move(found));
    try {
      const double ms = clock.glance(runner(plan));
      ++tried;
      if (best && ms >= best_ms) continue;
      best = plan;
      best_ms = ms;
    } catch (const Error&) {  // an engine that refuses at the last moment
    }
  }
  if (!best) return;
  list.push_back({name, str(best->name, ", best of ", tried), false, false, runner(best)});
}

#endif

void add_forward(Stream& stream,
                 [[maybe_unused]] GpuClock& clock,
                 const Conv2dLayer& layer,
                 const Tensors& t,
                 [[maybe_unused]] const VendorSearch& search,
                 std::vector<Candidate>& list) {
  const Conv2dCudaForward args = {.problem = layer.problem,
                                  .epilogue = layer.epilogue,
                                  .dtype = t->dtype,
                                  .y_dtype = t->y_dtype,
                                  .x = t->x.get(),
                                  .w = t->w.get(),
                                  .b = t->b.get<float>(),
                                  .residual = t->residual.get(),
                                  .y = t->y.get()};
  add_rungs(stream, conv2d_cuda_forward_rungs(), args, list);
#ifdef DIPTYCH_HAVE_CUDNN
  const Conv2dCudnnTensors tensors = {
      .x = args.x, .w = args.w, .a = t->a.get(), .b = args.b, .residual = args.residual};
  const Conv2dCudnnProblem plain = {
      .problem = layer.problem, .dtype = t->dtype, .out_dtype = t->dtype};
  Conv2dCudnnProblem fused = plain;
  fused.epilogue = layer.epilogue;
  fused.epilogue.depth_to_space = false;
  add_best_plan(stream, clock, "cudnn", plain, tensors, search, list);
  add_best_plan(stream, clock, "cudnn_fused", fused, tensors, search, list);
  list.push_back(
      {"engine_cudnn", "", false, false, [&stream, args] { conv2d_cudnn(stream, args); }});
#endif
}

Conv2dCudaBackwardData backward_data_args(const Conv2dLayer& layer, const Tensors& t) {
  return {.problem = layer.problem,
          .dtype = t->dtype,
          .da = t->a.get(),
          .w = t->w.get(),
          .dx = t->dx.get()};
}

void add_backward_data(Stream& stream,
                       [[maybe_unused]] GpuClock& clock,
                       const Conv2dLayer& layer,
                       const Tensors& t,
                       [[maybe_unused]] const VendorSearch& search,
                       std::vector<Candidate>& list) {
  const Conv2dCudaBackwardData args = backward_data_args(layer, t);
  add_rungs(stream, conv2d_cuda_backward_data_rungs(), args, list);
#ifdef DIPTYCH_HAVE_CUDNN
  const Conv2dCudnnProblem problem = {.pass = Conv2dPass::kBackwardData,
                                      .problem = layer.problem,
                                      .dtype = t->dtype,
                                      .out_dtype = t->dtype};
  add_best_plan(stream, clock, "cudnn", problem, {.x = args.dx, .w = args.w, .a = args.da}, search,
                list);
  list.push_back(
      {"engine_cudnn", "", false, false, [&stream, args] { conv2d_cudnn(stream, args); }});
#endif
}

constexpr Conv2dEpilogue kBelow = {.leaky_slope = 0.2f};

void add_backward_data_below(Stream& stream,
                             [[maybe_unused]] GpuClock& clock,
                             const Conv2dLayer& layer,
                             const Tensors& t,
                             [[maybe_unused]] const VendorSearch& search,
                             std::vector<Candidate>& list) {
  Conv2dCudaBackwardData args = backward_data_args(layer, t);
  args.below = kBelow;
  args.x = t->x.get();
  add_rungs(stream, conv2d_cuda_backward_data_rungs(), args, list);
#ifdef DIPTYCH_HAVE_CUDNN
  // cuDNN's best plan, then our pass over its result.
  const Conv2dCudnnProblem problem = {.pass = Conv2dPass::kBackwardData,
                                      .problem = layer.problem,
                                      .dtype = t->dtype,
                                      .out_dtype = t->dtype};
  const size_t before = list.size();
  add_best_plan(stream, clock, "cudnn_and_pass", problem, {.x = args.dx, .w = args.w, .a = args.da},
                search, list);
  if (list.size() == before) return;
  const Conv2dProblem& p = layer.problem;
  const Conv2dCudaBackwardEpilogue pass = {
      .problem = {.n = p.n, .h = p.h, .w = p.w, .c = 1, .k = p.c, .r = 1, .s = 1},
      .epilogue = kBelow,
      .dtype = t->dtype,
      .y = t->x.get(),
      .dy = args.dx,
      .da = args.dx};
  const auto& rung = pick_conv2d_cuda(pass, device::info().chip);
  list.back().run = [&stream, &rung, pass, plan = list.back().run] {
    plan();
    rung.run(pass, nullptr, stream.cuda());
  };
#endif
}

void add_backward_weight(Stream& stream,
                         [[maybe_unused]] GpuClock& clock,
                         const Conv2dLayer& layer,
                         const Tensors& t,
                         [[maybe_unused]] const VendorSearch& search,
                         std::vector<Candidate>& list) {
  const Conv2dCudaBackwardWeight args = {.problem = layer.problem,
                                         .dtype = t->dtype,
                                         .x = t->x.get(),
                                         .da = t->a.get(),
                                         .dw = t->dw.get<float>(),
                                         .db = t->db.get<float>()};
  add_rungs(stream, conv2d_cuda_backward_weight_rungs(), args, list);
#ifdef DIPTYCH_HAVE_CUDNN
  // dw in the dtype of x: that is what cuDNN's engines store.
  const Conv2dCudnnProblem problem = {.pass = Conv2dPass::kBackwardWeight,
                                      .problem = layer.problem,
                                      .dtype = t->dtype,
                                      .out_dtype = t->dtype};
  add_best_plan(stream, clock, "cudnn", problem, {.x = args.x, .w = args.dw, .a = args.da}, search,
                list);
  list.push_back(
      {"engine_cudnn", "", false, false, [&stream, args] { conv2d_cudnn(stream, args); }});
#endif
}

}  // namespace

LayerCandidates candidates_of(Stream& stream,
                              GpuClock& clock,
                              const Conv2dLayer& layer,
                              LayerPass pass,
                              DType dtype,
                              const VendorSearch& search) {
  const DType y_dtype = layer.f32_out ? DType::kF32 : dtype;
  const auto t = std::make_shared<ConvTensors>(stream, layer, dtype, y_dtype);
  LayerCandidates found = {t, {}};
  switch (pass) {
    case LayerPass::kForward:
      add_forward(stream, clock, layer, t, search, found.list);
      break;
    case LayerPass::kBackwardEpilogue:
      add_rungs(stream, conv2d_cuda_backward_epilogue_rungs(),
                Conv2dCudaBackwardEpilogue{.problem = layer.problem,
                                           .epilogue = layer.epilogue,
                                           .dtype = y_dtype,
                                           .y = t->y.get(),
                                           .dy = t->dy.get(),
                                           .da = layer.f32_out ? t->y.get() : t->a.get(),
                                           .db = t->db.get<float>()},
                found.list);
      break;
    case LayerPass::kBackwardData:
      if (layer.needs_dx) add_backward_data(stream, clock, layer, t, search, found.list);
      break;
    case LayerPass::kBackwardDataBelow:
      if (layer.needs_dx) add_backward_data_below(stream, clock, layer, t, search, found.list);
      break;
    case LayerPass::kBackwardWeight:
      add_backward_weight(stream, clock, layer, t, search, found.list);
      break;
    case LayerPass::kBackwardBias:  // part of backward weight
      break;
  }
  return found;
}

}  // namespace diptych
