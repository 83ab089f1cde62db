// The wrapper around oneDNN: descriptors of both API generations, operations, errors.
// SPDX-License-Identifier: MIT
#include "kernels/common/onednn.h"

#include <cstring>
#include <string_view>

#include "kernels/common/check.h"
#include "kernels/common/parallel.h"

namespace diptych::onednn {

namespace {

constexpr auto kDirect = dnnl::algorithm::convolution_direct;
constexpr auto kTraining = dnnl::prop_kind::forward_training;
constexpr auto kInference = dnnl::prop_kind::forward_inference;

dnnl::stream& cpu_stream() {
  thread_local dnnl::stream stream(engine());
  return stream;
}

// oneDNN's reference code is slower than our own loops.
template <class PrimitiveDesc>
PrimitiveDesc unless_reference(const PrimitiveDesc& desc) {
  if (!desc) return desc;
  return std::string_view(desc.impl_info_str()).find("ref") == 0 ? PrimitiveDesc() : desc;
}

#if DNNL_VERSION_MAJOR < 3

template <class Op, class... Args>
typename Op::primitive_desc make(const dnnl::primitive_attr& attr, const Args&... args) {
  return {typename Op::desc(args...), attr, engine(), true};
}

template <class Op, class Hint, class... Args>
typename Op::primitive_desc make_backward(const dnnl::primitive_attr& attr,
                                          const Hint& hint,
                                          const Args&... args) {
  return {typename Op::desc(args...), attr, engine(), hint, true};
}

#else

template <class Op, class... Args>
typename Op::primitive_desc make(const dnnl::primitive_attr& attr, const Args&... args) {
  return {engine(), args..., attr, true};
}

template <class Op, class Hint, class... Args>
typename Op::primitive_desc make_backward(const dnnl::primitive_attr& attr,
                                          const Hint& hint,
                                          const Args&... args) {
  return {engine(), args..., hint, attr, true};
}

#endif

// A backward descriptor asks for the forward one it belongs to, of the same dtypes.
dnnl::convolution_forward::primitive_desc hint_for(const ConvDescs& d, const Desc& weights) {
  return make<dnnl::convolution_forward>(user_scratchpad(), kTraining, kDirect, d.src, weights,
                                         Desc(), d.dst, d.strides, d.pad_begin, d.pad_end);
}

Desc any_layout(const Desc& desc, dnnl::memory::data_type type) {
#if DNNL_VERSION_MAJOR < 3
  return {desc.dims(), type, Tag::any};
#else
  return {desc.get_dims(), type, Tag::any};
#endif
}

dnnl::memory::data_type type_of(const Desc& desc) {
#if DNNL_VERSION_MAJOR < 3
  return desc.data_type();
#else
  return desc.get_data_type();
#endif
}

void check(dnnl_status_t status) {
  DIPTYCH_CHECK(status == dnnl_success, "oneDNN: running a primitive failed with status ",
                static_cast<int>(status));
}

}  // namespace

const dnnl::engine& engine() {
  // Never destroyed: a Stream of static lifetime may hold primitives until the very end.
  static const dnnl::engine* cpu = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *cpu;
}

dnnl::memory::data_type data_type(DType dtype) {
  return dtype == DType::kF32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

dnnl::convolution_forward::primitive_desc conv_forward(const ConvDescs& d,
                                                       const dnnl::primitive_attr& attr) {
  return unless_reference(make<dnnl::convolution_forward>(attr, kInference, kDirect, d.src,
                                                          d.weights, d.bias, d.dst, d.strides,
                                                          d.pad_begin, d.pad_end));
}

dnnl::convolution_backward_data::primitive_desc conv_backward_data(const ConvDescs& d) {
  // The forward of an f32 gradient of bf16 tensors has f32 input, which no forward takes.
  ConvDescs forward = d;
  const auto type = type_of(d.dst);
  if (type_of(d.src) != type) forward.src = any_layout(d.src, type);
  const auto hint = hint_for(forward, d.weights);
  if (!hint) return {};
  return unless_reference(make_backward<dnnl::convolution_backward_data>(
      user_scratchpad(), hint, kDirect, d.src, d.weights, d.dst, d.strides, d.pad_begin,
      d.pad_end));
}

dnnl::convolution_backward_weights::primitive_desc conv_backward_weight(const ConvDescs& d) {
  const auto hint = hint_for(d, any_layout(d.weights, type_of(d.src)));
  if (!hint) return {};
  return unless_reference(make_backward<dnnl::convolution_backward_weights>(
      user_scratchpad(), hint, kDirect, d.src, d.weights, Desc(), d.dst, d.strides, d.pad_begin,
      d.pad_end));
}

dnnl::deconvolution_forward::primitive_desc deconv_forward(const ConvDescs& d,
                                                           const dnnl::primitive_attr& attr) {
  return unless_reference(make<dnnl::deconvolution_forward>(
      attr, kInference, dnnl::algorithm::deconvolution_direct, d.src, d.weights, d.bias, d.dst,
      d.strides, d.pad_begin, d.pad_end));
}

dnnl::matmul::primitive_desc matmul(const Desc& a,
                                    const Desc& b,
                                    const Desc& bias,
                                    const Desc& c,
                                    const dnnl::primitive_attr& attr) {
  return unless_reference(make<dnnl::matmul>(attr, a, b, bias, c));
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

void append_leaky(dnnl::post_ops& post_ops, float slope) {
#if DNNL_VERSION_MAJOR < 3
  post_ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, slope, 0.0f);
#else
  post_ops.append_eltwise(dnnl::algorithm::eltwise_relu, slope, 0.0f);
#endif
}

Operation Operation::reorder(const Desc& from, const Desc& to, bool accumulate) {
  dnnl::primitive_attr attr = user_scratchpad();
  if (accumulate) {
    dnnl::post_ops post_ops;
    post_ops.append_sum(1.0f);
    attr.set_post_ops(post_ops);
  }
  const dnnl::reorder::primitive_desc desc(engine(), from, engine(), to, attr);
  Operation operation(desc);
  operation.add(DNNL_ARG_FROM, from);
  operation.add(DNNL_ARG_TO, to);
  return operation;
}

void Operation::add(int arg, const Desc& desc) {
  memories_.emplace_back(desc, engine(), nullptr);
  args_.push_back({arg, memories_.back().get()});
}

void Operation::bind(int arg, const void* data) {
  for (size_t i = 0; i < args_.size(); ++i) {
    // oneDNN's memory is not const; inputs are only read.
    if (args_[i].arg == arg) memories_[i].set_data_handle(const_cast<void*>(data));
  }
}

void Operation::run() {
  if (dry_running()) return;
  check(dnnl_primitive_execute(primitive_.get(), cpu_stream().get(), static_cast<int>(args_.size()),
                               args_.data()));
  check(dnnl_stream_wait(cpu_stream().get()));
}

size_t KeyHash::operator()(const Key& key) const {
  uint64_t hash = 14695981039346656037u;  // FNV-1a over 32-bit words
  for (int32_t word : key) hash = (hash ^ static_cast<uint32_t>(word)) * 1099511628211u;
  return hash;
}

State& state_of(const Stream& stream) {
  set_parallel_threads(stream.threads());
  return const_cast<Stream&>(stream).state<State>();
}

}  // namespace diptych::onednn
