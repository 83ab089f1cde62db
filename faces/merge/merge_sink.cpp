// Writing merged frames as a video or as pictures, labelled, whole or not at all.
// SPDX-License-Identifier: MIT
#include "faces/merge/merge_sink.h"

#include <cstdio>
#include <optional>
#include <system_error>

#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/provenance/label.h"
#include "kernels/common/check.h"

namespace diptych {

namespace {

namespace fs = std::filesystem;

// out.mp4 -> out.partial.mp4
fs::path partial_name(const fs::path& path) {
  fs::path name = path.stem();
  name += ".partial";
  name += path.extension();
  return path.parent_path() / name;
}

Label label_of(const MergeOutput& output) {
  return output.content == MergeContent::kMask
             ? synthetic_label("Mask of faces synthesized by a neural network")
             : synthetic_label();
}

// The video grows under the partial name's temporary file and takes its final name last, so that a
// stopped run never touches an existing output.
class VideoSink : public MergeSink {
 public:
  VideoSink(const SourceInfo& source, const MergeOutput& output, cv::Size size, const Frame& first)
      : target_(output.path),
        partial_(partial_name(output.path)),
        tick_(source.time_base.value()),
        usual_duration_(1 / source.fps.value()),
        writer_(partial_,
                size.width,
                size.height,
                source.fps,
                source.time_base,
                options_for(source, output, first)) {
    if (!output.copy_audio || !source.is_video || !source.has_audio) return;
    writer_.copy_audio_from(source.path, output.from, output.to);
  }

  void write(const cv::Mat& picture, const Frame& frame) override {
    writer_.write(picture, frame.pts, frame.duration);
    const double duration = static_cast<double>(frame.duration) * tick_;
    end_ = frame.seconds + (frame.duration > 0 ? duration : usual_duration_);
  }

  fs::path finish(bool complete) override {
    if (!complete) {
      writer_.finish(end_);
      return partial_;
    }
    writer_.finish();
    std::error_code error;
    fs::rename(partial_, target_, error);
    if (error) throw file_error(target_, "cannot be written", error.value());
    return target_;
  }

 private:
  static VideoWriterOptions options_for(const SourceInfo& source,
                                        const MergeOutput& output,
                                        const Frame& first) {
    VideoWriterOptions options = options_like(source);
    options.codec = output.codec;
    options.crf = output.crf;
    options.preset = output.preset;
    options.grey = output.content == MergeContent::kMask;
    if (output.from > source.start_pts * source.time_base.value()) options.origin_pts = first.pts;
    if (output.label) {
      const Label label = label_of(output);
      if (output.path.extension() == ".mkv") options.metadata = label_metadata(label);
      options.before_publish = [label](const fs::path& file) {
        if (read_label(file) != label) label_file(file, label);
      };
    }
    return options;
  }

  fs::path target_, partial_;
  double tick_, usual_duration_;  // seconds
  double end_ = 0;                // of the last frame, in seconds of the source
  VideoWriter writer_;
};

class PictureSink : public MergeSink {
 public:
  explicit PictureSink(const MergeOutput& output) : folder_(output.path) {
    if (output.label) label_ = label_of(output);
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) throw file_error(folder_, "cannot be made", error.value());
    if (!fs::is_empty(folder_)) {
      throw InputError(folder_.string(), "is not empty", "Choose a new folder for the pictures");
    }
  }

  void write(const cv::Mat& picture, const Frame& frame) override {
    char number[32];
    std::snprintf(number, sizeof number, "%06lld", static_cast<long long>(frame.index));
    const std::string stem = frame.name.empty() ? number : fs::path(frame.name).stem().string();
    const fs::path file = folder_ / (stem + ".png");
    std::vector<uint8_t> bytes = encode_png(picture);
    if (label_) bytes = label_image(bytes, file.string(), *label_);
    write_file_atomic(file, bytes);
  }

  fs::path finish(bool) override { return folder_; }

 private:
  fs::path folder_;
  std::optional<Label> label_;
};

}  // namespace

std::unique_ptr<MergeSink> open_merge_sink(const SourceInfo& source,
                                           const MergeOutput& output,
                                           cv::Size size,
                                           const Frame& first) {
  if (output.path.has_extension()) {
    return std::make_unique<VideoSink>(source, output, size, first);
  }
  return std::make_unique<PictureSink>(output);
}

}  // namespace diptych
