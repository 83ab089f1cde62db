// The rungs of gemm and cuBLASLt's algorithms for a dense layer.
// SPDX-License-Identifier: MIT
#include "bench/layers/candidates.h"
#include "bench/layers/device_memory.h"
#include "kernels/gemm/gemm_cuda.h"
#ifdef DIPTYCH_HAVE_CUDNN
#include "kernels/gemm/gemm_cublas.h"
#endif

namespace diptych {

namespace {

struct DenseTensors : LayerTensors {
  DenseTensors(Stream& stream, const DenseProblem& p, DType dtype)
      : x({p.m, p.in}, dtype),
        w({p.out, p.in}, dtype),
        b({p.out}, DType::kF32),
        y({p.m, p.out}, dtype),
        dx({p.m, p.in}, dtype),
        dw({p.out, p.in}, DType::kF32),
        db({p.out}, DType::kF32) {
    for (DeviceMemory* memory : {&x, &w, &y}) memory->fill(stream, dtype);
    b.fill(stream, DType::kF32);
  }

  DeviceMemory x, w, b, y, dx, dw, db;
};

template <class Args>
void add_rungs(Stream& stream,
               std::span<const GemmCudaRung<Args>> rungs,
               const Args& args,
               std::vector<Candidate>& list) {
  const int chip = device::info().chip;
  const auto& chosen = pick_gemm_cuda(args, chip);
  for (const GemmCudaRung<Args>& rung : rungs) {
    if (!rung.accepts(args, chip)) continue;
    const auto run = [&stream, &rung, args] {
      const size_t bytes = rung.workspace(args);
      rung.run(args, bytes > 0 ? stream.workspace(bytes) : nullptr, stream.cuda());
    };
    list.push_back({rung.name, "", true, &rung == &chosen, run});
  }
}

#ifdef DIPTYCH_HAVE_CUDNN

// The fastest of cuBLASLt's algorithms for the bare product.
void add_best_plan(Stream& stream,
                   GpuClock& clock,
                   const DenseCublasProblem& problem,
                   const DenseCublasTensors& tensors,
                   const VendorSearch& search,
                   std::vector<Candidate>& list) {
  Candidate best = {"cublaslt", "", false, false, nullptr};
  double best_ms = 0;
  int tried = 0;
  for (const DenseCublasPlan& plan : dense_cublas_plans(problem, search.plans)) {
    const auto run = [&stream, problem, tensors, plan] {
      void* const workspace = plan.workspace > 0 ? stream.workspace(plan.workspace) : nullptr;
      dense_cublas_run(problem, plan, tensors, false, workspace, stream.cuda());
    };
    const double ms = clock.glance(run);
    ++tried;
    if (best.run && ms >= best_ms) continue;
    best.run = run;
    best_ms = ms;
  }
  if (!best.run) return;
  best.detail = str("best of ", tried);
  list.push_back(std::move(best));
}

#endif

}  // namespace

LayerCandidates candidates_of(Stream& stream,
                              [[maybe_unused]] GpuClock& clock,
                              const DenseLayer& layer,
                              LayerPass pass,
                              DType dtype,
                              [[maybe_unused]] const VendorSearch& search) {
  const DenseProblem& p = layer.problem;
  const auto t = std::make_shared<DenseTensors>(stream, p, dtype);
  LayerCandidates found = {t, {}};
#ifdef DIPTYCH_HAVE_CUDNN
  const auto vendor = [&](DensePass dense_pass, DType out_dtype,
                          const DenseCublasTensors& tensors) {
    add_best_plan(stream, clock,
                  {.pass = dense_pass, .problem = p, .dtype = dtype, .out_dtype = out_dtype},
                  tensors, search, found.list);
  };
#else
  const auto vendor = [](auto&&...) {};
  enum class DensePass { kForward, kBackwardData, kBackwardWeight };

  struct DenseCublasTensors {
    const void *x, *w, *y;
  };
#endif
  switch (pass) {
    case LayerPass::kForward:
      add_rungs(stream, dense_cuda_forward_rungs(),
                DenseCudaForward{.problem = p,
                                 .dtype = dtype,
                                 .y_dtype = dtype,
                                 .x = t->x.get(),
                                 .w = t->w.get(),
                                 .b = t->b.get<float>(),
                                 .y = t->y.get()},
                found.list);
      vendor(DensePass::kForward, dtype,
             DenseCublasTensors{.x = t->x.get(), .w = t->w.get(), .y = t->y.get()});
      break;
    case LayerPass::kBackwardData:
      add_rungs(
          stream, dense_cuda_backward_data_rungs(),
          DenseCudaBackwardData{
              .problem = p, .dtype = dtype, .dy = t->y.get(), .w = t->w.get(), .dx = t->dx.get()},
          found.list);
      vendor(DensePass::kBackwardData, dtype,
             DenseCublasTensors{.x = t->dx.get(), .w = t->w.get(), .y = t->y.get()});
      break;
    case LayerPass::kBackwardWeight:
      add_rungs(stream, dense_cuda_backward_weight_rungs(),
                DenseCudaBackwardWeight{.problem = p,
                                        .dtype = dtype,
                                        .x = t->x.get(),
                                        .dy = t->y.get(),
                                        .dw = t->dw.get<float>()},
                found.list);
      vendor(DensePass::kBackwardWeight, DType::kF32,
             DenseCublasTensors{.x = t->x.get(), .w = t->dw.get(), .y = t->y.get()});
      break;
    case LayerPass::kBackwardBias:
      add_rungs(stream, dense_cuda_backward_bias_rungs(),
                DenseCudaBackwardBias{
                    .problem = p, .dtype = dtype, .dy = t->y.get(), .db = t->db.get<float>()},
                found.list);
      break;
    case LayerPass::kBackwardDataBelow:
    case LayerPass::kBackwardEpilogue:  // a dense layer has none
      break;
  }
  return found;
}

}  // namespace diptych
