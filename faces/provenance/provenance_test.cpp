// Tests of labels: they come back, other tools see them, and files stay playable and whole.
// SPDX-License-Identifier: MIT
#include <cstdlib>

#include <exempi/xmp.h>
#include <exempi/xmpconsts.h>
#include <gtest/gtest.h>

#include "faces/image/containers.h"
#include "faces/image/file_io.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"
#include "faces/provenance/label.h"
#include "faces/provenance/xmp_packet.h"
#include "faces/video/test_clip.h"

namespace diptych {
namespace {

// Writes a file of the kind that the name says.
std::filesystem::path make_file(const std::filesystem::path& file) {
  if (is_image_name(file)) {
    write_image(file, numbered_picture(3));
  } else {
    write_clip(file, {.frames = 12});
  }
  return file;
}

bool has_tool(const std::string& tool) {
  return std::system(("command -v " + tool + " >/dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command, const TestFolder& folder) {
  const auto out = folder / "tool-output";
  if (std::system((command + " > '" + out.string() + "' 2>/dev/null").c_str()) != 0)
    return "failed";
  const auto bytes = read_file(out);
  return {bytes.begin(), bytes.end()};
}

const Label kLabel = synthetic_label("A face was replaced: <\"Ü & more\">");

class EachFormat : public testing::TestWithParam<const char*> {
 protected:
  TestFolder folder_;
  std::filesystem::path file_ = make_file(folder_ / GetParam());
};

TEST_P(EachFormat, AnUnlabelledFileSaysSo) {
  EXPECT_FALSE(read_label(file_).has_value());
}

TEST_P(EachFormat, TheLabelComesBack) {
  label_file(file_, kLabel);
  EXPECT_EQ(read_label(file_), kLabel);
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_P(EachFormat, ASecondLabelReplacesTheFirst) {
  label_file(file_, synthetic_label("first"));
  label_file(file_, kLabel);
  EXPECT_EQ(read_label(file_), kLabel);
}

TEST_P(EachFormat, PixelsAndTimesAreTheSameAfterwards) {
  const auto before = read_all(*open_frame_source(file_));
  label_file(file_, kLabel);
  label_file(file_, kLabel);
  const auto after = read_all(*open_frame_source(file_));
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].pts, after[i].pts);
    EXPECT_EQ(cv::norm(before[i].bgr, after[i].bgr, cv::NORM_INF), 0);
  }
}

TEST_P(EachFormat, ACutOffFileIsAnErrorAndStaysAsItIs) {
  auto bytes = read_file(file_);
  bytes.resize(bytes.size() / 2);
  if (file_.extension() == ".mkv") bytes.resize(20);  // an MKV is readable up to where it ends
  write_file_atomic(file_, bytes);
  EXPECT_THROW(label_file(file_, kLabel), InputError);
  EXPECT_THROW(read_label(file_), InputError);
  EXPECT_EQ(read_file(file_), bytes);
  EXPECT_EQ(folder_.entries(), 1);
}

INSTANTIATE_TEST_SUITE_P(Label,
                         EachFormat,
                         testing::Values("a.jpg", "a.png", "a.mp4", "a.mov", "a.mkv"));

TEST(Label, ExiftoolReadsIt) {
  if (!has_tool("exiftool")) GTEST_SKIP() << "exiftool not installed (libimage-exiftool-perl)";
  const TestFolder folder;
  for (const char* name : {"a.jpg", "a.png", "a.mp4", "a.mov"}) {  // it knows no XMP in MKV
    const std::string file = make_file(folder / name).string();
    label_file(file, kLabel);
    const std::string fields = "-XMP-iptcExt:DigitalSourceType -XMP-xmp:CreatorTool";
    EXPECT_EQ(output_of("exiftool -s3 " + fields + " '" + file + "'", folder),
              kLabel.source_type + "\n" + kLabel.tool + "\n")
        << name;
    EXPECT_EQ(output_of("exiftool -s3 -Warning -Error '" + file + "'", folder), "") << name;
  }
}

TEST(Label, FfprobeReadsEveryFrameOfALabelledVideo) {
  if (!has_tool("ffprobe")) GTEST_SKIP() << "ffprobe not installed";
  const TestFolder folder;
  for (const char* name : {"a.mp4", "a.mov", "a.mkv"}) {
    const std::string file = make_file(folder / name).string();
    label_file(file, kLabel);
    const std::string fields = "-count_frames -show_entries stream=nb_read_frames -of csv=p=0";
    EXPECT_EQ(output_of("ffprobe -v error " + fields + " '" + file + "' 2>&1", folder), "12\n")
        << name;
  }
}

// The XMP toolkit's own file handlers, which share no container code with ours.
TEST(Label, TheXmpToolkitReadsIt) {
  const TestFolder folder;
  for (const char* name : {"a.jpg", "a.png", "a.mp4"}) {
    const auto file = make_file(folder / name);
    label_file(file, kLabel);
    ASSERT_TRUE(xmp_init());
    XmpFilePtr opened = xmp_files_open_new(file.c_str(), XMP_OPEN_READ);
    ASSERT_NE(opened, nullptr) << name;
    XmpPtr xmp = xmp_files_get_new_xmp(opened);
    ASSERT_NE(xmp, nullptr) << name;
    XmpStringPtr text = xmp_string_new();
    EXPECT_TRUE(xmp_get_property(xmp, "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
                                 "DigitalSourceType", text, nullptr));
    EXPECT_EQ(std::string(xmp_string_cstr(text)), kCompositeWithTrainedMedia) << name;
    xmp_string_free(text);
    xmp_free(xmp);
    xmp_files_close(opened, XMP_CLOSE_NOOPTION);
    xmp_files_free(opened);
  }
}

TEST(Label, KeepsWhatElseTheMetadataSays) {
  const std::string packet =
      "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
      "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
      "xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:creator><rdf:Seq><rdf:li>A. Person</rdf:li>"
      "</rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>";
  const auto png = put_image_packet(encode_png(numbered_picture(1)), "a", packet);
  const auto labelled = label_image(png, "a", kLabel);
  EXPECT_EQ(read_image_label(labelled, "a"), kLabel);
  EXPECT_HAS(find_image_packet(labelled, "a").value_or(""), "A. Person");
}

TEST(Label, OnlyOnePacketRemains) {
  auto jpeg = encode_jpeg(numbered_picture(1));
  for (int i = 0; i < 3; ++i) jpeg = label_image(jpeg, "a", kLabel);
  int packets = 0;
  for (const JpegSegment& segment : parse_jpeg(jpeg).segments) packets += segment.marker == 0xE1;
  EXPECT_EQ(packets, 1);
}

TEST(Label, FacesetMetadataInAJpegSurvives) {
  const auto file = test_data() / "dfl/aligned_wf_512/clm_00001_0.jpg";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "test material is not here: " << file;
  const auto before = read_file(file), after = label_image(before, "a", kLabel);
  const auto block = [](const std::vector<uint8_t>& jpeg) {
    for (const JpegSegment& segment : parse_jpeg(jpeg).segments) {
      const auto payload = segment.payload(jpeg);
      if (segment.marker == 0xEF) return std::vector<uint8_t>(payload.begin(), payload.end());
    }
    return std::vector<uint8_t>();
  };
  ASSERT_FALSE(block(before).empty());
  EXPECT_EQ(block(before), block(after));
}

TEST(Label, DamagedMetadataIsAnErrorForReadersAndReplacedByWriters) {
  const auto png = put_image_packet(encode_png(numbered_picture(1)), "a", "<x:xmpmeta <<<");
  EXPECT_HAS(input_error_of([&] { read_image_label(png, "a.png"); }), "XMP metadata is damaged");
  EXPECT_EQ(read_image_label(label_image(png, "a", kLabel), "a"), kLabel);
}

TEST(Label, MatroskaCanBeLabelledWhileItIsWritten) {
  const TestFolder folder;
  Clip clip{.frames = 3};
  clip.options.metadata = label_metadata(kLabel);
  write_clip(folder / "a.mkv", clip);
  EXPECT_EQ(read_label(folder / "a.mkv"), kLabel);
}

TEST(Label, CanBeWrittenBeforeTheVideoAppears) {
  const TestFolder folder;
  Clip clip{.frames = 3};
  clip.options.before_publish = [&](const std::filesystem::path& file) {
    EXPECT_FALSE(std::filesystem::exists(folder / "a.mp4"));
    label_file(file, kLabel);
  };
  write_clip(folder / "a.mp4", clip);
  EXPECT_EQ(read_label(folder / "a.mp4"), kLabel);
  EXPECT_EQ(folder.entries(), 1);
}

TEST(Label, RemuxedSoundStaysInStep) {
  const TestFolder folder;
  write_file_atomic(folder / "a.wav", make_wav());
  write_clip(folder / "a.mkv", {.frames = 25, .audio = folder / "a.wav"});
  const auto before = audio_packets(folder / "a.mkv");
  label_file(folder / "a.mkv", kLabel);
  const auto after = audio_packets(folder / "a.mkv");
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].data, after[i].data);
    EXPECT_DOUBLE_EQ(before[i].seconds, after[i].seconds);
  }
}

