// Tests of bad input: each kind of broken file gives a message that helps, and no crash.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "faces/video/image_folder.h"
#include "faces/video/test_clip.h"
#include "tests/support/expect_log.h"

namespace diptych {
namespace {

std::string open_error(const std::filesystem::path& file) {
  return input_error_of([&] { open_frame_source(file); });
}

std::filesystem::path write_bytes(const std::filesystem::path& file,
                                  const std::vector<uint8_t>& bytes) {
  write_file_atomic(file, bytes);
  return file;
}

// A clip whose packets are large enough that damage hits picture data.
std::vector<uint8_t> noisy_clip(const TestFolder& folder, const std::string& name) {
  VideoWriterOptions options = {.crf = 20, .preset = "ultrafast", .key_interval = 8, .threads = 1};
  VideoWriter writer(folder / name, 128, 128, {25, 1}, {1, 12800}, options);
  for (uint32_t i = 0; i < 30; ++i) writer.write(noise_picture(i, 128, 128), 512 * i, 512);
  writer.finish();
  return read_file(folder / name);
}

TEST(BadVideo, ErrorsSayWhatIsWrong) {
  const TestFolder folder;
  EXPECT_HAS(open_error(folder / "none.mp4"), "none.mp4: cannot be opened (No such file");
  EXPECT_HAS(open_error(write_bytes(folder / "empty.mp4", {})), "is empty");
  const std::vector<uint8_t> text(5000, 'x');
  EXPECT_HAS(open_error(write_bytes(folder / "text.mp4", text)), "is not a video");
  EXPECT_HAS(open_error(write_bytes(folder / "text.txt", text)), "is not a video");
  EXPECT_HAS(open_error(write_bytes(folder / "sound.wav", make_wav())), "sound only");
  EXPECT_HAS(open_error(folder.path()), "holds no pictures");
  EXPECT_HAS(input_error_of([&] { VideoReader reader(folder.path()); }), "is a folder");
}

// A play list could make libav open other files and addresses.
TEST(BadVideo, PlayListsAreNotOpened) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 2});
  const std::string list = "ffconcat version 1.0\nfile a.mp4\n";
  EXPECT_HAS(open_error(write_bytes(folder / "list.mp4", {list.begin(), list.end()})),
             "is not a video");
  const std::string hls = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na.mp4\n#EXT-X-ENDLIST\n";
  EXPECT_HAS(open_error(write_bytes(folder / "hls.mp4", {hls.begin(), hls.end()})),
             "is not a video");
}

TEST(BadVideo, UnknownCodecIsNamed) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 2});
  auto bytes = read_file(folder / "a.mp4");
  const size_t at = find_box(bytes, "avc1");  // also a brand in the header: take the last one
  const std::string type = "avc1";
  const auto last = std::find_end(bytes.begin(), bytes.end(), type.begin(), type.end());
  ASSERT_LT(at, bytes.size());
  std::fill_n(last, 4, 'z');
  EXPECT_HAS(open_error(write_bytes(folder / "z.mp4", bytes)), "no decoder");
}

TEST(BadVideo, WithoutItsIndexTheFileIsRefused) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 10});
  auto bytes = read_file(folder / "a.mp4");
  const std::string nothing = "zzzz";
  std::copy(nothing.begin(), nothing.end(),
            bytes.begin() + static_cast<ptrdiff_t>(find_box(bytes, "moov")));
  EXPECT_HAS(open_error(write_bytes(folder / "b.mp4", bytes)), "its end is missing");
}

TEST(CutOffVideo, EndsCleanlyWithOneWarning) {
  const TestFolder folder;
  for (const std::string name : {"a.mp4", "a.mkv"}) {
    auto bytes = noisy_clip(folder, name);
    bytes.resize(bytes.size() * 6 / 10);
    write_bytes(folder / name, bytes);
    const ExpectWarnings warnings;
    VideoReader reader(folder / name);
    const auto frames = read_all(reader);
    EXPECT_GT(frames.size(), 10u) << name;
    EXPECT_LT(frames.size(), 25u) << name;
    ASSERT_TRUE(reader.damage().has_value()) << name;
    EXPECT_TRUE(reader.damage()->cut_off) << name;
    EXPECT_EQ(frames.back().index, static_cast<int64_t>(frames.size()) - 1) << name;
  }
}

TEST(CutOffVideo, ThrowsWhenAskedTo) {
  const TestFolder folder;
  auto bytes = noisy_clip(folder, "a.mp4");
  bytes.resize(bytes.size() * 6 / 10);
  write_bytes(folder / "a.mp4", bytes);
  VideoReader reader(folder / "a.mp4", {.threads = 1, .damage = DamagePolicy::kThrow});
  const std::string message = input_error_of([&] { read_all(reader); });
  EXPECT_HAS(message, "near frame ");
  EXPECT_HAS(message, "a.mp4: is ");
}

