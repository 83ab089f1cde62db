// Tests of sound: the same packets at the same times, or a clear refusal.
// SPDX-License-Identifier: MIT
#include "faces/video/audio_copy.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "faces/image/file_io.h"
#include "faces/image/test_folder.h"
#include "faces/video/test_clip.h"

namespace diptych {
namespace {

std::filesystem::path speech() {
  return test_data() / "videos/grid_bbaf2n_360x288_25fps.mp4";
}

Clip three_seconds(const std::filesystem::path& audio) {
  return {.frames = 75, .audio = audio};
}

class SpeechCopy : public testing::TestWithParam<const char*> {};

TEST_P(SpeechCopy, KeepsEveryPacketAndItsTime) {
  if (!std::filesystem::exists(speech())) GTEST_SKIP() << "test material is not here: " << speech();
  const TestFolder folder;
  write_clip(folder / GetParam(), three_seconds(speech()));
  const auto before = audio_packets(speech()), after = audio_packets(folder / GetParam());
  ASSERT_EQ(before.size(), after.size());
  VideoReader reader(folder / GetParam());
  Frame first;
  ASSERT_TRUE(reader.read(first));
  EXPECT_TRUE(reader.info().has_audio);
  // Containers may move the common zero (MKV has no negative times); the offset must not change.
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].data, after[i].data) << i;
    EXPECT_NEAR(after[i].seconds - first.seconds, before[i].seconds, 0.0011) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Containers, SpeechCopy, testing::Values("a.mp4", "a.mov", "a.mkv"));

TEST(AudioCopy, ALateOriginMovesSoundAndPictureAlike) {
  if (!std::filesystem::exists(speech())) GTEST_SKIP() << "test material is not here: " << speech();
  const TestFolder folder;
  VideoWriterOptions options = {.preset = "ultrafast", .threads = 1, .origin_pts = 25 * 512};
  VideoWriter writer(folder / "a.mp4", 160, 96, {25, 1}, {1, 12800}, options);
  EXPECT_EQ(writer.copy_audio_from(speech(), 1.0, 2.0), 1);
  for (int i = 25; i < 50; ++i) writer.write(numbered_picture(i), 512 * i, 512);
  writer.finish();
  VideoReader reader(folder / "a.mp4");
  const auto frames = read_all(reader);
  EXPECT_EQ(frames.front().pts, 0);
  EXPECT_EQ(frames.size(), 25u);
  const auto all = audio_packets(speech()), kept = audio_packets(folder / "a.mp4");
  ASSERT_GT(kept.size(), 40u);
  ASSERT_LT(kept.size(), 48u);
  // Find the first kept packet in the source and compare the clocks.
  size_t from = 0;
  while (from < all.size() && all[from].data != kept.front().data) ++from;
  ASSERT_LT(from + kept.size(), all.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(all[from + i].data, kept[i].data);
    EXPECT_NEAR(all[from + i].seconds - 1.0, kept[i].seconds, 1e-4);
  }
}

TEST(AudioCopy, PcmGoesIntoMkvUnchanged) {
  const TestFolder folder;
  write_file_atomic(folder / "a.wav", make_wav());
  write_clip(folder / "a.mkv", {.frames = 25, .audio = folder / "a.wav"});
  std::vector<uint8_t> samples;
  for (const TestPacket& packet : audio_packets(folder / "a.mkv")) {
    samples.insert(samples.end(), packet.data.begin(), packet.data.end());
  }
  const auto wav = make_wav();
  EXPECT_EQ(samples, std::vector<uint8_t>(wav.begin() + 44, wav.end()));
}

TEST(AudioCopy, SoundEndsWhereTheWriterIsTold) {
  const TestFolder folder;
  write_file_atomic(folder / "a.wav", make_wav());
  VideoWriter writer(folder / "a.mkv", 64, 64, {25, 1}, {1, 25}, {.preset = "ultrafast"});
  writer.copy_audio_from(folder / "a.wav");
  for (int i = 0; i < 4; ++i) writer.write(numbered_picture(i, 64, 64), i, 1);
  writer.finish(0.3);
  const auto all = audio_packets(folder / "a.wav"), kept = audio_packets(folder / "a.mkv");
  ASSERT_FALSE(kept.empty());
  EXPECT_LT(kept.back().seconds, 0.3);
  ASSERT_LT(kept.size(), all.size());
  EXPECT_GE(all[kept.size()].seconds, 0.3);
}

TEST(AudioCopy, ACodecThatDoesNotFitIsRefusedBeforeTheWork) {
  const TestFolder folder;
  write_file_atomic(folder / "a.wav", make_wav());
  EXPECT_FALSE(audio_fits(folder / "a.wav", folder / "a.mp4"));
  EXPECT_TRUE(audio_fits(folder / "a.wav", folder / "a.mkv"));
  EXPECT_HAS(input_error_of(
                 [&] { write_clip(folder / "a.mp4", {.frames = 25, .audio = folder / "a.wav"}); }),
             "Write an .mkv file");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(AudioCopy, ASilentSourceAddsNothing) {
  const TestFolder folder;
  write_clip(folder / "a.mp4", {.frames = 2});
  VideoWriter writer(folder / "b.mp4", 64, 64, {25, 1}, {1, 25}, {.preset = "ultrafast"});
  EXPECT_EQ(writer.copy_audio_from(folder / "a.mp4"), 0);
}

TEST(AudioCopy, OtherToolsSeeBothStreams) {
  if (std::system("command -v ffprobe >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "ffprobe not installed";
  if (!std::filesystem::exists(speech())) GTEST_SKIP() << "test material is not here: " << speech();
  const TestFolder folder;
  write_clip(folder / "a.mp4", three_seconds(speech()));
  const std::string command = "ffprobe -v error -show_entries stream=codec_name -of csv=p=0 '" +
                              (folder / "a.mp4").string() + "' > '" + (folder / "out").string() +
                              "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto out = read_file(folder / "out");
  EXPECT_EQ(std::string(out.begin(), out.end()), "h264\naac\n");
}

}  // namespace
}  // namespace diptych
