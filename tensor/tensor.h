// Tensor: a cheap handle on shared storage with a shape, a dtype, a place (host or device memory)
// and a gradient slot. Copy shares, clone() copies. Contiguous always: no strides. Const does not
// protect the data; ops never write to their inputs.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kernels/common/stream.h"
#include "kernels/common/view.h"

namespace diptych {

struct StoreUndo;  // tensor/ops/store_undo.h

// The gradient of a tensor: memory appears at the first use, unless it was bound to a place in a
// flat buffer.
class GradSlot {
 public:
  GradSlot(Shape shape, DType dtype, Place place) : shape_(shape), dtype_(dtype), place_(place) {}

  // Uses `data` (numel elements of dtype) as the gradient's memory for good.
  void bind(std::shared_ptr<void> storage, void* data);
  // Takes over a finished gradient without a copy when nothing was written yet; returns false
  // otherwise.
  bool adopt(const std::shared_ptr<void>& storage, void* data, DType dtype);

  // The slot to write to: overwrite the first time, accumulate afterwards.
  GradView view();

  bool written() const { return written_; }

  // Recorded ops that have yet to add to this gradient. The last one may go further than the
  // gradient itself, where the op that made the tensor says how (store_undo).
  void add_reader() { ++readers_; }

  void drop_reader() { --readers_; }

  bool last_reader() const { return readers_ == 1; }

  std::shared_ptr<StoreUndo> store_undo;

  // Lets go of the gradient: what it led to is in store_undo.
  void pass_on();

  void reset() { written_ = false; }

  void* data() const { return data_; }

  const std::shared_ptr<void>& storage() const { return storage_; }

  const Shape& shape() const { return shape_; }

  DType dtype() const { return dtype_; }

  Place place() const { return place_; }

 private:
  Shape shape_;
  DType dtype_;
  Place place_;
  std::shared_ptr<void> storage_;
  void* data_ = nullptr;
  bool written_ = false;
  bool bound_ = false;
  int readers_ = 0;
};

class Tensor {
 public:
  Tensor() = default;
  // Where current_stream() computes, unless a place is given.
  static Tensor empty(Shape shape, DType dtype = DType::kF32);
  static Tensor empty(Shape shape, DType dtype, Place place);
  static Tensor full(Shape shape, float value, DType dtype = DType::kF32);
  // Copies values, rounding to dtype. Throws when the counts differ.
  static Tensor from(std::span<const float> values, Shape shape, DType dtype = DType::kF32);
  // A tensor on somebody else's memory, kept alive by `storage`.
  static Tensor wrap(
      std::shared_ptr<void> storage, void* data, Shape shape, DType dtype, Place place);

  bool defined() const { return data_ != nullptr; }

  const Shape& shape() const { return shape_; }

  DType dtype() const { return dtype_; }

  int64_t numel() const { return shape_.numel(); }

  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype_); }

  Place place() const { return place_; }

  void* data() const { return data_; }

  // For the host to read and write: throws when the tensor is in device memory.
  template <class T>
  T* as() const {
    need_host();
    return mut().as<T>();
  }

  const std::shared_ptr<void>& storage() const { return storage_; }

  MutView mut() const { return {data_, shape_, dtype_}; }

  operator View() const { return {data_, shape_, dtype_}; }  // NOLINT(google-explicit-constructor)

  operator MutView() const {
    return {data_, shape_, dtype_};
  }  // NOLINT(google-explicit-constructor)

  // Same data and gradient, another shape of the same size.
  Tensor reshape(Shape shape) const;
  // Same data, no gradient: what is computed from it does not reach back.
  Tensor detach() const;
  Tensor clone() const;
  // The elements from `first` on as a tensor of another shape, on the same storage, without
  // gradient.
  Tensor part(int64_t first, Shape shape) const;
  // This tensor when it is there already, else a copy; waits for a device when it reads one.
  Tensor to(Place place) const;
  // Copies the values of one of the same shape and dtype, wherever either is.
  void copy_from(const Tensor& other) const;
  std::vector<float> to_host() const;
  float item() const;  // the only element; throws when there are more

  bool needs_grad() const { return slot_ != nullptr && needs_grad_; }

  // A leaf asks for a gradient; f32 slot whatever the dtype when master is set (weights), else the
  // tensor's own dtype.
  Tensor& set_needs_grad(bool needs, bool master = false);
  GradView grad_view() const;
  Tensor grad() const;  // undefined while nothing was written

  const std::shared_ptr<GradSlot>& slot() const { return slot_; }

  // Shares another tensor's gradient slot: a compute copy of a weight collects into the master's
  // gradient.
  void share_grad(const Tensor& other);

 private:
  friend void record_output(Tensor& y, DType grad_dtype);
  void need_host() const;

  std::shared_ptr<void> storage_;
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::kF32;
  Place place_ = Place::kHost;
  std::shared_ptr<GradSlot> slot_;
  bool needs_grad_ = false;
};

// The stream that ops above kernels/ run on: the innermost StreamGuard of this thread, else one
// default CPU stream.
Stream& current_stream();

class StreamGuard {
 public:
  explicit StreamGuard(Stream& stream);
  ~StreamGuard();
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

 private:
  Stream* previous_;
};

}  // namespace diptych
