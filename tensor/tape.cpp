// The tape of the current thread.
// SPDX-License-Identifier: MIT
#include "tensor/tape.h"

#include <algorithm>
#include <utility>

#include "kernels/fill/fill.h"
#include "tensor/profile.h"

namespace diptych {

namespace {

// The gradient slots of an op's inputs, which it counts among their readers until it has run.
class Readings {
 public:
  explicit Readings(std::initializer_list<const Tensor*> inputs) {
    for (const Tensor* t : inputs) {
      if (!t->needs_grad()) continue;
      slots_.push_back(t->slot());
      slots_.back()->add_reader();
    }
  }

  Readings(Readings&&) = default;
  Readings& operator=(Readings&&) = delete;

  ~Readings() {
    for (const auto& slot : slots_) slot->drop_reader();
  }

 private:
  std::vector<std::shared_ptr<GradSlot>> slots_;
};

struct Record {
  const char* op;
  std::string scope;
  std::shared_ptr<GradSlot> slot;  // gradient of the output; the output itself is not kept
  Shape shape;
  BackwardFn backward;
  Readings inputs;
};

struct Tape {
  std::vector<Record> records;
  bool enabled = true;
};

Tape& tape() {
  thread_local Tape instance;
  return instance;
}

}  // namespace

void record_output(Tensor& y, DType grad_dtype) {
  y.slot_ = std::make_shared<GradSlot>(y.shape_, grad_dtype, y.place_);
  y.needs_grad_ = true;
}

bool recording(std::initializer_list<const Tensor*> inputs) {
  return tape().enabled &&
         std::any_of(inputs.begin(), inputs.end(), [](const Tensor* t) { return t->needs_grad(); });
}

namespace {

void push(const char* op,
          std::initializer_list<const Tensor*> inputs,
          Tensor& y,
          DType grad_dtype,
          BackwardFn backward) {
  record_output(y, grad_dtype);
  tape().records.push_back(
      {op, profile_scope(), y.slot(), y.shape(), std::move(backward), Readings(inputs)});
}

}  // namespace

void record(const char* op,
            std::initializer_list<const Tensor*> inputs,
            Tensor& y,
            BackwardFn backward) {
  if (recording(inputs)) push(op, inputs, y, y.dtype(), std::move(backward));
}

void record_weight(const char* op,
                   std::initializer_list<const Tensor*> inputs,
                   Tensor& w,
                   BackwardFn backward) {
  if (recording(inputs)) push(op, inputs, w, DType::kF32, std::move(backward));
}

void backward(std::span<const Tensor> roots) {
  for (const Tensor& root : roots) {
    DIPTYCH_CHECK(root.needs_grad(), "backward: a root of shape ", root.shape(),
                  " depends on nothing that needs a gradient");
    const GradView seed = root.grad_view();
    DIPTYCH_CHECK(!seed.accumulate(), "backward: the root of shape ", root.shape(),
                  " was given twice");
    fill(current_stream(), 1.0f, seed);
  }
  std::vector<Record>& records = tape().records;
  const NoGrad no_grad;
  while (!records.empty()) {
    const Record r = std::move(records.back());
    records.pop_back();
    if (!r.slot->written()) continue;  // nothing downstream asked for it
    const OpTimer timer(r.op, r.scope, OpTimer::Pass::kBackward);
    r.backward(
        Tensor::wrap(r.slot->storage(), r.slot->data(), r.shape, r.slot->dtype(), r.slot->place()));
  }
}

void clear_tape() {
  tape().records.clear();
}

NoGrad::NoGrad() : previous_(std::exchange(tape().enabled, false)) {}

NoGrad::~NoGrad() {
  tape().enabled = previous_;
}

}  // namespace diptych
