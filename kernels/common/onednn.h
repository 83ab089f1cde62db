// onednn: the one wrapper that knows oneDNN's version (2.6 and 3.x) and hides it from the ops.
// Included by the *_onednn.cpp sources only, which are built when oneDNN is found.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

#include "kernels/common/dtype.h"
#include "kernels/common/stream.h"

namespace diptych::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

const dnnl::engine& engine();  // the CPU

dnnl::memory::data_type data_type(DType dtype);

// Convolution and transposed convolution: src NCHW, weights OIHW in logical order, whatever the
// tag.
struct ConvDescs {
  Desc src, weights, bias, dst;  // bias may be empty
  Dims strides, pad_begin, pad_end;
};

// The best implementation, or an empty descriptor when there is none or only a naive reference.
dnnl::convolution_forward::primitive_desc conv_forward(const ConvDescs& descs,
                                                       const dnnl::primitive_attr& attr);
dnnl::convolution_backward_data::primitive_desc conv_backward_data(const ConvDescs& descs);
dnnl::convolution_backward_weights::primitive_desc conv_backward_weight(const ConvDescs& descs);
dnnl::deconvolution_forward::primitive_desc deconv_forward(const ConvDescs& descs,
                                                           const dnnl::primitive_attr& attr);
dnnl::matmul::primitive_desc matmul(const Desc& a,
                                    const Desc& b,
                                    const Desc& bias,
                                    const Desc& c,
                                    const dnnl::primitive_attr& attr);

// Attributes with a scratchpad that the caller provides.
dnnl::primitive_attr user_scratchpad();
void append_leaky(dnnl::post_ops& post_ops, float slope);

// A primitive with its arguments. Memory is bound before each run; nothing is allocated then.
class Operation {
 public:
  Operation() = default;

  template <class PrimitiveDesc>
  explicit Operation(const PrimitiveDesc& desc)
      : primitive_(desc.get()), scratchpad_(desc.scratchpad_desc()) {
    if (scratchpad_bytes() > 0) add(DNNL_ARG_SCRATCHPAD, scratchpad_);
  }

  // A copy from one layout to another; accumulate adds to what is there.
  static Operation reorder(const Desc& from, const Desc& to, bool accumulate = false);

  explicit operator bool() const { return static_cast<bool>(primitive_); }

  size_t scratchpad_bytes() const { return scratchpad_.get_size(); }

  void add(int arg, const Desc& desc);
  void bind(int arg, const void* data);
  void run();

 private:
  dnnl::primitive primitive_;
  Desc scratchpad_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> args_;
};

// What identifies a compiled plan: the pass, sizes, dtypes, epilogue and the thread count.
using Key = std::array<int32_t, 24>;

struct KeyHash {
  size_t operator()(const Key& key) const;
};

// A plan is what an op compiles once per key: operations, sizes and offsets.
struct Plan {
  virtual ~Plan() = default;
};

// The plans of one Stream.
class State : public StreamState {
 public:
  static std::unique_ptr<StreamState>& slot(Stream& stream) { return stream.onednn_state; }

  // make() returns the plan, or null when oneDNN has no implementation; either answer is kept.
  template <class P, class Make>
  P* find(const Key& key, const Make& make) {
    const auto it = plans_.find(key);
    if (it != plans_.end()) return static_cast<P*>(it->second.get());
    std::unique_ptr<P> plan;
    try {
      plan = make();
    } catch (const dnnl::error&) {  // sizes oneDNN does not take
      plan = nullptr;
    }
    P* found = plan.get();
    plans_.emplace(key, std::move(plan));
    return found;
  }

 private:
  std::unordered_map<Key, std::unique_ptr<Plan>, KeyHash> plans_;
};

// The plans of a stream, also from accepts(), which sees it const: a cache is not part of its
// value. Sets the thread count oneDNN takes from OpenMP.
State& state_of(const Stream& stream);

// Splits one workspace into 64-byte aligned parts.
class Layout {
 public:
  size_t add(size_t bytes) {
    const size_t offset = total_;
    total_ += (bytes + 63) / 64 * 64;
    return offset;
  }

  size_t total() const { return total_; }

 private:
  size_t total_ = 0;
};

}  // namespace diptych::onednn
