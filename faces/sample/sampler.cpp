// The sampler: prepares every face once, then makes batches in order.
// SPDX-License-Identifier: MIT
#include "faces/sample/sampler.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include <opencv2/imgproc.hpp>

#include "faces/sample/batch_queue.h"
#include "faces/sample/colour_reference.h"
#include "faces/sample/make_sample.h"
#include "faces/sample/prepared_face.h"
#include "faces/sample/sample_order.h"
#include "kernels/common/check.h"
#include "kernels/common/log.h"
#include "kernels/common/parallel.h"

namespace diptych {

namespace {

constexpr size_t kManyFaces = 500;  // from here preparing takes seconds and is announced

// OpenCV fills its interpolation tables on first use without a lock: do it before threads start.
void fill_interpolation_tables() {
  const cv::Mat picture(4, 4, CV_32FC1, cv::Scalar(0));
  cv::Mat result;
  for (const int interpolation : {cv::INTER_LINEAR, cv::INTER_CUBIC}) {
    cv::warpAffine(picture, result, cv::Matx23d(1, 0, 0.5, 0, 1, 0.5), {4, 4}, interpolation);
  }
}

const char* side_name(int side) {
  return side == 0 ? "src faceset" : "dst faceset";
}

// Calls body(i) for 0..count-1 on all cores; the error of the lowest index is rethrown.
void for_each_face(size_t count, const std::function<void(size_t)>& body) {
  std::mutex mutex;
  size_t first = count;
  std::exception_ptr error;
  parallel_for(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < first) {
          first = i;
          error = std::current_exception();
        }
        return;
      }
    }
  });
  if (error) std::rethrow_exception(error);
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

SampleOrder order_of(const std::vector<Face>& faces, bool uniform_yaw, uint64_t seed, int side) {
  if (!uniform_yaw) return {static_cast<int>(faces.size()), seed, side};
  std::vector<double> yaw;
  for (const Face& face : faces) yaw.push_back(face.pose.yaw);
  return {yaw, seed, side};
}

void check_not_empty(const std::vector<Face>& faces, const char* name) {
  if (!faces.empty()) return;
  throw InputError(name, "it holds no active face",
                   "Extract faces first, or take some back from the trash");
}

void report_enlarged(const std::vector<Face>& faces, int resolution, int side) {
  const auto small = std::count_if(faces.begin(), faces.end(),
                                   [&](const Face& face) { return face.size < resolution; });
  if (small == 0) return;
  log(LogLevel::kInfo, str(side_name(side), ": ", small, " of ", faces.size(),
                           " faces are smaller than ", resolution, " pixels and are enlarged"));
}

}  // namespace

struct Sampler::Impl {
  SampleOptions options;
  int batch_size;
  uint64_t seed, first_sample;
  int side;
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
        order(order_of(given, given_options.uniform_yaw, given_seed, given_side)) {}

  PrepareOptions prepare_options() const {
    return {options.resolution, options.face_type, options.eyes_mouth};
  }

  // Encoded pictures are dropped as they are decoded.
  void prepare(std::vector<Face>& given) {
    const size_t count = given.size();
    options.parity_dfl ? parity_faces.resize(count) : faces.resize(count);
    for_each_face(count, [&](size_t i) {
      if (options.parity_dfl) {
        parity_faces[i] = prepare_face_parity(given[i], prepare_options());
      } else {
        faces[i] = prepare_face(given[i], prepare_options());
      }
      given[i] = {};
    });
  }

  void prepare_references(std::vector<Face>& given) {
    if (options.ct_mode == "none") return;
    check_not_empty(given, side_name(1 - side));
    reference.emplace(options.ct_mode, static_cast<int>(given.size()), seed, side,
                      options.parity_dfl);
    for_each_face(given.size(), [&](size_t i) {
      reference->set(static_cast<int>(i),
                     prepare_reference(given[i], prepare_options(), options.parity_dfl));
      given[i] = {};
    });
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
  check_not_empty(faces, side_name(side));
  cv::setNumThreads(1);
  fill_interpolation_tables();
  report_enlarged(faces, options.resolution, side);
  if (faces.size() >= kManyFaces) {
    log(LogLevel::kInfo, str(side_name(side), ": preparing ", faces.size(), " faces"));
  }
  impl_ = std::make_unique<Impl>(faces, options, batch_size, seed, side, next_sample);
  impl_->prepare(faces);
  impl_->prepare_references(reference);
  impl_->queue.emplace(threads, [impl = impl_.get()](uint64_t b) { return impl->make_batch(b); });
}

Sampler::~Sampler() = default;

SampleBatch Sampler::next() {
  const auto begin = std::chrono::steady_clock::now();
  SampleBatch batch = impl_->queue->next();
  impl_->waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return batch;
}

uint64_t Sampler::next_sample() const {
  return impl_->first_sample + impl_->queue->given() * static_cast<uint64_t>(impl_->batch_size);
}

double Sampler::wait_seconds() const {
  return impl_->waited;
}

}  // namespace diptych
