// dssim: problem and checks.
// SPDX-License-Identifier: MIT
#include "kernels/dssim/dssim.h"

#include <limits>

namespace diptych {

void dssim_cpu(Stream& stream,  // dssim_cpu.cpp
               const DssimProblem& problem,
               View target,
               View prediction,
               MutView loss,
               MutView saved);
void dssim_backward_cpu(Stream& stream,
                        const DssimProblem& problem,
                        View target,
                        View prediction,
                        View saved,
                        View dloss,
                        GradView dprediction);

void dssim_device(Stream& stream,  // dssim_device.cpp
                  const DssimProblem& problem,
                  View target,
                  View prediction,
                  MutView loss,
                  MutView saved);
void dssim_backward_device(Stream& stream,
                           const DssimProblem& problem,
                           View target,
                           View prediction,
                           View saved,
                           View dloss,
                           GradView dprediction);

namespace {

void check(const char* op, const char* name, View v, const Shape& expected) {
  DIPTYCH_CHECK(v.shape == expected && v.dtype == DType::kF32, op, ": ", name, " is ", v,
                ", expected ", expected, " f32");
}

void check_window(const DssimProblem& p) {
  DIPTYCH_CHECK(p.window >= 1 && p.window <= p.h && p.window <= p.w, "dssim: window = ", p.window,
                " does not fit in ", p.x_shape());
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const DssimProblem& p) {
  return out << p.x_shape() << " window " << p.window;
}

DssimProblem make_dssim_problem(const Shape& x, int window) {
  DIPTYCH_CHECK(x.rank() == 4, "dssim: ", x, ", expected (N,H,W,C)");
  for (int i = 0; i < 4; ++i)
    DIPTYCH_CHECK(x[i] >= 1 && x[i] <= std::numeric_limits<int>::max(), "dssim: ", x,
                  ", expected sizes of at least 1");
  const DssimProblem problem{.n = static_cast<int>(x[0]),
                             .h = static_cast<int>(x[1]),
                             .w = static_cast<int>(x[2]),
                             .c = static_cast<int>(x[3]),
                             .window = window};
  check_window(problem);
  return problem;
}

void dssim_forward(Stream& stream,
                   const DssimProblem& problem,
                   View target,
                   View prediction,
                   MutView loss,
                   MutView saved) {
  check_window(problem);
  check("dssim_forward", "target", target, problem.x_shape());
  check("dssim_forward", "prediction", prediction, problem.x_shape());
  check("dssim_forward", "loss", loss, problem.loss_shape());
  if (saved.defined()) check("dssim_forward", "saved", saved, problem.saved_shape());
  const auto run = stream.on_device() ? dssim_device : dssim_cpu;
  run(stream, problem, target, prediction, loss, saved);
}

void dssim_backward(Stream& stream,
                    const DssimProblem& problem,
                    View target,
                    View prediction,
                    View saved,
                    View dloss,
                    GradView dprediction) {
  check_window(problem);
  check("dssim_backward", "target", target, problem.x_shape());
  check("dssim_backward", "prediction", prediction, problem.x_shape());
  check("dssim_backward", "saved", saved, problem.saved_shape());
  check("dssim_backward", "dloss", dloss, problem.loss_shape());
  check("dssim_backward", "dprediction", dprediction, problem.x_shape());
  const auto run = stream.on_device() ? dssim_backward_device : dssim_backward_cpu;
  run(stream, problem, target, prediction, saved, dloss, dprediction);
}

}  // namespace diptych
