// The pipeline that merges a video.
// SPDX-License-Identifier: MIT
#include "faces/merge/merge_video.h"

#include <chrono>
#include <cmath>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "faces/merge/bounded_queue.h"
#include "faces/merge/merge_sink.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr size_t kFramesAhead = 6;  // in each queue

struct Done {
  cv::Mat picture;
  Frame frame;
};

// A thread whose exception is rethrown by join().
class Worker {
 public:
  template <class Body>
  explicit Worker(Body body)
      : thread_([this, body = std::move(body)] {
          try {
            body();
          } catch (...) {
            error_ = std::current_exception();
          }
        }) {}

  ~Worker() {
    if (thread_.joinable()) thread_.join();
  }

  void join() {
    thread_.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::exception_ptr error_;
  std::thread thread_;
};

class VideoMerge {
 public:
  VideoMerge(FrameSource& dst,
             const FacesByFrame& faces,
             const MergeModel& model,
             const MergeOptions& options,
             const MergeOutput& output)
      : dst_(dst), faces_(faces), model_(model), options_(options), output_(output) {}

  MergeSummary run();

 private:
  void decode(Frame first);
  void merge();
  void encode();
  // Frames that are predicted together; empty at the end.
  std::vector<Frame> next_frames();
  void merge_together(const std::vector<Frame>& frames);
  std::vector<PredictedFace> crops_of(const Frame& frame) const;
  void predict(std::vector<std::vector<PredictedFace>>& faces);
  const std::vector<Landmarks>& faces_of(const Frame& frame) const;

  bool stop_requested() const { return output_.stop && output_.stop(); }

  FrameSource& dst_;
  const FacesByFrame& faces_;
  const MergeModel& model_;
  const MergeOptions& options_;
  const MergeOutput& output_;
  std::unique_ptr<MergeSink> sink_;
  BoundedQueue<Frame> decoded_{kFramesAhead};
  BoundedQueue<Done> merged_{kFramesAhead};
  cv::Size size_;
  int64_t total_ = 0;  // frames to come, 0 when unknown
  MergeSummary summary_;
};

// Ends both queues when a stage fails, so that the others end too.
struct CancelOnError {
  BoundedQueue<Frame>& decoded;
  BoundedQueue<Done>& merged;
  int exceptions = std::uncaught_exceptions();

