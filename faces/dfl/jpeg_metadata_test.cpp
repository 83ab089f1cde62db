// Metadata in and out of JPEG files.
// SPDX-License-Identifier: MIT
#include "faces/dfl/jpeg_metadata.h"

#include "faces/dfl/test_dfl.h"
#include "faces/image/containers.h"
#include "faces/image/image.h"

namespace diptych {
namespace {

bool same_pixels(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  const cv::Mat x = decode_image(a, "a"), y = decode_image(b, "b");
  return x.size() == y.size() && cv::norm(x, y, cv::NORM_INF) == 0;
}

TEST(DflJpeg, WhatIsWrittenIsRead) {
  DflMetadata m = test_metadata();
  m.polygons = {{true, {{1, 2}, {3, 4}, {5.5, 6}}}, {false, {{1, 1}, {2, 2}, {3, 1}}}};
  m.mask = {1, 2, 3};
  m.eyebrow_factor = 1.25;
  const std::vector<uint8_t> jpeg = with_dfl_metadata(test_jpeg(), m, "x");
  EXPECT_EQ(read_dfl_metadata(jpeg, "x").value(), m);
}

TEST(DflJpeg, TheSegmentStandsBehindTheFirstOne) {
  const std::vector<uint8_t> jpeg = test_dfl_jpeg();
  const JpegLayout layout = parse_jpeg(jpeg);
  EXPECT_EQ(layout.fault, "");
  EXPECT_EQ(layout.segments[1].marker, 0xE0);
  EXPECT_EQ(layout.segments[2].marker, 0xEF);
  EXPECT_EQ(dfl_jpeg_fault(jpeg), "");
}

TEST(DflJpeg, OnlyTheSegmentChanges) {
  const std::vector<uint8_t> before = test_dfl_jpeg();
  DflMetadata m = test_metadata();
  m.eyebrow_factor = 2;
  const std::vector<uint8_t> after = with_dfl_metadata(before, m, "x");
  const size_t data = before.size() - parse_jpeg(before).segments[3].offset;
  EXPECT_TRUE(std::equal(before.end() - static_cast<ptrdiff_t>(data), before.end(),
                         after.end() - static_cast<ptrdiff_t>(data)));
  EXPECT_EQ(read_dfl_metadata(after, "x").value().eyebrow_factor, 2);
}

TEST(DflJpeg, UnknownKeysStay) {
  PickleWriter w;
  w.begin_dict().string("face_type").string("head").string("made_by").begin_list().integer(7);
  const std::vector<uint8_t> jpeg = jpeg_with_segment(w.end_list().end_dict().take());
  const std::vector<uint8_t> after = with_dfl_metadata(jpeg, test_metadata(), "x");
  const auto payload = dfl_segment(after).value();
  PickleOptions options;
  options.name = "x";
  const PickleDocument d = read_pickle({payload.begin(), payload.end()}, options);
  EXPECT_EQ(d.root().find("made_by")->items()[0].integer(), 7);
  EXPECT_EQ(d.root().find("face_type")->string(), "whole_face");
}

TEST(DflJpeg, TheLastOfTwoSegmentsCounts) {
  const std::vector<uint8_t> one = test_dfl_jpeg();
  DflMetadata m = test_metadata();
  m.eyebrow_factor = 3;
  const std::vector<uint8_t> two = with_dfl_metadata(test_jpeg(), m, "x");
  const JpegSegment segment = parse_jpeg(two).segments[2];
  std::vector<uint8_t> both = one;
  const size_t behind = parse_jpeg(one).segments[3].offset;
  both.insert(both.begin() + static_cast<ptrdiff_t>(behind),
              two.begin() + static_cast<ptrdiff_t>(segment.offset),
              two.begin() + static_cast<ptrdiff_t>(segment.offset + segment.size));
  EXPECT_EQ(read_dfl_metadata(both, "x").value().eyebrow_factor, 3);
}

TEST(DflJpeg, WithoutMetadataThereIsNothing) {
  EXPECT_FALSE(read_dfl_metadata(test_jpeg(), "x").has_value());
  EXPECT_FALSE(read_dfl_metadata({}, "x").has_value());
}

TEST(DflJpeg, RestartIntervalsAreCodedAwayWithoutLoss) {
  const std::vector<uint8_t> jpeg = test_jpeg(1, 64, true);
  ASSERT_EQ(dfl_jpeg_fault(jpeg), "has restart intervals");
  const std::vector<uint8_t> after = with_dfl_metadata(jpeg, test_metadata(), "x");
  EXPECT_EQ(dfl_jpeg_fault(after), "");
  EXPECT_TRUE(same_pixels(jpeg, after));
}

TEST(DflJpeg, BytesBehindTheEndAreLeftOut) {
  std::vector<uint8_t> jpeg = test_dfl_jpeg();
  const std::vector<uint8_t> clean = jpeg;
  jpeg.insert(jpeg.end(), {'j', 'u', 'n', 'k'});
  EXPECT_TRUE(read_dfl_metadata(jpeg, "x").has_value());
  EXPECT_EQ(dfl_jpeg_fault(jpeg), "has bytes behind its end");
  EXPECT_EQ(with_dfl_metadata(jpeg, test_metadata(), "x"), clean);
}

TEST(DflJpeg, TooMuchMetadataIsRefused) {
  DflMetadata m = test_metadata();
  m.mask.assign(70000, 1);
  const std::string error = input_error_of([&] { with_dfl_metadata(test_jpeg(), m, "face 7"); });
  EXPECT_NE(error.find("face 7: has "), std::string::npos) << error;
  EXPECT_NE(error.find("65533"), std::string::npos) << error;
}

TEST(DflJpeg, HostileMetadataIsRefusedByName) {
  const std::string evil =
      "\x80\x03"
      "cos\nsystem\nX\x04\0\0\0trueR.";
  const std::string error = input_error_of([&] {
    read_dfl_metadata(jpeg_with_segment({evil.begin(), evil.end()}), "evil.jpg");
  });
  EXPECT_NE(error.find("evil.jpg: "), std::string::npos) << error;
  EXPECT_NE(error.find("os.system"), std::string::npos) << error;
}

TEST(DflJpeg, CutOffMetadataIsRefused) {
  const auto payload = dfl_segment(test_dfl_jpeg()).value();
  const std::vector<uint8_t> whole(payload.begin(), payload.end());
  for (size_t n = 2; n + 1 < whole.size(); n += 97) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_NE(input_error_of([&] { read_dfl_metadata(jpeg_with_segment(cut), "x"); }), "") << n;
  }
}

// What a key holds decides whether it is used.
std::string error_of_key(const char* key, const std::function<void(PickleWriter&)>& value) {
  PickleWriter w;
  w.begin_dict().string(key);
  value(w);
  const std::vector<uint8_t> jpeg = jpeg_with_segment(w.end_dict().take());
  return input_error_of([&] { read_dfl_metadata(jpeg, "x"); });
}

TEST(DflMetadata, WrongValuesAreRefusedByKey) {
  const auto landmarks = [](int count, double first) {
    return [=](PickleWriter& w) {
      w.begin_list();
      for (int i = 0; i < count; ++i) w.begin_list().real(i == 0 ? first : 1).real(2).end_list();
      w.end_list();
    };
  };
  EXPECT_EQ(error_of_key("landmarks", landmarks(68, 1)), "");
  EXPECT_NE(error_of_key("landmarks", landmarks(67, 1)).find("'landmarks'"), std::string::npos);
  EXPECT_NE(error_of_key("landmarks", landmarks(68, NAN)).find("nan"), std::string::npos);
  EXPECT_NE(error_of_key("landmarks", landmarks(68, 1e9)).find("'landmarks'"), std::string::npos);
  EXPECT_NE(error_of_key("face_type", [](auto& w) { w.string("nose"); }).find("'nose'"),
            std::string::npos);
  EXPECT_NE(error_of_key("source_filename", [](auto& w) { w.string(".."); }).find("file name"),
            std::string::npos);
  EXPECT_NE(error_of_key("image_to_face_mat",
                         [](auto& w) {
                           const int64_t shape[] = {2, 3};
                           w.array(shape, std::vector<double>(6, 0.0));
                         })
                .find("no inverse"),
            std::string::npos);
  EXPECT_NE(error_of_key("xseg_mask", [](auto& w) { w.integer(1); }).find("'xseg_mask'"),
            std::string::npos);
}

TEST(DflMetadata, OlderFormsAreRead) {
  PickleWriter w;
  w.begin_dict().string("face_type").string("WHOLE_FACE");
  const int64_t points[] = {3, 2};
  w.string("seg_ie_polys").begin_list().begin_tuple().integer(0);
  w.array(points, std::vector<float>{1, 2, 3, 4, 5, 6}).end_tuple();
  w.begin_tuple().integer(1).array(points, std::vector<float>{1, 2, 3, 4, 5, 6}).end_tuple();
  w.end_list();
  const int64_t rect[] = {4};
  w.string("source_rect").array(rect, std::vector<double>{9, 8, 5, 6});
  w.string("source_filename").string("C:\\frames\\00012.png").end_dict();
  const DflMetadata m = read_dfl_metadata(jpeg_with_segment(w.take()), "x").value();
  EXPECT_EQ(m.face_type, "whole_face");
  ASSERT_EQ(m.polygons.size(), 2u);
  EXPECT_TRUE(m.polygons[0].include);  // regrouped
  EXPECT_EQ(m.source_rect, cv::Rect2d(5, 6, 4, 2));
  EXPECT_EQ(m.source_filename, "00012.png");
}

}  // namespace
}  // namespace diptych
