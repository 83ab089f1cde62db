// cuDNN's functions and objects.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/cudnn_api.h"

#include <utility>

#include "kernels/common/cuda/library.h"

#ifndef DIPTYCH_CUDNN_FILE  // where the build found it
#define DIPTYCH_CUDNN_FILE "libcudnn.so"
#endif

namespace diptych::cudnn {

const Api& api() {
  static const Api loaded = [] {
    const Library library("engine cudnn", "DIPTYCH_CUDNN_LIBRARY",
                          {"libcudnn.so.9", DIPTYCH_CUDNN_FILE},
                          "Install cuDNN 9, put its folder on LD_LIBRARY_PATH, or use engine cuda "
                          "(--engine cuda)");
    return Api{
        .version = library.function<decltype(cudnnGetVersion)>("cudnnGetVersion"),
        .error_string = library.function<decltype(cudnnGetErrorString)>("cudnnGetErrorString"),
        .last_error =
            library.function<decltype(cudnnGetLastErrorString)>("cudnnGetLastErrorString"),
        .create = library.function<decltype(cudnnCreate)>("cudnnCreate"),
        .destroy = library.function<decltype(cudnnDestroy)>("cudnnDestroy"),
        .set_stream = library.function<decltype(cudnnSetStream)>("cudnnSetStream"),
        .create_descriptor = library.function<decltype(cudnnBackendCreateDescriptor)>(
            "cudnnBackendCreateDescriptor"),
        .destroy_descriptor = library.function<decltype(cudnnBackendDestroyDescriptor)>(
            "cudnnBackendDestroyDescriptor"),
        .finalize = library.function<decltype(cudnnBackendFinalize)>("cudnnBackendFinalize"),
        .set_attribute =
            library.function<decltype(cudnnBackendSetAttribute)>("cudnnBackendSetAttribute"),
        .get_attribute =
            library.function<decltype(cudnnBackendGetAttribute)>("cudnnBackendGetAttribute"),
        .execute = library.function<decltype(cudnnBackendExecute)>("cudnnBackendExecute")};
  }();
  return loaded;
}

std::string version_text() {
  const size_t version = api().version();  // 91901: 9.19.1
  return str(version / 10000, '.', version % 10000 / 100, '.', version % 100);
}

void check(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char words[512] = "";
  api().last_error(words, sizeof words);
  throw Error(str("cudnn: ", what, ": ", api().error_string(status), *words ? ": " : "", words));
}

bool get(cudnnBackendDescriptor_t from,
         cudnnBackendAttributeName_t name,
         cudnnBackendAttributeType_t type,
         int64_t at_most,
         int64_t* count,
         void* values) {
  return api().get_attribute(from, name, type, at_most, count, values) == CUDNN_STATUS_SUCCESS;
}

cudnnDataType_t data_type(DType dtype) {
  return dtype == DType::kF32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
}

cudnnBackendAttributeType_t type_of(int64_t) {
  return CUDNN_TYPE_INT64;
}

cudnnBackendAttributeType_t type_of(float) {
  return CUDNN_TYPE_FLOAT;
}

cudnnBackendAttributeType_t type_of(double) {
  return CUDNN_TYPE_DOUBLE;
}

cudnnBackendAttributeType_t type_of(bool) {
  return CUDNN_TYPE_BOOLEAN;
}

cudnnBackendAttributeType_t type_of(void*) {
  return CUDNN_TYPE_VOID_PTR;
}

cudnnBackendAttributeType_t type_of(cudnnHandle_t) {
  return CUDNN_TYPE_HANDLE;
}

cudnnBackendAttributeType_t type_of(cudnnDataType_t) {
  return CUDNN_TYPE_DATA_TYPE;
}

cudnnBackendAttributeType_t type_of(cudnnConvolutionMode_t) {
  return CUDNN_TYPE_CONVOLUTION_MODE;
}

cudnnBackendAttributeType_t type_of(cudnnPointwiseMode_t) {
  return CUDNN_TYPE_POINTWISE_MODE;
}

cudnnBackendAttributeType_t type_of(cudnnBackendHeurMode_t) {
  return CUDNN_TYPE_HEUR_MODE;
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  check(api().create_descriptor(type, &descriptor_), "create a descriptor");
}

Descriptor::~Descriptor() {
  if (descriptor_) api().destroy_descriptor(descriptor_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, nullptr)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Descriptor& Descriptor::set_objects(cudnnBackendAttributeName_t name,
                                    std::span<const cudnnBackendDescriptor_t> objects) {
  return set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(objects.size()),
                 objects.data());
}

Descriptor& Descriptor::set_text(cudnnBackendAttributeName_t name, const std::string& text) {
  return set_raw(name, CUDNN_TYPE_CHAR, static_cast<int64_t>(text.size()) + 1, text.c_str());
}

Descriptor& Descriptor::set_raw(cudnnBackendAttributeName_t name,
                                cudnnBackendAttributeType_t type,
                                int64_t count,
                                const void* values) {
  check(api().set_attribute(descriptor_, name, type, count, values),
        str("set attribute ", static_cast<int>(name)).c_str());
  return *this;
}

Descriptor& Descriptor::finalize(const char* what) {
  check(api().finalize(descriptor_), what);
  return *this;
}

}  // namespace diptych::cudnn
