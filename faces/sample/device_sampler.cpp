// Faces in device memory and the order they come in.
// SPDX-License-Identifier: MIT
#include "faces/sample/device_sampler.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

#include "faces/colour/colour_transfer.h"
#include "faces/sample/prepare_faces.h"
#include "kernels/common/device.h"
#include "tensor/allocator.h"
#include "tensor/tensor.h"

namespace diptych {

namespace {

constexpr int kOrderBatches = 256;  // the order is kept for so many batches

ColourTransfer transfer_of(const std::string& mode) {
  if (mode == "rct") return ColourTransfer::kRct;
  return mode == "lct" ? ColourTransfer::kLct : ColourTransfer::kNone;
}

// Of a face (inverse) or of a reference; ColourStatistics says what is kept.
ColourStatistics statistics_of(const cv::Mat& picture, ColourTransfer transfer, bool inverse) {
  cv::Mat real;
  picture.convertTo(real, CV_32FC3, 1.0 / 255);
  ColourStatistics out = {};
  const bool rct = transfer == ColourTransfer::kRct;
  const ColourMoments moments = rct ? lab_moments(real) : colour_moments(real);
  for (int i = 0; i < 3; ++i) out.mean[i] = moments.mean[i];
  if (rct) {
    for (int i = 0; i < 3; ++i) out.factor[i] = std::sqrt(std::max(0.0, moments.covariance(i, i)));
  } else {
    const cv::Matx33d factor = lct_factor(moments, inverse ? -0.5 : 0.5);
    std::copy_n(factor.val, 9, out.factor);
  }
  return out;
}

void put_texels(const PreparedFace& face, FaceTexel* to) {
  for (int y = 0; y < face.picture.rows; ++y) {
    const auto* const pixel = face.picture.ptr<cv::Vec3b>(y);
    const auto* const mask = face.masks.pixels.ptr<cv::Vec2b>(y + 1) + 1;  // a border of one
    for (int x = 0; x < face.picture.cols; ++x)
      *to++ = {pixel[x][0], pixel[x][1], pixel[x][2], mask[x][0]};
  }
}

void put_lab_texels(const PreparedFace& face, LabTexel* to) {
  cv::Mat lab;
  face.picture.convertTo(lab, CV_32FC3, 1.0 / 255);
  cv::cvtColor(lab, lab, cv::COLOR_BGR2Lab);
  const auto grid = [](double value) { return static_cast<int16_t>(std::lround(value)); };
  for (int y = 0; y < lab.rows; ++y) {
    const auto* const pixel = lab.ptr<cv::Vec3f>(y);
    const auto* const mask = face.masks.pixels.ptr<cv::Vec2b>(y + 1) + 1;
    for (int x = 0; x < lab.cols; ++x) {
      *to++ = {grid(pixel[x][0] * 163.84), grid(pixel[x][1] * 64.0), grid(pixel[x][2] * 64.0),
               mask[x][0]};
    }
  }
}

void put_eyes(const PreparedFace& face, uint8_t* to) {
  for (int y = 0; y < face.picture.rows; ++y) {
    const auto* const mask = face.masks.pixels.ptr<cv::Vec2b>(y + 1) + 1;
    for (int x = 0; x < face.picture.cols; ++x) *to++ = mask[x][1];
  }
}

}  // namespace

struct DeviceSampler::Impl {
  ImageWarpOptions options;
  ImageWarpFaces faces;
  ImageWarpOrder order;
  std::vector<int64_t> ids;
  SampleOrder face_order;
  std::unique_ptr<ShuffledSequence> reference_order;
  std::vector<std::shared_ptr<void>> memory;
  size_t bytes = 0;
  int batch;
  uint64_t next, filled;  // samples made; samples whose order is on the device

  Impl(const std::vector<Face>& given, const SampleOptions& o, int n, uint64_t seed, int side)
      : face_order(make_sample_order(given, o, seed, side)), batch(n) {
    options.resolution = o.resolution;
    options.seed = seed;
    options.side = side;
    options.range = {.rotation_degrees = o.rotation_degrees,
                     .scale_low = o.scale_low,
                     .scale_high = o.scale_high,
                     .shift = o.shift,
                     .flip = o.random_flip};
    options.random_warp = o.random_warp;
    options.hsv_power = o.hsv_power;
    options.transfer = transfer_of(o.ct_mode);
  }

  template <class T>
  T* take(size_t count) {
    const size_t size = count * sizeof(T);
    memory.push_back(allocate(size, Place::kDevice));
    bytes += size;
    return static_cast<T*>(memory.back().get());
  }

  template <class T>
  T* put(const std::vector<T>& values) {
    T* const to = take<T>(values.size());
    device::upload(current_stream().cuda(), to, values.data(), values.size() * sizeof(T));
    return to;
  }

