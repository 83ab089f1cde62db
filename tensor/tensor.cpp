// Tensor handles and gradient slots.
// SPDX-License-Identifier: MIT
#include "tensor/tensor.h"

#include <cstring>

#include "tensor/allocator.h"

namespace diptych {

void GradSlot::bind(std::shared_ptr<void> storage, void* data) {
  storage_ = std::move(storage);
  data_ = data;
  bound_ = true;
}

bool GradSlot::adopt(const std::shared_ptr<void>& storage, void* data, DType dtype) {
  if (written_ || bound_ || dtype != dtype_) return false;
  storage_ = storage;
  data_ = data;
  written_ = true;
  return true;
}

GradView GradSlot::view() {
  if (!data_) {
    storage_ = allocate(static_cast<size_t>(shape_.numel()) * size_of(dtype_));
    data_ = storage_.get();
  }
  const GradMode mode = written_ ? GradMode::kAccumulate : GradMode::kOverwrite;
  written_ = true;
  return {{data_, shape_, dtype_}, mode};
}

Tensor Tensor::empty(Shape shape, DType dtype) {
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  std::shared_ptr<void> storage = allocate(bytes);
  void* data = storage.get();
  return wrap(std::move(storage), data, shape, dtype);
}

Tensor Tensor::full(Shape shape, float value, DType dtype) {
  const Tensor t = empty(shape, dtype);
  dispatch_float(dtype, [&]<class T>() {
    T* p = t.as<T>();
    for (int64_t i = 0; i < t.numel(); ++i) p[i] = T(value);
  });
  return t;
}

Tensor Tensor::from(std::span<const float> values, Shape shape, DType dtype) {
  DIPTYCH_CHECK(static_cast<int64_t>(values.size()) == shape.numel(),
                "Tensor::from: ", values.size(), " values for shape ", shape);
  const Tensor t = empty(shape, dtype);
  dispatch_float(dtype, [&]<class T>() {
    T* p = t.as<T>();
    for (size_t i = 0; i < values.size(); ++i) p[i] = T(values[i]);
  });
  return t;
}

Tensor Tensor::wrap(std::shared_ptr<void> storage, void* data, Shape shape, DType dtype) {
  Tensor t;
  t.storage_ = std::move(storage);
  t.data_ = data;
  t.shape_ = shape;
  t.dtype_ = dtype;
  return t;
}

Tensor Tensor::reshape(Shape shape) const {
  DIPTYCH_CHECK(shape.numel() == numel(), "reshape: ", shape_, " has ", numel(), " elements, ",
                shape, " has ", shape.numel());
  Tensor t = *this;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::detach() const {
  Tensor t = *this;
  t.slot_.reset();
  t.needs_grad_ = false;
  return t;
}

Tensor Tensor::clone() const {
  const Tensor t = empty(shape_, dtype_);
  std::memcpy(t.data_, data_, bytes());
  return t;
}

std::vector<float> Tensor::to_host() const {
  std::vector<float> values(static_cast<size_t>(numel()));
  dispatch_float(dtype_, [&]<class T>() {
    const T* p = as<T>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(p[i]);
  });
  return values;
}

float Tensor::item() const {
  DIPTYCH_CHECK(numel() == 1, "item: tensor of shape ", shape_, " has ", numel(),
                " elements, expected 1");
  return to_host()[0];
}

Tensor& Tensor::set_needs_grad(bool needs, bool master) {
  DIPTYCH_CHECK(defined(), "set_needs_grad: undefined tensor");
  if (needs && !slot_) slot_ = std::make_shared<GradSlot>(shape_, master ? DType::kF32 : dtype_);
  needs_grad_ = needs;
  return *this;
}

GradView Tensor::grad_view() const {
  DIPTYCH_CHECK(needs_grad(), "grad_view: tensor of shape ", shape_, " needs no gradient");
  GradView view = slot_->view();
  view.shape = shape_;  // a reshaped tensor shares the slot
  return view;
}

Tensor Tensor::grad() const {
  if (!slot_ || !slot_->written()) return {};
  return wrap(slot_->storage(), slot_->data(), shape_, slot_->dtype());
}

void Tensor::share_grad(const Tensor& other) {
  DIPTYCH_CHECK(shape_ == other.shape_, "share_grad: shapes ", shape_, " and ", other.shape_);
  slot_ = other.slot_;
  needs_grad_ = other.needs_grad_;
}

namespace {

thread_local Stream* g_stream = nullptr;

}  // namespace

Stream& current_stream() {
  if (g_stream) return *g_stream;
  static Stream fallback;
  return fallback;
}

StreamGuard::StreamGuard(Stream& stream) : previous_(g_stream) {
  g_stream = &stream;
}

StreamGuard::~StreamGuard() {
  g_stream = previous_;
}

}  // namespace diptych
