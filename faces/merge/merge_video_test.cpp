// merge_video: every frame, in order, at its time, with its sound; stops and failures leave nothing
// half done.
// SPDX-License-Identifier: MIT
#include "faces/merge/merge_video.h"

#include <limits>

#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>

#include "faces/image/test_folder.h"
#include "faces/merge/test_scene.h"
#include "faces/provenance/label.h"
#include "faces/video/test_clip.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

constexpr int kResolution = 64;

// A lossless clip of numbered pictures and faces in frames 3 to 6 of 12.
class MergeVideo : public ::testing::Test {
 protected:
  void SetUp() override {
    clip_.frames = 12;
    clip_.options.codec = VideoCodec::kH264Rgb;
    for (int64_t i = 3; i < 7; ++i)
      faces_[i] = {landmarks_at(90.0 + static_cast<double>(i), 60, 60)};
    model_.predict = one_by_one(colour_predictor({0, 0, 255}));
    model_.resolution = kResolution;
    options_.colour_transfer = "none";
    options_.mask_mode = MaskMode::kFull;
    output_.path = folder_ / "out.mp4";
    output_.codec = VideoCodec::kH264Rgb;
    output_.preset = "ultrafast";
  }

  MergeSummary merge() {
    if (!fs::exists(source())) write_clip(source(), clip_);
    const auto dst = open_frame_source(source());
    return merge_video(*dst, faces_, model_, options_, output_);
  }

  fs::path source() const { return folder_ / "dst.mp4"; }

  std::vector<Frame> frames_of(const fs::path& file) const {
    return read_all(*open_frame_source(file));
  }