  void put_faces(std::vector<Face>& given, const SampleOptions& o) {
    const std::vector<PreparedFace> prepared = prepare_faces(given, o);
    const auto area = static_cast<size_t>(o.resolution) * static_cast<size_t>(o.resolution);
    const bool rct = options.transfer == ColourTransfer::kRct;
    std::vector<FaceTexel> pictures(rct ? 0 : prepared.size() * area);
    std::vector<LabTexel> lab(rct ? prepared.size() * area : 0);
    std::vector<uint8_t> eyes(o.eyes_mouth ? prepared.size() * area : 0);
    std::vector<ColourStatistics> own(prepared.size());
    // Fills OpenCV's Lab tables, which have no lock, before threads meet there.
    if (rct) lab_moments(cv::Mat(1, 1, CV_32FC3, cv::Scalar::all(0.5)));
    for_each_face(prepared.size(), [&](size_t i) {
      const PreparedFace& face = prepared[i];
      if (rct) {
        put_lab_texels(face, lab.data() + i * area);
      } else {
        put_texels(face, pictures.data() + i * area);
      }
      if (o.eyes_mouth) put_eyes(face, eyes.data() + i * area);
      if (options.transfer != ColourTransfer::kNone)
        own[i] = statistics_of(face.picture, options.transfer, true);
    });
    for (const PreparedFace& face : prepared) ids.push_back(face.id);
    faces.count = static_cast<int>(prepared.size());
    if (rct) {
      faces.lab = put(lab);
    } else {
      faces.pictures = put(pictures);
    }
    if (o.eyes_mouth) faces.eyes_mouth = put(eyes);
    if (options.transfer != ColourTransfer::kNone) faces.statistics = put(own);
  }

  void put_references(std::vector<Face>& given, const SampleOptions& o) {
    if (options.transfer == ColourTransfer::kNone) return;
    check_faces(given, 1 - options.side);
    std::vector<ColourStatistics> statistics(given.size());
    for_each_face(given.size(), [&](size_t i) {
      statistics[i] = statistics_of(prepare_reference(given[i], prepare_options(o), false),
                                    options.transfer, false);
      given[i] = {};
    });
    faces.reference_count = static_cast<int>(statistics.size());
    faces.references = put(statistics);
    reference_order = std::make_unique<ShuffledSequence>(
        faces.reference_count, options.seed,
        sample_stream(options.side, SamplePurpose::kReferenceOrder));
  }

  // Entries of `count` samples from `filled` on, into the places they take in turn.
  void fill_order(int count) {
    std::vector<int32_t> face(static_cast<size_t>(count)), reference(face.size());
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      face[at] = face_order.at(filled + static_cast<uint64_t>(i));
      if (reference_order) reference[at] = reference_order->at(filled + static_cast<uint64_t>(i));
    }
    const auto place = static_cast<int>(filled % static_cast<uint64_t>(order.period));
    const int first = std::min(count, order.period - place);  // then it starts over
    const auto send = [&](const int32_t* to, const std::vector<int32_t>& from) {
      if (!to) return;
      const CudaStream stream = current_stream().cuda();
      auto* const base = const_cast<int32_t*>(to);
      const auto size = [](int n) { return static_cast<size_t>(n) * sizeof(int32_t); };
      device::upload(stream, base + place, from.data(), size(first));
      if (first < count) device::upload(stream, base, from.data() + first, size(count - first));
    };
    send(order.face, face);
    send(order.reference, reference);
    filled += static_cast<uint64_t>(count);
  }

  void start(uint64_t next_sample) {
    next = filled = next_sample;
    order.period = kOrderBatches * batch;
    order.face = take<int32_t>(static_cast<size_t>(order.period));
    if (reference_order) order.reference = take<int32_t>(static_cast<size_t>(order.period));
    fill_order(order.period);
    state = put(std::vector<ImageWarpState>{{next_sample}});
  }

  ImageWarpState* state = nullptr;
};

bool DeviceSampler::supports(const SampleOptions& options) {
  const std::string& mode = options.ct_mode;
  return !options.parity_dfl && (mode == "none" || mode == "rct" || mode == "lct");
}

DeviceSampler::DeviceSampler(std::vector<Face> faces,
                             std::vector<Face> reference,
                             const SampleOptions& options,
                             int batch_size,
                             uint64_t seed,
                             int side,
                             uint64_t next_sample) {
  DIPTYCH_CHECK(supports(options), "DeviceSampler: ct_mode ", options.ct_mode,
                options.parity_dfl ? " with parity dfl" : "",
                "; none, rct and lct are made on the device");
  DIPTYCH_CHECK(batch_size >= 1, "DeviceSampler: batch size ", batch_size,
                "; at least 1 is needed");
  announce_faces(faces, options.resolution, side);
  cv::setNumThreads(1);
  impl_ = std::make_unique<Impl>(faces, options, batch_size, seed, side);
  impl_->put_faces(faces, options);
  impl_->put_references(reference, options);
  impl_->start(next_sample);
}

DeviceSampler::~DeviceSampler() = default;

void DeviceSampler::run(const ImageWarpOutput& output) {
  image_warp(current_stream(), impl_->options, impl_->faces, impl_->order, impl_->state, output);
}

std::vector<int64_t> DeviceSampler::advance() {
  Impl& m = *impl_;
  // Places that are written anew belong to samples made long ago.
  const auto half = static_cast<uint64_t>(m.order.period / 2);
  if (m.filled - m.next <= half) m.fill_order(m.order.period / 2);
  std::vector<int64_t> ids;
  for (int i = 0; i < m.batch; ++i)
    ids.push_back(m.ids[static_cast<size_t>(m.face_order.at(m.next + static_cast<uint64_t>(i)))]);
  m.next += static_cast<uint64_t>(m.batch);
  return ids;
}

void DeviceSampler::set_repeats(const std::vector<int>& repeats) {
  Impl& m = *impl_;
  m.face_order.set_repeats(repeats);
  m.filled = m.next;
  m.fill_order(m.order.period);
}

uint64_t DeviceSampler::next_sample() const {
  return impl_->next;
}

size_t DeviceSampler::device_bytes() const {
  return impl_->bytes;
}

}  // namespace diptych
