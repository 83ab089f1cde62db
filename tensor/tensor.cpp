// Tensor handles and gradient slots.
// SPDX-License-Identifier: MIT
#include "tensor/tensor.h"

#include <cstring>

#include "kernels/common/device.h"
#include "kernels/common/dry_run.h"
#include "kernels/fill/fill.h"
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

void GradSlot::pass_on() {
  storage_.reset();
  data_ = nullptr;
  written_ = true;
}

GradView GradSlot::view() {
  if (!data_) {
    storage_ = allocate(static_cast<size_t>(shape_.numel()) * size_of(dtype_), place_);
    data_ = storage_.get();
  }
  const GradMode mode = written_ ? GradMode::kAccumulate : GradMode::kOverwrite;
  written_ = true;
  return {{data_, shape_, dtype_}, mode};
}

Tensor Tensor::empty(Shape shape, DType dtype) {
  return empty(shape, dtype, current_stream().place());
}

Tensor Tensor::empty(Shape shape, DType dtype, Place place) {
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  std::shared_ptr<void> storage = allocate(bytes, place);
  void* data = storage.get();
  return wrap(std::move(storage), data, shape, dtype, place);
}

Tensor Tensor::full(Shape shape, float value, DType dtype) {
  const Tensor t = empty(shape, dtype);
  fill(current_stream(), value, t);
  return t;
}

Tensor Tensor::from(std::span<const float> values, Shape shape, DType dtype) {
  DIPTYCH_CHECK(static_cast<int64_t>(values.size()) == shape.numel(),
                "Tensor::from: ", values.size(), " values for shape ", shape);
  const Tensor t = empty(shape, dtype, Place::kHost);
  dispatch_float(dtype, [&]<class T>() {
    T* p = t.as<T>();
    for (size_t i = 0; i < values.size(); ++i) p[i] = T(values[i]);
  });
  return t.to(current_stream().place());
}

Tensor Tensor::wrap(
    std::shared_ptr<void> storage, void* data, Shape shape, DType dtype, Place place) {
  Tensor t;
  t.storage_ = std::move(storage);
  t.data_ = data;
  t.shape_ = shape;
  t.dtype_ = dtype;
  t.place_ = place;
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
  const Tensor t = empty(shape_, dtype_, place_);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::part(int64_t first, Shape shape) const {
  DIPTYCH_CHECK(first >= 0 && first + shape.numel() <= numel(), "part: ", shape, " from element ",
                first, " of ", shape_);
  auto* const bytes =
      static_cast<unsigned char*>(data_) + static_cast<size_t>(first) * size_of(dtype_);
  return wrap(storage_, bytes, shape, dtype_, place_);
}

Tensor Tensor::to(Place place) const {
  if (place == place_) return *this;
  const Tensor t = empty(shape_, dtype_, place);
  t.copy_from(*this);
  return t;
}

void Tensor::copy_from(const Tensor& other) const {
  DIPTYCH_CHECK(shape_ == other.shape_ && dtype_ == other.dtype_, "copy_from: ", other.shape_, ' ',
                other.dtype_, " into ", shape_, ' ', dtype_);
  if (dry_running()) return;
  const CudaStream stream = current_stream().cuda();
  if (place_ == Place::kHost && other.place_ == Place::kHost) {
    std::memcpy(data_, other.data_, bytes());
  } else if (place_ == Place::kHost) {
    device::download(stream, data_, other.data_, bytes());
  } else if (other.place_ == Place::kHost) {
    device::upload(stream, data_, other.data_, bytes());
  } else {
    device::copy(stream, data_, other.data_, bytes());
  }
}

std::vector<float> Tensor::to_host() const {
  if (place_ == Place::kDevice) return to(Place::kHost).to_host();
  std::vector<float> values(static_cast<size_t>(numel()));
  dispatch_float(dtype_, [&]<class T>() {
    const T* p = as<T>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(p[i]);
  });
  return values;
}

void Tensor::need_host() const {
  DIPTYCH_CHECK(place_ == Place::kHost, "Tensor: ", shape_,
                " is in device memory; the host reads a copy: to(Place::kHost) or to_host()");
}

float Tensor::item() const {
  DIPTYCH_CHECK(numel() == 1, "item: tensor of shape ", shape_, " has ", numel(),
                " elements, expected 1");
  return to_host()[0];
}

Tensor& Tensor::set_needs_grad(bool needs, bool master) {
  DIPTYCH_CHECK(defined(), "set_needs_grad: undefined tensor");
  if (needs && !slot_)
    slot_ = std::make_shared<GradSlot>(shape_, master ? DType::kF32 : dtype_, place_);
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
  if (!slot_ || !slot_->written() || !slot_->data()) return {};
  return wrap(slot_->storage(), slot_->data(), shape_, slot_->dtype(), place_);
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
