// Dense layers, pixel norm, sigmoid, joining and cutting in lanes.
// SPDX-License-Identifier: MIT
#include "tests/parity/lane_ops.h"

namespace diptych::parity {

Value reshape(LaneTape& tape, const Value& x, const Shape& shape) {
  Value y = make(shape);
  y->value = x->value;
  tape.record([=] {
    for (size_t i = 0; i < x->grad.size(); ++i) x->grad[i] += y->grad[i];
  });
  return y;
}

// A convolution over one pixel.
Value dense(LaneTape& tape, const Value& x, const WeightsPtr& weights) {
  const int64_t n = x->shape[0], in = x->shape[1], out = weights->shape[0];
  const auto kernel = std::make_shared<LaneWeights>(*weights);
  kernel->shape = {out, 1, 1, in};
  kernel->done = [kernel = kernel.get(), weights] {
    weights->dw = kernel->dw;
    weights->db = kernel->db;
    weights->done();
  };
  const Value y = conv(tape, reshape(tape, x, {n, 1, 1, in}), kernel, nullptr, {});
  return reshape(tape, y, {n, out});
}

// Sums are in double; r is rounded once for the whole sample.
Value pixel_norm(LaneTape& tape, const Value& x) {
  const auto samples = static_cast<size_t>(x->shape[0]);
  const size_t length = x->value.size() / samples;
  Value y = make(x->shape);
  Map inverse(samples);
  for (size_t s = 0; s < samples; ++s) {
    Lanes squares{};
    for (size_t i = s * length; i < (s + 1) * length; ++i) squares += x->value[i] * x->value[i];
    for (int j = 0; j < kLanes; ++j)
      inverse[s][j] = 1 / std::sqrt(squares[j] / static_cast<double>(length) + 1e-6);
    tape.noise.add(inverse[s], kUnit * inverse[s][0]);
    for (size_t i = s * length; i < (s + 1) * length; ++i) {
      y->value[i] = x->value[i] * inverse[s];
      tape.noise.add(y->value[i], kUnit * std::abs(y->value[i][0]));
      tape.store(y->value[i]);
    }
  }
  // dx = r dy - x r^3 mean(dy x): two products and a difference, two factors rounded.
  tape.record([=, &tape] {
    for (size_t s = 0; s < samples; ++s) {
      const Lanes r = inverse[s];
      Lanes mean{};
      for (size_t i = s * length; i < (s + 1) * length; ++i) mean += y->grad[i] * x->value[i];
      Lanes factor = r * r * r * mean / static_cast<double>(length);
      tape.noise.add(factor, 2 * kUnit * std::abs(factor[0]));
      for (size_t i = s * length; i < (s + 1) * length; ++i) {
        const Lanes a = r * y->grad[i], b = x->value[i] * factor;
        Lanes dx = a - b;
        tape.noise.sum(dx, 2, std::abs(a[0]) + std::abs(b[0]), 1);
        x->grad[i] += dx;
        tape.store(x->grad[i]);
      }
    }
  });
  return y;
}

// The bound of kernels/sigmoid/sigmoid_test.cpp: 14 roundings forwards, 3 back.
Value sigmoid(LaneTape& tape, const Value& x) {
  Value y = make(x->shape);
  for (size_t i = 0; i < x->value.size(); ++i) {
    for (int j = 0; j < kLanes; ++j) y->value[i][j] = 1 / (1 + std::exp(-x->value[i][j]));
    tape.noise.add(y->value[i], 14 * kUnit * y->value[i][0]);
  }
  tape.record([=, &tape] {
    for (size_t i = 0; i < x->value.size(); ++i) {
      Lanes dx = y->grad[i] * y->value[i] * (1 - y->value[i]);
      tape.noise.sum(dx, 3, std::abs(dx[0]), 0);
      x->grad[i] += dx;
    }
  });
  return y;
}

Value concat_channels(LaneTape& tape, const Value& a, const Value& b) {
  const Shape &s = a->shape, &other = b->shape;
  Value y = make({s[0], s[1], s[2], s[3] + other[3]});
  const auto ca = static_cast<size_t>(s[3]), cb = static_cast<size_t>(other[3]);
  // Of element i of y: whose it is, and where.
  const auto place = [=](size_t i) {
    const size_t pixel = i / (ca + cb), c = i % (ca + cb);
    return c < ca ? std::pair{a.get(), pixel * ca + c} : std::pair{b.get(), pixel * cb + c - ca};
  };
  for (size_t i = 0; i < y->value.size(); ++i) {
    const auto [from, at] = place(i);
    y->value[i] = from->value[at];
  }
  tape.record([=, &tape] {
    for (size_t i = 0; i < y->value.size(); ++i) {
      const auto [to, at] = place(i);
      to->grad[at] += y->grad[i];
      tape.noise.add(to->grad[at], kUnit * std::abs(to->grad[at][0]));
      tape.store(to->grad[at]);
    }
  });
  return y;
}

Value concat_batch(LaneTape& tape, const Value& a, const Value& b) {
  const Shape& s = a->shape;
  Value y = make({s[0] + b->shape[0], s[1], s[2], s[3]});
  const size_t half = a->value.size();
  for (size_t i = 0; i < y->value.size(); ++i)
    y->value[i] = i < half ? a->value[i] : b->value[i - half];
  tape.record([=] {
    for (size_t i = 0; i < y->value.size(); ++i)
      (i < half ? a->grad[i] : b->grad[i - half]) += y->grad[i];
  });
  return y;
}

Value slice_batch(LaneTape& tape, const Value& x, int64_t begin, int64_t end) {
  const Shape& s = x->shape;
  Value y = make(s.rank() == 2 ? Shape{end - begin, s[1]} : Shape{end - begin, s[1], s[2], s[3]});
  const size_t first = x->value.size() / static_cast<size_t>(s[0]) * static_cast<size_t>(begin);
  for (size_t i = 0; i < y->value.size(); ++i) y->value[i] = x->value[first + i];
  tape.record([=, &tape] {
    for (size_t i = 0; i < y->value.size(); ++i) {
      x->grad[first + i] += y->grad[i];
      tape.noise.add(x->grad[first + i], kUnit * std::abs(x->grad[first + i][0]));
      tape.store(x->grad[first + i]);
    }
  });
  return y;
}

}  // namespace diptych::parity