TEST(Label, OtherFilesAreRefused) {
  const TestFolder folder;
  write_file_atomic(folder / "a.txt", std::vector<uint8_t>(50, 'x'));
  write_file_atomic(folder / "empty.mp4", {});
  EXPECT_HAS(input_error_of([&] { label_file(folder / "a.txt", kLabel); }), "carries no label");
  EXPECT_HAS(input_error_of([&] { read_label(folder / "empty.mp4"); }), "is empty");
  EXPECT_HAS(input_error_of([&] { read_label(folder / "none.mp4"); }), "cannot be opened");
  EXPECT_HAS(input_error_of([&] { read_label(folder.path()); }), "is a folder");
}

TEST(Label, KnowsWhichTermsMeanSynthetic) {
  EXPECT_TRUE(kLabel.is_synthetic());
  const std::string base = "http://cv.iptc.org/newscodes/digitalsourcetype/";
  EXPECT_TRUE((Label{base + "trainedAlgorithmicMedia", "", ""}.is_synthetic()));
  EXPECT_FALSE((Label{base + "digitalCapture", "", ""}.is_synthetic()));
  EXPECT_FALSE(Label{}.is_synthetic());
}

// Every top-level size field of the file, wrong in turn.
TEST(Label, WrongBoxSizesAreErrors) {
  const TestFolder folder;
  const auto file = make_file(folder / "a.mp4");
  const auto bytes = read_file(file);
  for (const char* type : {"moov", "mdat"}) {
    auto damaged = bytes;
    damaged[find_box(bytes, type) - 3] ^= 0x7F;
    write_file_atomic(file, damaged);
    EXPECT_THROW(label_file(file, kLabel), InputError) << type;
    EXPECT_EQ(read_file(file), damaged);
  }
}

}  // namespace
}  // namespace diptych
