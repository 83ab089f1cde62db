// The sampler: prepares every face once, then makes batches in order.
// SPDX-License-Identifier: MIT
#include "faces/sample/sampler.h"

#include <chrono>
#include <optional>
#include <utility>

#include <opencv2/imgproc.hpp>

#include "faces/sample/batch_queue.h"
#include "faces/sample/colour_reference.h"
#include "faces/sample/make_sample.h"
#include "faces/sample/prepare_faces.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

// OpenCV fills its interpolation tables on first use without a lock: do it before threads start.
void fill_interpolation_tables() {
  const cv::Mat picture(4, 4, CV_32FC1, cv::Scalar(0));
  cv::Mat result;
  for (const int interpolation : {cv::INTER_LINEAR, cv::INTER_CUBIC}) {
    cv::warpAffine(picture, result, cv::Matx23d(1, 0, 0.5, 0, 1, 0.5), {4, 4}, interpolation);
  }
}

void check_options(const SampleOptions& options, int batch_size, int threads) {
  DIPTYCH_CHECK(options.resolution >= 16 && options.resolution <= 2048, "Sampler: resolution ",
                options.resolution, " is outside 16..2048");
  DIPTYCH_CHECK(batch_size >= 1, "Sampler: batch size ", batch_size, "; at least 1 is needed");
  DIPTYCH_CHECK(threads >= 0, "Sampler: ", threads, " threads");
  DIPTYCH_CHECK(options.hsv_power >= 0 && options.hsv_power <= 1, "Sampler: hsv_power ",
                options.hsv_power, " is outside 0..1");
  DIPTYCH_CHECK(options.scale_low < 1 && options.scale_high > -1, "Sampler: scale range ",
                options.scale_low, ", ", options.scale_high, " reaches zero or beyond");
  check_colour_transfer_mode(options.ct_mode);
}

}  // namespace

struct Sampler::Impl {
  SampleOptions options;
  int batch_size;
  uint64_t seed, first_sample;
  int side, threads = 0;
  SampleOrder order;
  std::vector<PreparedFace> faces;  // one of the two is filled
  std::vector<ParityFace> parity_faces;
  std::optional<ColourReference> reference;
  double waited = 0;
  std::optional<BatchQueue> queue;  // last: its threads use everything above

  Impl(std::vector<Face>& given,
       const SampleOptions& given_options,
       int n,
       uint64_t given_seed,
       int given_side,
       uint64_t next)
      : options(given_options),
        batch_size(n),
        seed(given_seed),
        first_sample(next),
        side(given_side),
        order(make_sample_order(given, given_options, given_seed, given_side)) {}

  void prepare(std::vector<Face>& given) {
    if (!options.parity_dfl) {
      faces = prepare_faces(given, options);
      return;
    }
    parity_faces.resize(given.size());
    for_each_face(given.size(), [&](size_t i) {
      parity_faces[i] = prepare_face_parity(given[i], prepare_options(options));
      given[i] = {};
    });
  }

  void prepare_references(std::vector<Face>& given) {
    if (options.ct_mode == "none") return;
    check_faces(given, 1 - side);
    reference.emplace(options.ct_mode, static_cast<int>(given.size()), seed, side,
                      options.parity_dfl);
    for_each_face(given.size(), [&](size_t i) {
      reference->set(static_cast<int>(i),
                     prepare_reference(given[i], prepare_options(options), options.parity_dfl));
      given[i] = {};
    });
  }

  void start_queue() {
    queue.emplace(threads, [this](uint64_t b) { return make_batch(b); });
  }

  void make_one(uint64_t sample, size_t face, const SampleOutput& out) const {
    TransferColours transfer;
    if (reference) {
      transfer = [&, sample](const cv::Mat& picture, uint32_t take) {
        return reference->transfer(picture, sample, take);
      };
    }
    const SampleDraws draws = draw_sample(options, seed, side, sample);
    if (options.parity_dfl) {
      make_sample_parity(parity_faces[face], draws, transfer, out);
    } else {
      make_sample(faces[face], draws, transfer, out);
    }
  }

  SampleBatch make_batch(uint64_t number) const {
    SampleBatch batch;
    const auto n = static_cast<size_t>(batch_size);
    const auto area =
        static_cast<size_t>(options.resolution) * static_cast<size_t>(options.resolution);
    batch.n = batch_size;
    batch.resolution = options.resolution;
    batch.first_sample = first_sample + number * n;
    batch.warped.resize(n * area * 3);
    batch.target.resize(n * area * 3);
    batch.mask.resize(n * area);
    if (options.eyes_mouth) batch.eyes_mouth.resize(n * area);
    for (size_t i = 0; i < n; ++i) {
      const uint64_t sample = batch.first_sample + i;
      const auto face = static_cast<size_t>(order.at(sample));
      batch.face_ids.push_back(options.parity_dfl ? parity_faces[face].id : faces[face].id);
      make_one(sample, face,
               {.warped = batch.warped.data() + i * area * 3,
                .target = batch.target.data() + i * area * 3,
                .mask = batch.mask.data() + i * area,
                .eyes_mouth = options.eyes_mouth ? batch.eyes_mouth.data() + i * area : nullptr});
    }
    return batch;
  }
};

Sampler::Sampler(std::vector<Face> faces,
                 std::vector<Face> reference,
                 const SampleOptions& options,
                 int batch_size,
                 uint64_t seed,
                 int side,
                 uint64_t next_sample,
                 int threads) {
  check_options(options, batch_size, threads);
  announce_faces(faces, options.resolution, side);
  cv::setNumThreads(1);
  fill_interpolation_tables();
  impl_ = std::make_unique<Impl>(faces, options, batch_size, seed, side, next_sample);
  impl_->prepare(faces);
  impl_->prepare_references(reference);
  impl_->threads = threads;
  impl_->start_queue();
}

Sampler::~Sampler() = default;

SampleBatch Sampler::next() {
  const auto begin = std::chrono::steady_clock::now();
  SampleBatch batch = impl_->queue->next();
  impl_->waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return batch;
}

void Sampler::set_repeats(const std::vector<int>& repeats) {
  impl_->first_sample = next_sample();
  impl_->queue.reset();  // its threads read the order
  impl_->order.set_repeats(repeats);
  impl_->start_queue();
}

uint64_t Sampler::next_sample() const {
  return impl_->first_sample + impl_->queue->given() * static_cast<uint64_t>(impl_->batch_size);
}

double Sampler::wait_seconds() const {
  return impl_->waited;
}

}  // namespace diptych