  // Message of the error that merging ends with.
  std::string failure() {
    try {
      merge();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TestFolder folder_;
  Clip clip_;
  FacesByFrame faces_;
  MergeModel model_;
  MergeOptions options_;
  MergeOutput output_;
};

TEST_F(MergeVideo, FramesWithoutFacesPassBitForBit) {
  merge();
  const auto in = frames_of(source()), out = frames_of(output_.path);
  ASSERT_EQ(out.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (faces_.count(static_cast<int64_t>(i)) == 0) {
      EXPECT_EQ(cv::norm(in[i].bgr, out[i].bgr, cv::NORM_INF), 0) << "frame " << i;
    }
  }
}

TEST_F(MergeVideo, FacesAreMergedIntoTheirFrames) {
  merge();
  const auto out = frames_of(output_.path);
  ASSERT_EQ(out.size(), 12u);
  for (const auto& [index, faces] : faces_) {
    EXPECT_EQ(out[static_cast<size_t>(index)].bgr.at<cv::Vec3b>(60, 93), cv::Vec3b(0, 0, 255))
        << "frame " << index;
  }
}

TEST_F(MergeVideo, TheSummaryCounts) {
  const MergeSummary summary = merge();
  EXPECT_EQ(summary.frames, 12);
  EXPECT_EQ(summary.merged, 4);
  EXPECT_EQ(summary.passed_through, 8);
  EXPECT_FALSE(summary.stopped);
  EXPECT_EQ(summary.path, output_.path);
}

TEST_F(MergeVideo, VariableTimeStampsAreKept) {
  clip_.pts = [](int i) { return int64_t{512} * i + 37 * (i % 3) + (i > 6 ? 5000 : 0); };
  merge();
  EXPECT_EQ(pts_of(frames_of(output_.path)), pts_of(frames_of(source())));
}

TEST_F(MergeVideo, SoundIsCopied) {
  const fs::path clip = test_data() / "videos/grid_bbaf2n_360x288_25fps.mp4";
  if (!fs::exists(clip)) GTEST_SKIP() << "test material not found: " << clip;
  const auto dst = open_frame_source(clip);
  merge_video(*dst, faces_, model_, options_, output_);
  const auto in = audio_packets(clip), out = audio_packets(output_.path);
  ASSERT_FALSE(in.empty());
  ASSERT_EQ(out.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    EXPECT_EQ(out[i].data, in[i].data) << "packet " << i;
    EXPECT_NEAR(out[i].seconds, in[i].seconds, 0.002) << "packet " << i;
  }
}

TEST_F(MergeVideo, RealClipsKeepTheirFramesAndTimes) {
  const fs::path clip = test_data() / "videos/grid_bbaf2n_360x288_25fps.mp4";
  if (!fs::exists(clip)) GTEST_SKIP() << "test material not found: " << clip;
  const auto dst = open_frame_source(clip);
  merge_video(*dst, faces_, model_, options_, output_);
  const auto in = frames_of(clip), out = frames_of(output_.path);
  ASSERT_EQ(out.size(), in.size());
  for (size_t i = 0; i < in.size(); ++i) EXPECT_NEAR(out[i].seconds, in[i].seconds, 1e-6);
}

TEST_F(MergeVideo, TheMaskAloneCanBeWritten) {
  output_.content = MergeContent::kMask;
  merge();
  const auto out = frames_of(output_.path);
  ASSERT_EQ(out.size(), 12u);
  EXPECT_EQ(cv::norm(out[0].bgr, cv::NORM_INF), 0);
  EXPECT_EQ(out[4].bgr.at<cv::Vec3b>(60, 94), cv::Vec3b(255, 255, 255));
}

TEST_F(MergeVideo, PicturesGoIntoAFolder) {
  output_.path = folder_ / "pictures";
  merge();
  const auto in = frames_of(source());
  for (const int i : {0, 11}) {
    const cv::Mat picture =
        cv::imread((output_.path / (i == 0 ? "000000.png" : "000011.png")).string());
    ASSERT_EQ(picture.size(), in[0].bgr.size()) << i;
    EXPECT_EQ(cv::norm(picture, in[static_cast<size_t>(i)].bgr, cv::NORM_INF), 0) << i;
  }
}

TEST_F(MergeVideo, AFolderWithSomethingInItIsRefused) {
  output_.path = folder_.path();
  EXPECT_HAS(failure(), "is not empty");
}

TEST_F(MergeVideo, RawPredictionsMakeASquareVideo) {
  options_.mode = MergeMode::kRawPredict;
  merge();
  EXPECT_EQ(frames_of(output_.path).at(4).bgr.size(), cv::Size(kResolution, kResolution));
}

TEST_F(MergeVideo, BatchesGiveTheSameOutput) {
  merge();
  const auto one = frames_of(output_.path);
  output_.path = folder_ / "batched.mp4";
  model_.batch = 3;
  std::vector<size_t> sizes;
  model_.predict = [&](const std::vector<cv::Mat>& crops) {
    sizes.push_back(crops.size());
    return one_by_one(colour_predictor({0, 0, 255}))(crops);
  };
  merge();
  const auto batched = frames_of(output_.path);
  ASSERT_EQ(batched.size(), one.size());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(cv::norm(one[i].bgr, batched[i].bgr, cv::NORM_INF), 0) << "frame " << i;
  }
  EXPECT_GT(*std::max_element(sizes.begin(), sizes.end()), 1u);
}

TEST_F(MergeVideo, TwoRunsGiveTheSameBytes) {
  output_.codec = VideoCodec::kH264;
  merge();
  const fs::path first = output_.path;
  output_.path = folder_ / "again.mp4";
  merge();
  const auto a = frames_of(first), b = frames_of(output_.path);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(cv::norm(a[i].bgr, b[i].bgr, cv::NORM_INF), 0) << "frame " << i;
  }
}

TEST_F(MergeVideo, APartOfTheVideoStartsAtZero) {
  output_.from = 0.16;  // frames are 0.04 s apart
  output_.to = 0.32;
  const MergeSummary summary = merge();
  EXPECT_EQ(summary.frames, 4);
  EXPECT_EQ(summary.merged, 3);
  const auto out = frames_of(output_.path);
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].pts, 0);
}

