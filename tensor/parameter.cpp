// Between the values of a parameter and the memory they are stored in.
// SPDX-License-Identifier: MIT
#include "tensor/parameter.h"

#include <algorithm>

#include "kernels/common/dry_run.h"

namespace diptych {

namespace {

// Where channel i of an axis is stored.
int64_t stored_index(const Channels& axis, int64_t i) {
  return i / axis.width() * stored_width(axis.width()) + i % axis.width();
}

}  // namespace

Parameter::Parameter(Shape values, Shape stored, const Channels& first, const Channels& last)
    : shape(values), master(Tensor::full(stored, 0.0f)), compute(), first_(first), last_(last) {
  for (const Channels& axis : {first, last})
    DIPTYCH_CHECK(axis.parts > 0 && axis.count % axis.parts == 0, "Parameter: ", axis.count,
                  " channels make no ", axis.parts, " parts");
  master.set_needs_grad(true, true);
  compute = master;
}

Parameter Parameter::bias(const Channels& first) {
  return {{first.count}, {first.stored()}, 1, first};
}

Parameter Parameter::matrix(const Channels& first, const Channels& last) {
  return {{first.count, last.count}, {first.stored(), last.stored()}, first, last};
}

Parameter Parameter::filter(const Channels& first, int64_t taps, const Channels& last) {
  return {{first.count, taps, taps, last.count},
          {first.stored(), taps, taps, last.stored()},
          first,
          last};
}

// Calls move(place among the values, place in memory, count) for every run that lies together in
// both.
template <class Move>
void Parameter::for_each_run(const Move& move) const {
  const int64_t taps = shape.numel() / (first_.count * last_.count), run = last_.width();
  for (int64_t k = 0; k < first_.count; ++k) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t row = k * taps + tap, stored_row = stored_index(first_, k) * taps + tap;
      for (int64_t c = 0; c < last_.count; c += run)
        move(row * last_.count + c, stored_row * last_.stored() + stored_index(last_, c), run);
    }
  }
}

Tensor Parameter::pad(const Tensor& values) const {
  DIPTYCH_CHECK(values.shape() == shape, "Parameter::pad: values ", values.shape(), ", expected ",
                shape);
  const Tensor host = values.to(Place::kHost);
  if (!padded()) return host;
  const Tensor stored = Tensor::empty(master.shape(), DType::kF32, Place::kHost);
  if (dry_running()) return stored;
  const float* const from = host.as<float>();
  float* const to = stored.as<float>();
  std::fill_n(to, stored.numel(), 0.0f);
  for_each_run([&](int64_t value, int64_t place, int64_t count) {
    std::copy_n(from + value, count, to + place);
  });
  return stored;
}

Tensor Parameter::strip(const Tensor& stored) const {
  DIPTYCH_CHECK(stored.shape() == master.shape(), "Parameter::strip: stored ", stored.shape(),
                ", expected ", master.shape());
  const Tensor host = stored.to(Place::kHost);
  if (!padded()) return host;
  const Tensor values = Tensor::empty(shape, DType::kF32, Place::kHost);
  if (dry_running()) return values;
  const float* const from = host.as<float>();
  float* const to = values.as<float>();
  for_each_run([&](int64_t value, int64_t place, int64_t count) {
    std::copy_n(from + place, count, to + value);
  });
  return values;
}

}  // namespace diptych
