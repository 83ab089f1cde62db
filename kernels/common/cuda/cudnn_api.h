// cuDNN's backend API: its functions, loaded when first needed, and its objects. See cudnn.h.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <cudnn.h>

#include "kernels/common/dtype.h"

namespace diptych::cudnn {

// The functions of the library that are used. Loaded on first call; throws Error when it cannot be.
struct Api {
  decltype(&cudnnGetVersion) version;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnGetLastErrorString) last_error;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendExecute) execute;
};

const Api& api();

std::string version_text();  // "9.19.1"

// Throws Error with cuDNN's own words when the status is not success.
void check(cudnnStatus_t status, const char* what);

// Reads an attribute of a finalized object; false when cuDNN does not answer.
bool get(cudnnBackendDescriptor_t from,
         cudnnBackendAttributeName_t name,
         cudnnBackendAttributeType_t type,
         int64_t at_most,
         int64_t* count,
         void* values);

cudnnDataType_t data_type(DType dtype);

// How each C++ type is told to cuDNN.
// (Objects of the backend API are void*, too: set_object.)
cudnnBackendAttributeType_t type_of(int64_t);
cudnnBackendAttributeType_t type_of(float);
cudnnBackendAttributeType_t type_of(double);
cudnnBackendAttributeType_t type_of(bool);
cudnnBackendAttributeType_t type_of(void*);
cudnnBackendAttributeType_t type_of(cudnnHandle_t);
cudnnBackendAttributeType_t type_of(cudnnDataType_t);
cudnnBackendAttributeType_t type_of(cudnnConvolutionMode_t);
cudnnBackendAttributeType_t type_of(cudnnPointwiseMode_t);
cudnnBackendAttributeType_t type_of(cudnnBackendHeurMode_t);

// One object of the backend API. Owns it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, T value) {
    return set_raw(name, type_of(value), 1, &value);
  }

  template <class T>
  Descriptor& set_list(cudnnBackendAttributeName_t name, std::span<const T> values) {
    return set_raw(name, type_of(T{}), static_cast<int64_t>(values.size()), values.data());
  }

  Descriptor& set_object(cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t object) {
    return set_objects(name, {&object, 1});
  }

  Descriptor& set_objects(cudnnBackendAttributeName_t name,
                          std::span<const cudnnBackendDescriptor_t> objects);

  Descriptor& set_text(cudnnBackendAttributeName_t name, const std::string& text);

  // Throws Error with `what` and cuDNN's words when what was set does not make an object.
  Descriptor& finalize(const char* what);

  cudnnBackendDescriptor_t get() const { return descriptor_; }

 private:
  Descriptor& set_raw(cudnnBackendAttributeName_t name,
                      cudnnBackendAttributeType_t type,
                      int64_t count,
                      const void* values);

  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace diptych::cudnn