TEST(CutOffVideo, EveryLengthIsSurvived) {
  const TestFolder folder;
  const auto bytes = noisy_clip(folder, "a.mp4");
  const ExpectWarnings warnings;
  for (size_t i = 0; i < 40; ++i) {
    const auto end = bytes.begin() + static_cast<ptrdiff_t>(bytes.size() * i / 40);
    write_bytes(folder / "cut.mp4", {bytes.begin(), end});
    try {
      VideoReader reader(folder / "cut.mp4", {.threads = 1});
      EXPECT_LT(read_all(reader).size(), 30u);
      EXPECT_TRUE(reader.damage().has_value()) << i;
    } catch (const InputError&) {  // cut within the index
    }
  }
}

TEST(DamagedVideo, GoesOnAfterTheDamageInStepWithTime) {
  const TestFolder folder;
  auto bytes = noisy_clip(folder, "a.mp4");
  const size_t middle = bytes.size() / 2;
  for (size_t i = 0; i < 30000; ++i) bytes[middle + i] = static_cast<uint8_t>(i * 89 + 7);
  write_bytes(folder / "a.mp4", bytes);
  const ExpectWarnings warnings;
  VideoReader reader(folder / "a.mp4");
  const auto frames = read_all(reader);
  ASSERT_TRUE(reader.damage().has_value());
  EXPECT_FALSE(reader.damage()->cut_off);
  EXPECT_GE(frames.size(), 20u);
  EXPECT_EQ(frames.back().pts, 29 * 512);
  for (const Frame& frame : frames) EXPECT_EQ(frame.index, frame.pts / 512);
}

TEST(DamagedVideo, RandomDamageNeverCrashes) {
  const TestFolder folder;
  const auto bytes = noisy_clip(folder, "a.mp4");
  const ExpectWarnings warnings;
  for (uint32_t round = 0; round < 60; ++round) {
    auto damaged = bytes;
    Rng rng(17, round, 0);
    // Half of the rounds hit the index in front, half the whole file.
    const size_t reach = round % 2 == 0 ? 2000 : damaged.size();
    for (int i = 0; i < 5; ++i) {
      damaged[rng.below(static_cast<uint32_t>(reach))] = static_cast<uint8_t>(rng.below(256));
    }
    write_bytes(folder / "d.mp4", damaged);
    try {
      VideoReader reader(folder / "d.mp4", {.threads = 1});
      int count = 0;
      for (Frame frame; count < 100 && reader.read(frame);) ++count;
      reader.read_at(0.5, *std::make_unique<Frame>());
    } catch (const Error&) {
    }
  }
}

TEST(ImageFolder, SortsNumbersAsNumbers) {
  EXPECT_TRUE(natural_less("frame2.png", "frame10.png"));
  EXPECT_TRUE(natural_less("a9", "b1"));
  EXPECT_TRUE(natural_less("a01", "a2"));
  EXPECT_TRUE(natural_less("a", "a1"));
  EXPECT_FALSE(natural_less("a1", "a1"));
  EXPECT_NE(natural_less("a01", "a1"), natural_less("a1", "a01"));
}

TEST(ImageFolder, GivesThePicturesInOrder) {
  const TestFolder folder;
  for (const int i : {0, 2, 10, 1}) {
    write_image(folder / str("f", i, ".png"), numbered_picture(i));
  }
  write_bytes(folder / ".hidden.png", {1});
  write_bytes(folder / "notes.txt", {1});
  const auto source = open_frame_source(folder.path(), {.folder_fps = {10, 1}});
  const auto frames = read_all(*source);
  ASSERT_EQ(frames.size(), 4u);
  EXPECT_EQ(number_of(frames[3].bgr), 10);
  EXPECT_EQ(frames[3].name, "f10.png");
  EXPECT_EQ(frames[3].index, 3);
  EXPECT_DOUBLE_EQ(frames[3].seconds, 0.3);
  EXPECT_EQ(source->info().width, 160);
  Frame frame;
  ASSERT_TRUE(source->read_at(0.25, frame));
  EXPECT_EQ(frame.index, 2);
}

TEST(ImageFolder, ABrokenPictureFollowsThePolicy) {
  const TestFolder folder;
  write_image(folder / "1.png", numbered_picture(1));
  write_bytes(folder / "2.png", {1, 2, 3});
  write_image(folder / "3.png", numbered_picture(3));
  {
    const ExpectWarnings warnings;
    ImageFolder source(folder.path());
    const auto frames = read_all(source);
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(frames[1].index, 2);
  }
  ImageFolder strict(folder.path(), {.damage = DamagePolicy::kThrow});
  EXPECT_HAS(input_error_of([&] { read_all(strict); }), "2.png");
}

TEST(ImageFolder, OnePictureIsASourceOfOneFrame) {
  const TestFolder folder;
  write_image(folder / "a.jpg", numbered_picture(5));
  const auto source = open_frame_source(folder / "a.jpg");
  EXPECT_EQ(read_all(*source).size(), 1u);
  EXPECT_HAS(open_error(folder / "none.jpg"), "cannot be opened");
}

}  // namespace
}  // namespace diptych
