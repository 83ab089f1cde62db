// Batches of SAEHD.
// SPDX-License-Identifier: MIT
#include "models/saehd/batch.h"

#include <cstring>

#include "kernels/common/device.h"
#include "tensor/device_pool.h"

namespace diptych {

SaehdBatch::SaehdBatch(int n, int r, bool eyes_mouth) : n_(n), r_(r), eyes_mouth_(eyes_mouth) {
  const Shape picture{n, r, r, 3}, mask{n, r, r, 1};
  const int64_t side = picture.numel() + (eyes_mouth ? 2 : 1) * mask.numel();
  values_ = Tensor::empty({2 * picture.numel() + 2 * side});
  int64_t next = 0;
  const auto take = [&](const Shape& shape) {
    const Tensor part = values_.part(next, shape);
    next += shape.numel();
    return part;
  };
  warped_ = take({2 * n, r, r, 3});
  for (Side* s : {&src_, &dst_}) {
    s->target = take(picture);
    s->mask = take(mask);
    if (eyes_mouth) s->eyes_mouth = take(mask);
  }
  if (values_.place() == Place::kDevice) mirror_ = device::pinned(values_.bytes());
}

size_t SaehdBatch::bytes() const {
  return size_class(values_.bytes());
}

void SaehdBatch::check(const char* name, const SaehdSide& side) const {
  const Shape picture{n_, r_, r_, 3}, mask{n_, r_, r_, 1};
  const bool eyes = !eyes_mouth_ || (side.eyes_mouth.defined() && side.eyes_mouth.shape == mask);
  DIPTYCH_CHECK(side.warped.shape == picture && side.target.shape == picture &&
                    side.mask.shape == mask && eyes,
                "SaehdTrainer: ", name, " batch: warped ", side.warped, ", target ", side.target,
                ", mask ", side.mask, ", eyes_mouth ", side.eyes_mouth, "; expected pictures ",
                picture, " and masks ", mask);
}

void SaehdBatch::put(const Tensor& to, const View& from) {
  auto* const base = static_cast<unsigned char*>(mirror_ ? mirror_.get() : values_.data());
  const auto offset = static_cast<const unsigned char*>(to.data()) -
                      static_cast<const unsigned char*>(values_.data());
  std::memcpy(base + offset, from.as<float>(), to.bytes());
}

void SaehdBatch::load(const SaehdSide& src, const SaehdSide& dst) {
  check("src", src);
  check("dst", dst);
  const int64_t half = warped_.numel() / 2;
  const Shape picture{n_, r_, r_, 3};
  put(warped_.part(0, picture), src.warped);
  put(warped_.part(half, picture), dst.warped);
  const auto put_side = [&](const Side& to, const SaehdSide& from) {
    put(to.target, from.target);
    put(to.mask, from.mask);
    if (eyes_mouth_) put(to.eyes_mouth, from.eyes_mouth);
  };
  put_side(src_, src);
  put_side(dst_, dst);
  if (mirror_)
    device::upload(current_stream().cuda(), values_.data(), mirror_.get(), values_.bytes());
}

}  // namespace diptych