TEST_F(MergeVideo, APartBehindTheEndIsRefused) {
  output_.from = 100;
  EXPECT_THROW(merge(), InputError);
  EXPECT_FALSE(fs::exists(output_.path));
}

bool is_labelled(const fs::path& file) {
  const std::optional<Label> label = read_label(file);
  return label && label->is_synthetic();
}

class Containers : public MergeVideo, public ::testing::WithParamInterface<const char*> {};

TEST_P(Containers, VideosAreLabelled) {
  output_.path = folder_ / GetParam();
  merge();
  EXPECT_TRUE(is_labelled(output_.path));
}

INSTANTIATE_TEST_SUITE_P(MergeVideo,
                         Containers,
                         ::testing::Values("out.mp4", "out.mov", "out.mkv"));

TEST_F(MergeVideo, MasksAreLabelled) {
  output_.content = MergeContent::kMask;
  merge();
  EXPECT_TRUE(is_labelled(output_.path));
}

TEST_F(MergeVideo, EveryPictureIsLabelled) {
  output_.path = folder_ / "pictures";
  merge();
  for (const auto& entry : fs::directory_iterator(output_.path)) {
    EXPECT_TRUE(is_labelled(entry.path())) << entry.path();
  }
}

TEST_F(MergeVideo, PartialFilesAreLabelled) {
  output_.stop = [asked = 0]() mutable { return ++asked > 5; };
  EXPECT_TRUE(is_labelled(merge().path));
}

TEST_F(MergeVideo, StoppingLeavesAPartialFile) {
  output_.stop = [asked = 0]() mutable { return ++asked > 5; };
  const MergeSummary summary = merge();
  EXPECT_TRUE(summary.stopped);
  EXPECT_EQ(summary.path, folder_ / "out.partial.mp4");
  EXPECT_FALSE(fs::exists(output_.path));
  EXPECT_EQ(static_cast<int64_t>(frames_of(summary.path).size()), summary.frames);
  EXPECT_EQ(summary.frames, 5);
}

TEST_F(MergeVideo, StoppingEndsTheSoundWithTheLastFrame) {
  const fs::path clip = test_data() / "videos/grid_bbaf2n_360x288_25fps.mp4";
  if (!fs::exists(clip)) GTEST_SKIP() << "test material not found: " << clip;
  output_.stop = [asked = 0]() mutable { return ++asked > 20; };
  const auto dst = open_frame_source(clip);
  const MergeSummary summary = merge_video(*dst, faces_, model_, options_, output_);
  const auto frames = frames_of(summary.path);
  const auto sound = audio_packets(summary.path);
  ASSERT_FALSE(frames.empty());
  ASSERT_FALSE(sound.empty());
  const double end = frames.back().seconds + 1.0 / 25;
  EXPECT_LT(sound.back().seconds, end);
  EXPECT_GT(sound.back().seconds, end - 0.1);
}

TEST_F(MergeVideo, StoppingKeepsAnOlderOutput) {
  merge();
  output_.stop = [asked = 0]() mutable { return ++asked > 5; };
  merge();
  EXPECT_EQ(frames_of(output_.path).size(), 12u);
}

TEST_F(MergeVideo, StoppingAtOnceLeavesNothing) {
  output_.stop = [] { return true; };
  EXPECT_EQ(merge().frames, 0);
  EXPECT_EQ(folder_.entries(), 1);  // the source
}

TEST_F(MergeVideo, ACompleteRunLeavesNoOtherFile) {
  merge();
  EXPECT_EQ(folder_.entries(), 2);
}

TEST_F(MergeVideo, ProgressReachesTheEnd) {
  int64_t last = 0, total = 0;
  output_.progress = [&](const MergeProgress& p) { last = p.frames, total = p.total; };
  merge();
  EXPECT_EQ(last, 12);
  EXPECT_EQ(total, 12);
}

