// The sampler of a device: faces stay there as 8-bit pictures, and kernels/image_warp makes batches
// of them, in the order and with the random numbers of Sampler (sampler.h), to the rounding stated
// in image_warp.h. Nothing passes through the host but, now and then, the order of the coming
// faces.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "faces/sample/sampler.h"
#include "kernels/image_warp/image_warp.h"

namespace diptych {

class DeviceSampler {
 public:
  // Whether image_warp can make these samples: no parity quirks, ct_mode none, rct or lct.
  static bool supports(const SampleOptions& options);

  // Arguments and errors as of Sampler; Error when the options are not supported. Memory is taken
  // from current_stream(), a device stream: 4 bytes a pixel and face, 8 with rct, 1 more with
  // eyes_mouth.
  DeviceSampler(std::vector<Face> faces,
                std::vector<Face> reference,
                const SampleOptions& options,
                int batch_size,
                uint64_t seed,
                int side,
                uint64_t next_sample);
  ~DeviceSampler();
  DeviceSampler(const DeviceSampler&) = delete;
  DeviceSampler& operator=(const DeviceSampler&) = delete;

  // Kernels that write the batch whose turn it is; can be recorded and replayed.
  void run(const ImageWarpOutput& output);

  // To be called before every run or replay, outside of it: sees to it that the order reaches far
  // enough, and returns the ids of the faces of the batch that run() will make.
  std::vector<int64_t> advance();

  // As of Sampler. No run may be under way.
  void set_repeats(const std::vector<int>& repeats);

  // Number of the first sample that has not been made: what a checkpoint keeps.
  uint64_t next_sample() const;

  size_t device_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace diptych
