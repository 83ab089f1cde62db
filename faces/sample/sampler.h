// The sampler: training batches from a faceset by spec samples.md, made ahead of time by threads.
// A sample is a pure function of (seed, side, sample number, options, faces): the same bits
// whatever the thread count.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "faces/align/face_type.h"
#include "faces/faceset/faceset.h"

namespace diptych {

struct SampleOptions {
  int resolution = 128;
  FaceType face_type = FaceType::kFull;
  bool random_warp = true;
  bool random_flip = false;                      // probability 0.4
  float rotation_degrees = 10;                   // +-
  float scale_low = -0.15f, scale_high = 0.15f;  // s0, s1 of samples.md 2
  float shift = 0.05f;                           // +- fraction of the resolution
  float hsv_power = 0;                           // 0..0.3, colour jitter of the network input only
  std::string ct_mode = "none";  // towards a random face of the other side: none, rct, lct, mkl,
                                 // idt, sot
  bool uniform_yaw = false;
  bool eyes_mouth = true;  // make the eyes+mouth mask
  bool parity_dfl =
      false;  // reproduce the original's quirks (samples.md: half-pixel shift, shared warp noise)
};

// One batch, f32, NHWC, BGR in [0,1]; masks have one channel.
struct SampleBatch {
  int n = 0, resolution = 0;
  std::vector<float> warped;      // (N,R,R,3) network input
  std::vector<float> target;      // (N,R,R,3)
  std::vector<float> mask;        // (N,R,R,1)
  std::vector<float> eyes_mouth;  // (N,R,R,1), empty when not asked
  std::vector<int64_t> face_ids;  // (N)
  uint64_t first_sample = 0;      // number of the first sample: batch b of size n starts at b*n
};

class Sampler {
 public:
  // Faces are decoded once, on all cores, and held as 8-bit pictures of resolution x resolution
  // (parity_dfl: f32). Sets OpenCV to one thread for the whole process: workers are the threads.
  // Throws InputError that names the face for a picture that is missing, damaged, below 32 pixels
  // or of a smaller face type than asked; for a faceset without faces; Error for bad options.
  // `reference` (the other side's faces) is needed when ct_mode is set. side: 0 src, 1 dst
  // (separates the random streams). next_sample: where to go on after a resume. threads 0: make
  // each batch in the caller's thread.
  Sampler(std::vector<Face> faces,
          std::vector<Face> reference,
          const SampleOptions& options,
          int batch_size,
          uint64_t seed,
          int side,
          uint64_t next_sample,
          int threads);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // From the next batch on, face i of those given comes repeats[i] >= 1 times a round, not once
  // (sample_order.h). Batches made ahead are made anew: the same whenever a run resumes.
  void set_repeats(const std::vector<int>& repeats);
  // Blocks until the next batch is ready. Rethrows an error of a worker.
  SampleBatch next();
  uint64_t next_sample()
      const;  // number of the first sample that next() will give: the state a checkpoint keeps
  double wait_seconds()
      const;  // time spent blocked in next() so far: 0 when the sampler keeps ahead

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace diptych