TEST_F(MergeVideo, NotANumberNamesTheFrame) {
  model_.predict = one_by_one([](const cv::Mat& crop) {
    Prediction p = identity_predictor()(crop);
    p.face.at<cv::Vec3f>(1, 1)[2] = std::numeric_limits<float>::quiet_NaN();
    return p;
  });
  EXPECT_HAS(failure(), "frame 3 at ");
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(MergeVideo, AFailingModelEndsTheRun) {
  model_.predict = [](const std::vector<cv::Mat>&) -> std::vector<Prediction> {
    throw Error("the model is gone");
  };
  EXPECT_HAS(failure(), "the model is gone");
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(MergeVideo, TooFewPredictionsAreAnError) {
  model_.predict = [](const std::vector<cv::Mat>&) { return std::vector<Prediction>(); };
  EXPECT_HAS(failure(), "0 predictions for 1 faces");
}

TEST_F(MergeVideo, ASourceIsNotOverwritten) {
  output_.path = source();
  EXPECT_HAS(failure(), "is the video that is read");
}

TEST_F(MergeVideo, AnUnwritableFolderIsAnError) {
  output_.path = folder_ / "missing" / "out.mp4";
  EXPECT_HAS(failure(), "missing");
}

TEST_F(MergeVideo, PicturesOfAnotherSizeAreAnError) {
  const fs::path pictures = folder_ / "in";
  fs::create_directory(pictures);
  cv::imwrite((pictures / "a.png").string(), wave_frame(64, 48));
  cv::imwrite((pictures / "b.png").string(), wave_frame(60, 48));
  const auto dst = open_frame_source(pictures);
  EXPECT_HAS(input_error_of([&] { merge_video(*dst, faces_, model_, options_, output_); }),
             "b.png: is 60x48");
}

TEST_F(MergeVideo, PicturesKeepTheirNames) {
  const fs::path pictures = folder_ / "in";
  fs::create_directory(pictures);
  cv::imwrite((pictures / "a7.png").string(), wave_frame(64, 48));
  const auto dst = open_frame_source(pictures);
  output_.path = folder_ / "pictures";
  merge_video(*dst, faces_, model_, options_, output_);
  EXPECT_TRUE(fs::exists(output_.path / "a7.png"));
}

TEST(FaceMotion, IsThePathOverTwoFrames) {
  const FacesByFrame faces = {{1, {landmarks_at(100, 100, 80)}},
                              {2, {landmarks_at(103, 100, 80)}},
                              {3, {landmarks_at(107, 102, 80)}}};
  const cv::Point2d motion = face_motion(faces, 2, FaceType::kFull);
  EXPECT_NEAR(motion.x, 7, 1e-6);
  EXPECT_NEAR(motion.y, 2, 1e-6);
}

TEST(FaceMotion, IsZeroAtTheEnds) {
  const FacesByFrame faces = {{1, {landmarks_at(100, 100, 80)}}, {2, {landmarks_at(103, 100, 80)}}};
  EXPECT_EQ(face_motion(faces, 2, FaceType::kFull), cv::Point2d(0, 0));
}

TEST(FaceMotion, IsZeroAcrossACut) {
  const FacesByFrame faces = {{1, {landmarks_at(100, 100, 80)}},
                              {2, {landmarks_at(103, 100, 80)}},
                              {3, {landmarks_at(307, 102, 80)}}};
  EXPECT_EQ(face_motion(faces, 2, FaceType::kFull), cv::Point2d(0, 0));
}

TEST(FaceMotion, IsZeroWithSeveralFaces) {
  const FacesByFrame faces = {{1, {landmarks_at(100, 100, 80)}},
                              {2, {landmarks_at(103, 100, 80), landmarks_at(203, 100, 80)}},
                              {3, {landmarks_at(107, 102, 80)}}};
  EXPECT_EQ(face_motion(faces, 2, FaceType::kFull), cv::Point2d(0, 0));
}

}  // namespace
}  // namespace diptych