  ~CancelOnError() {
    if (std::uncaught_exceptions() == exceptions) return;
    decoded.cancel();
    merged.cancel();
  }
};

std::string place_of(const Frame& frame) {
  return frame.name.empty() ? str("frame ", frame.index, " at ", frame.seconds, " s") : frame.name;
}

const std::vector<Landmarks>& VideoMerge::faces_of(const Frame& frame) const {
  static const std::vector<Landmarks> none;
  const auto found = faces_.find(frame.index);
  return found == faces_.end() ? none : found->second;
}

void VideoMerge::decode(Frame frame) {
  const CancelOnError guard{decoded_, merged_};
  for (bool more = true; more && frame.seconds < output_.to;) {
    if (frame.bgr.size() != size_) {
      throw InputError(place_of(frame),
                       str("is ", frame.bgr.cols, "x", frame.bgr.rows, ", the first frame is ",
                           size_.width, "x", size_.height),
                       "Bring all pictures to one size");
    }
    if (!decoded_.push(std::move(frame))) return;
    frame = Frame();
    const auto start = Clock::now();
    more = dst_.read(frame);
    summary_.decode_seconds += since(start);
  }
  decoded_.close();
}

std::vector<Frame> VideoMerge::next_frames() {
  std::vector<Frame> frames;
  int crops = 0;
  while (frames.empty() ||
         (crops < model_.batch && frames.size() < static_cast<size_t>(model_.batch))) {
    std::optional<Frame> frame = decoded_.pop();
    if (!frame) break;
    crops += static_cast<int>(faces_of(*frame).size());
    frames.push_back(std::move(*frame));
  }
  return frames;
}

std::vector<PredictedFace> VideoMerge::crops_of(const Frame& frame) const {
  std::vector<PredictedFace> out;
  for (const Landmarks& landmarks : faces_of(frame)) {
    PredictedFace face;
    face.landmarks = landmarks;
    face.crop =
        crop_for_network(frame.bgr, landmarks, model_.resolution, model_.type, options_.parity_dfl);
    if (options_.motion_blur_power > 0) {
      face.motion = face_motion(faces_, frame.index, model_.type);
    }
    out.push_back(std::move(face));
  }
  return out;
}

void VideoMerge::predict(std::vector<std::vector<PredictedFace>>& faces) {
  std::vector<cv::Mat> crops;
  for (const auto& of_frame : faces) {
    for (const PredictedFace& face : of_frame) crops.push_back(face.crop);
  }
  if (crops.empty()) return;
  const auto start = Clock::now();
  std::vector<Prediction> predictions = model_.predict(crops);
  summary_.predict_seconds += since(start);
  DIPTYCH_CHECK(predictions.size() == crops.size(), "merge_video: the model gave ",
                predictions.size(), " predictions for ", crops.size(), " faces");
  size_t next = 0;
  for (auto& of_frame : faces) {
    for (PredictedFace& face : of_frame) face.prediction = std::move(predictions[next++]);
  }
}

void VideoMerge::merge_together(const std::vector<Frame>& frames) {
  auto start = Clock::now();
  std::vector<std::vector<PredictedFace>> faces;
  for (const Frame& frame : frames) {
    try {
      faces.push_back(crops_of(frame));
    } catch (const Error& error) {
      throw Error(str(place_of(frame), ": ", error.what()));
    }
  }
  summary_.merge_seconds += since(start);
  predict(faces);
  for (size_t i = 0; i < frames.size(); ++i) {
    start = Clock::now();
    MergedFrame out;
    try {
      out = merge_predicted(frames[i].bgr, faces[i], model_.resolution, model_.type, options_);
    } catch (const Error& error) {
      throw Error(str(place_of(frames[i]), ": ", error.what()));
    }
    summary_.merge_seconds += since(start);
    ++(faces[i].empty() ? summary_.passed_through : summary_.merged);
    if (!merged_.push({output_.content == MergeContent::kMask ? out.mask : out.image, frames[i]}))
      return;
    ++summary_.frames;
  }
}

void VideoMerge::merge() {
  const CancelOnError guard{decoded_, merged_};
  while (!stop_requested()) {
    const std::vector<Frame> frames = next_frames();
    if (frames.empty()) {
      merged_.close();
      return;
    }
    merge_together(frames);
    if (output_.progress) {
      output_.progress({summary_.frames, total_, summary_.merged});
    }
  }
  summary_.stopped = true;
  decoded_.cancel();
  merged_.close();
}

void VideoMerge::encode() {
  const CancelOnError guard{decoded_, merged_};
  while (std::optional<Done> done = merged_.pop()) {
    const auto start = Clock::now();
    sink_->write(done->picture, done->frame);
    summary_.encode_seconds += since(start);
  }
}

MergeSummary VideoMerge::run() {
  const auto start = Clock::now();
  Frame first;
  if (output_.from > -1e8) dst_.seek_pts(dst_.pts_of(output_.from));
  // Whatever time behind the end is sought, the last frame is on show.
  const auto behind_the_end = [&] {
    const double shown = static_cast<double>(first.duration) * dst_.info().time_base.value();
    return output_.from >= first.seconds + shown && output_.from > first.seconds &&
           first.pts == dst_.frame_pts().back();
  };
  if (!dst_.read(first) || !(first.seconds < output_.to) || behind_the_end()) {
    throw InputError(dst_.info().path.string(), "has no frame in the part to merge",
                     "Check the file and the times given");
  }
  size_ = first.bgr.size();
  const bool whole = output_.from < -1e8 && output_.to > 1e8;
  total_ = whole ? dst_.info().frames.value_or(0) : 0;
  const bool square = options_.mode == MergeMode::kRawPredict;
  sink_ = open_merge_sink(dst_.info(), output_,
                          square ? cv::Size(model_.resolution, model_.resolution) : size_, first);
  {
    Worker decoder([&, first] { decode(first); });
    Worker encoder([&] { encode(); });
    std::exception_ptr failure;
    try {
      merge();
    } catch (...) {
      failure = std::current_exception();
    }
    // A failure elsewhere cancels the queues and shows here as an early end: the cause goes first.
    encoder.join();
    decoder.join();
    if (failure) std::rethrow_exception(failure);
  }
  if (summary_.frames == 0) {
    summary_.seconds = since(start);
    return summary_;
  }
  summary_.path = sink_->finish(!summary_.stopped);
  summary_.seconds = since(start);
  return summary_;
}

}  // namespace

cv::Point2d face_motion(const FacesByFrame& faces, int64_t frame, FaceType type) {
  cv::Point2d centre[3];
  double side = 0;
  for (int i = 0; i < 3; ++i) {
    const auto found = faces.find(frame - 1 + i);
    if (found == faces.end() || found->second.size() != 1) return {0, 0};
    const cv::Matx23d back = invert(crop_matrix(found->second.front(), 1, type));
    centre[i] = transform(back, cv::Point2d(0.5, 0.5));
    if (i == 1) side = std::hypot(back(0, 0), back(1, 0));
  }
  for (int i = 0; i < 2; ++i) {
    if (cv::norm(centre[i + 1] - centre[i]) > side / 2) return {0, 0};
  }
  return centre[2] - centre[0];
}

MergeSummary merge_video(FrameSource& dst,
                         const FacesByFrame& faces,
                         const MergeModel& model,
                         const MergeOptions& options,
                         const MergeOutput& output) {
  check(options);
  std::error_code ignored;
  if (std::filesystem::equivalent(dst.info().path, output.path, ignored)) {
    throw InputError(output.path.string(), "is the video that is read", "Choose another name");
  }
  DIPTYCH_CHECK(model.predict && model.resolution > 0 && model.batch > 0,
                "merge_video: model of resolution ", model.resolution, ", batch ", model.batch);
  return VideoMerge(dst, faces, model, options, output).run();
}

}  // namespace diptych
