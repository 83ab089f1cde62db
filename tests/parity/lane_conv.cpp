// Convolution in lanes: three passes of plain loops, each once for the values and once, one lane
// wide, for the sums of absolute terms.
// SPDX-License-Identifier: MIT
#include "kernels/common/cpu_clones.h"
#include "tests/parity/lane_ops.h"

namespace diptych::parity {

namespace {

struct Sizes {
  int n, h, w, c, k, r, s, p, q, stride, top, left;
};

// Visits (p, q, first x element) of every place where tap (r,s) of the filter meets the picture.
struct Place {
  size_t a, x;  // offsets of channel 0
};

template <class Body>
[[gnu::always_inline]] inline void each_place(const Sizes& t, int r, int s, const Body& body) {
  for (int n = 0; n < t.n; ++n)
    for (int p = 0; p < t.p; ++p) {
      const int h = p * t.stride + r - t.top;
      if (h < 0 || h >= t.h) continue;
      for (int q = 0; q < t.q; ++q) {
        const int w = q * t.stride + s - t.left;
        if (w < 0 || w >= t.w) continue;
        body(Place{static_cast<size_t>(((n * t.p + p) * t.q + q) * t.k),
                   static_cast<size_t>(((n * t.h + h) * t.w + w) * t.c)});
      }
    }
}

// Calls body<4>(first), then body<1>(first) for the rest: four sums at a time hide their latency.
template <class Body>
[[gnu::always_inline]] inline void by_fours(int count, const Body& body) {
  int first = 0;
  for (; first + 4 <= count; first += 4) body.template operator()<4>(first);
  for (; first < count; ++first) body.template operator()<1>(first);
}

// a += w x. T: Lanes, or double for sums of absolute terms.
template <class T>
[[gnu::always_inline]] inline void forward_loops(const Sizes& t,
                                                 const T* x,
                                                 const double* w,
                                                 T* a) {
  const int filter = t.r * t.s * t.c;
  for (int r = 0; r < t.r; ++r)
    for (int s = 0; s < t.s; ++s)
      each_place(
          t, r, s, [&](Place at) __attribute__((always_inline)) {
            by_fours(
                t.k, [&]<int B>(int k) __attribute__((always_inline)) {
                  T sum[B];
                  for (int i = 0; i < B; ++i) sum[i] = a[at.a + k + i];
                  for (int c = 0; c < t.c; ++c) {
                    const T value = x[at.x + c];
                    for (int i = 0; i < B; ++i)
                      sum[i] += w[(k + i) * filter + (r * t.s + s) * t.c + c] * value;
                  }
                  for (int i = 0; i < B; ++i) a[at.a + k + i] = sum[i];
                });
          });
}

template <class T>
[[gnu::always_inline]] inline void data_loops(const Sizes& t, const T* da, const double* w, T* dx) {
  const int filter = t.r * t.s * t.c;
  for (int r = 0; r < t.r; ++r)
    for (int s = 0; s < t.s; ++s)
      each_place(
          t, r, s, [&](Place at) __attribute__((always_inline)) {
            by_fours(
                t.c, [&]<int B>(int c) __attribute__((always_inline)) {
                  T sum[B];
                  for (int i = 0; i < B; ++i) sum[i] = dx[at.x + c + i];
                  for (int k = 0; k < t.k; ++k) {
                    const T value = da[at.a + k];
                    for (int i = 0; i < B; ++i)
                      sum[i] += w[k * filter + (r * t.s + s) * t.c + c + i] * value;
                  }
                  for (int i = 0; i < B; ++i) dx[at.x + c + i] = sum[i];
                });
          });
}

template <class T>
[[gnu::always_inline]] inline void weight_loops(const Sizes& t, const T* x, const T* da, T* dw) {
  const int filter = t.r * t.s * t.c;
  for (int r = 0; r < t.r; ++r)
    for (int s = 0; s < t.s; ++s)
      for (int c = 0; c < t.c; ++c)
        by_fours(
            t.k, [&]<int B>(int k) __attribute__((always_inline)) {
              T sum[B] = {};
              each_place(
                  t, r, s, [&](Place at) __attribute__((always_inline)) {
                    const T value = x[at.x + c];
                    for (int i = 0; i < B; ++i) sum[i] += da[at.a + k + i] * value;
                  });
              for (int i = 0; i < B; ++i) dw[(k + i) * filter + (r * t.s + s) * t.c + c] = sum[i];
            });
}

DIPTYCH_CPU_CLONES void forward(const Sizes& t, const Lanes* x, const double* w, Lanes* a) {
  forward_loops(t, x, w, a);
}

DIPTYCH_CPU_CLONES void forward(const Sizes& t, const double* x, const double* w, double* a) {
  forward_loops(t, x, w, a);
}

DIPTYCH_CPU_CLONES void data(const Sizes& t, const Lanes* da, const double* w, Lanes* dx) {
  data_loops(t, da, w, dx);
}

DIPTYCH_CPU_CLONES void data(const Sizes& t, const double* da, const double* w, double* dx) {
  data_loops(t, da, w, dx);
}

DIPTYCH_CPU_CLONES void weight(const Sizes& t, const Lanes* x, const Lanes* da, Lanes* dw) {
  weight_loops(t, x, da, dw);
}

DIPTYCH_CPU_CLONES void weight(const Sizes& t, const double* x, const double* da, double* dw) {
  weight_loops(t, x, da, dw);
}

std::vector<double> absolute(const Map& x) {
  std::vector<double> result;
  result.reserve(x.size());
  for (const Lanes& v : x) result.push_back(std::abs(v[0]));
  return result;
}

std::vector<double> absolute(const std::vector<double>& x) {
  std::vector<double> result;
  result.reserve(x.size());
  for (const double v : x) result.push_back(std::abs(v));
  return result;
}

Sizes sizes_of(const Shape& x, const Shape& w, const LaneConv& o) {
  const auto i = [](int64_t value) { return static_cast<int>(value); };
  Sizes t{.n = i(x[0]),
          .h = i(x[1]),
          .w = i(x[2]),
          .c = i(x[3]),
          .k = i(w[0]),
          .r = i(w[1]),
          .s = i(w[2]),
          .p = 0,
          .q = 0,
          .stride = o.stride,
          .top = o.pad,
          .left = o.pad};
  t.p = (t.h + 2 * o.pad - t.r) / o.stride + 1;
  t.q = (t.w + 2 * o.pad - t.s) / o.stride + 1;
  if (o.defect == Defect::kPadding) ++t.left;  // and one less on the right
  return t;
}

// Where element i of a goes in y.
size_t store_at(const Sizes& t, bool depth_to_space, size_t i) {
  if (!depth_to_space) return i;
  const size_t k = i % static_cast<size_t>(t.k), pixel = i / static_cast<size_t>(t.k);
  const size_t channels = static_cast<size_t>(t.k) / 4, q_count = static_cast<size_t>(t.q);
  const size_t row = pixel / q_count, q = pixel % q_count;  // rows of all samples
  const size_t block = k / channels;
  return ((2 * row + block / 2) * 2 * q_count + 2 * q + block % 2) * channels + k % channels;
}

// The slope that a leaky ReLU takes back, lane by lane.
Lanes slope_back(
    const LaneTape& tape, const Lanes& slope, int activation, size_t i, const Lanes& a) {
  Lanes result;
  for (int j = 0; j < kLanes; ++j) result[j] = a[tape.bf16 ? j : 0] >= 0 ? 1.0 : slope[j];
  for (size_t flip = 0; flip < tape.flips.size(); ++flip) {
    const int j = static_cast<int>(flip) + 1;
    if (tape.flips[flip] == Kink{activation, i}) result[j] = a[0] >= 0 ? slope[j] : 1.0;
  }
  return result;
}

struct Call {
  Sizes t;
  LaneConv options;
  Lanes slope;
  int activation;
  Value x, residual, y;
  WeightsPtr weights;
  Map a;  // before the activation
};

void go_back(LaneTape& tape, const Call& call) {
  const Sizes& t = call.t;
  const LaneConv& o = call.options;
  Map da(call.a.size());
  for (size_t i = 0; i < da.size(); ++i) {
    da[i] = call.y->grad[store_at(t, o.depth_to_space, i)];
    if (o.slope != 1) {
      da[i] *= slope_back(tape, call.slope, call.activation, i, call.a[i]);
      tape.noise.add(da[i], kUnit * std::abs(da[i][0]));
    }
    if (o.slope != 1 || o.f32_out) tape.store(da[i]);
  }
  const std::vector<double> da_size = absolute(da);
  LaneWeights& w = *call.weights;
  w.dw.assign(w.w.size(), Lanes{});
  w.db.assign(w.b.size(), Lanes{});
  std::vector<double> dw_size(w.w.size()), db_size(w.b.size()), dx_size(call.x->value.size());
  weight(t, call.x->value.data(), da.data(), w.dw.data());
  weight(t, absolute(call.x->value).data(), da_size.data(), dw_size.data());
  const size_t k_count = w.b.size(), pixels = da.size() / k_count;
  const size_t lost = pixels / 4 + static_cast<size_t>(t.q) / 2;  // well inside the picture
  for (size_t i = 0; i < da.size(); ++i) {
    if (o.defect == Defect::kBiasPixel && i / k_count == lost) continue;
    w.db[i % k_count] += da[i];
    db_size[i % k_count] += da_size[i];
  }
  const auto terms = static_cast<double>(pixels);
  for (size_t i = 0; i < w.dw.size(); ++i) tape.noise.sum(w.dw[i], terms, dw_size[i]);
  for (size_t i = 0; i < w.db.size(); ++i) tape.noise.sum(w.db[i], terms, db_size[i]);
  w.done();
  Map dx(call.x->value.size());
  data(t, da.data(), w.w.data(), dx.data());
  data(t, da_size.data(), absolute(w.w).data(), dx_size.data());
  for (size_t i = 0; i < dx.size(); ++i) {
    tape.noise.sum(dx[i], t.r * t.s * t.k, dx_size[i]);
    call.x->grad[i] += dx[i];
    tape.store(call.x->grad[i]);
  }
  if (call.residual)
    for (size_t i = 0; i < da.size(); ++i) call.residual->grad[i] += da[i];
}

}  // namespace

Value conv(LaneTape& tape,
           const Value& x,
           const WeightsPtr& weights,
           const Value& residual,
           const LaneConv& options) {
  Call call{.t = sizes_of(x->shape, weights->shape, options),
            .options = options,
            .slope = tape.noise.constant(options.slope),
            .activation = tape.activations++,
            .x = x,
            .residual = residual,
            .y = nullptr,
            .weights = weights,
            .a = {}};
  const Sizes& t = call.t;
  call.a.resize(static_cast<size_t>(t.n) * t.p * t.q * t.k);
  std::vector<double> size(call.a.size());
  for (size_t i = 0; i < call.a.size(); ++i) {
    const double b = weights->b[i % weights->b.size()];
    call.a[i] += b;
    size[i] = std::abs(b);
    if (!residual) continue;
    call.a[i] += residual->value[i];
    size[i] += std::abs(residual->value[i][0]);
  }
  forward(t, x->value.data(), weights->w.data(), call.a.data());
  forward(t, absolute(x->value).data(), absolute(weights->w).data(), size.data());
  const bool d2s = options.depth_to_space;
  call.y = make(d2s ? Shape{t.n, int64_t{2} * t.p, int64_t{2} * t.q, t.k / 4}
                    : Shape{t.n, t.p, t.q, t.k});
  for (size_t i = 0; i < call.a.size(); ++i) {
    Lanes& a = call.a[i];
    tape.noise.sum(a, t.r * t.s * t.c, size[i], 4);  // bias, residual, slope
    // What is 0 in every lane is of a channel that memory adds: no rounding gives it a sign.
    const double reach = kFactor * spread(a);
    if (options.slope != 1 && tape.noise.on && !tape.bf16 && reach > 0 && std::abs(a[0]) <= reach)
      tape.kinks.push_back({call.activation, i});
    Lanes& y = call.y->value[store_at(t, d2s, i)];
    for (int j = 0; j < kLanes; ++j)
      y[j] = a[j] >= 0 || options.slope == 1 ? a[j] : call.slope[j] * a[j];
    if (options.defect == Defect::kBf16) y += rounded_to_bf16(y[0]) - y[0];
    if (!options.f32_out) tape.store(y);
  }
  Value y = call.y;
  tape.record([&tape, call = std::move(call)] { go_back(tape, call); });
  return y;
}

}  // namespace diptych::parity
