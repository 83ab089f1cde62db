// Whole facesets in and out: folders, packs, meta.dat, frames.
// SPDX-License-Identifier: MIT
#include "faces/dfl/transfer.h"

#include <opencv2/core/utility.hpp>

#include "faces/dfl/convert.h"
#include "faces/dfl/test_dfl.h"
#include "faces/image/image.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class DflTransfer : public ::testing::Test {
 protected:
  fs::path make_folder(int faces) {
    fs::create_directories(folder / "aligned");
    for (int i = 0; i < faces; ++i)
      write_bytes(folder / "aligned" / str("0000", i + 1, "_0.jpg"), test_dfl_jpeg(i));
    return folder / "aligned";
  }

  DflImportResult import(const fs::path& path, const DflImportOptions& options = {}) {
    if (!faces_) faces_.emplace(Faceset::create((folder / "x.faces").string()));
    return import_dfl(DflCollection::open(path), *faces_, options);
  }

  Faceset& faces() { return *faces_; }

  TestFolder folder;
  std::optional<Faceset> faces_;
};

TEST_F(DflTransfer, AFolderComesInWholeAndGoesOutByteForByte) {
  const fs::path in = make_folder(5);
  const DflImportResult result = import(in);
  EXPECT_EQ(result.faces, 5);
  EXPECT_TRUE(result.left_out.empty());
  EXPECT_TRUE(result.tied);
  export_dfl(faces(), faces().ids(), folder / "out");
  for (int i = 1; i <= 5; ++i) {
    const std::string name = str("0000", i, "_0.jpg");
    EXPECT_EQ(file_bytes(folder / "out" / name), file_bytes(in / name)) << name;
  }
}

TEST_F(DflTransfer, NumbersAreFramesCountedFromOne) {
  import(make_folder(3));
  EXPECT_EQ(faces().load_all(false)[2].frame_index, 2);
}

TEST_F(DflTransfer, FacesOfOneFrameStayTogether) {
  fs::create_directories(folder / "aligned");
  for (int i = 0; i < 3; ++i)
    write_bytes(folder / "aligned" / str("00001_", i, ".jpg"),
                with_dfl_metadata(test_jpeg(i), test_metadata(0), "x"));
  import(folder / "aligned");
  ASSERT_EQ(faces().frames().size(), 1u);
  EXPECT_EQ(faces().frames()[0].faces, 3);
  export_dfl(faces(), faces().ids(), folder / "out");
  EXPECT_EQ(file_bytes(folder / "out/00001_2.jpg"), file_bytes(folder / "aligned/00001_2.jpg"));
}

TEST_F(DflTransfer, APackHoldsWhatTheFolderHolds) {
  import(make_folder(4));
  export_dfl(faces(), faces().ids(), folder / "faceset.pak");
  const DflPak pak = DflPak::open(folder / "faceset.pak");
  ASSERT_EQ(pak.entries().size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const std::string name = pak.entries()[i].name;
    EXPECT_EQ(pak.read(i), file_bytes(folder / "aligned" / name)) << name;
    EXPECT_EQ(pak.entries()[i].metadata.landmarks, test_metadata(static_cast<int>(i)).landmarks);
  }
  faces_.emplace(Faceset::create((folder / "y.faces").string()));
  EXPECT_EQ(import(folder / "faceset.pak").faces, 4);
}

TEST_F(DflTransfer, AnEmptyMaskAndAnEditedOneAreToldApart) {
  import(make_folder(2));
  const std::vector<uint8_t> mask = encode_png(cv::Mat(64, 64, CV_8UC1, cv::Scalar(200)));
  faces().set_mask(faces().ids()[0], mask);
  export_dfl(faces(), faces().ids(), folder / "out");
  const auto of = [&](const char* name) {
    return read_dfl_metadata(file_bytes(folder / "out" / name), name).value();
  };
  EXPECT_EQ(of("00001_0.jpg").mask, mask);
  EXPECT_TRUE(of("00002_0.jpg").mask.empty());
}

TEST_F(DflTransfer, AMaskThatDoesNotFitIsMadeSmaller) {
  import(make_folder(1));
  cv::Mat noise(512, 512, CV_8UC1);
  cv::RNG rng(1);
  rng.fill(noise, cv::RNG::UNIFORM, 0, 256);
  faces().set_mask(faces().ids()[0], encode_png(noise));
  export_dfl(faces(), faces().ids(), folder / "out");
  const DflMetadata m = read_dfl_metadata(file_bytes(folder / "out/00001_0.jpg"), "x").value();
  EXPECT_LE(m.mask.size(), 50000u);
  EXPECT_EQ(encoded_size(m.mask).value().width, 256);
}

TEST_F(DflTransfer, PolygonsAndPersonsComeThroughTheFaceset) {
  DflMetadata m = test_metadata();
  m.polygons = {{true, {{1, 2}, {30, 4}, {5, 60}}}};
  const std::vector<uint8_t> jpeg = with_dfl_metadata(test_jpeg(), m, "x");
  const Face face = face_from_dfl(jpeg, m, "Ann", "x");
  EXPECT_EQ(dfl_extra_of(face).polygons, m.polygons);
  EXPECT_EQ(dfl_extra_of(face).person, "Ann");
  EXPECT_EQ(dfl_jpeg_of(face, "x"), jpeg);
}

TEST_F(DflTransfer, FacesOfOursGoOutAndComeBack) {
  Faceset set = Faceset::create((folder / "ours.faces").string());
  Face face = test_face(6, 64);  // a PNG of a video's frame 6
  set.put_frame(test_frame(6), {face});
  export_dfl(set, set.ids(), folder / "out");
  const std::vector<uint8_t> jpeg = file_bytes(folder / "out/00007_0.jpg");
  ASSERT_EQ(dfl_jpeg_fault(jpeg), "");
  const DflMetadata m = read_dfl_metadata(jpeg, "x").value();
  EXPECT_EQ(m.landmarks, face.landmarks);
  EXPECT_EQ(m.source_landmarks, face.source_landmarks);
  EXPECT_EQ(m.matrix, face.matrix);
  EXPECT_EQ(m.face_type, "whole_face");
  EXPECT_EQ(m.eyebrow_factor, 1.25);
  const DflImportResult result = import(folder / "out");
  EXPECT_EQ(result.faces, 1);
  EXPECT_EQ(faces().load_all(false)[0].frame_index, 6);
}

TEST_F(DflTransfer, BadPicturesAreLeftOutAndNamed) {
  const fs::path in = make_folder(2);
  write_bytes(in / "plain.jpg", test_jpeg());
  std::vector<uint8_t> cut = test_dfl_jpeg(3);
  cut.resize(cut.size() / 2);
  write_bytes(in / "cut.jpg", cut);
  write_bytes(in / "text.jpg", {'h', 'i'});
  DflMetadata no_landmarks = test_metadata(4);
  no_landmarks.landmarks.reset();
  write_bytes(in / "bare.jpg", with_dfl_metadata(test_jpeg(), no_landmarks, "x"));
  DflMetadata whole_frame = test_metadata(5);
  whole_frame.face_type = "mark_only";
  write_bytes(in / "frame.jpg", with_dfl_metadata(test_jpeg(), whole_frame, "x"));
  const DflImportResult result = import(in);
  EXPECT_EQ(result.faces, 2);
  ASSERT_EQ(result.left_out.size(), 5u);
  std::string all;
  for (const std::string& line : result.left_out) all += line + "\n";
  for (const char* text :
       {"plain.jpg: it carries no DeepFaceLab metadata",
        "cut.jpg: ", "text.jpg: ", "bare.jpg: it has no landmarks", "frame.jpg: it is a whole"})
    EXPECT_NE(all.find(text), std::string::npos) << text << " in " << all;
}

TEST_F(DflTransfer, StrictChangesNothing) {
  const fs::path in = make_folder(2);
  write_bytes(in / "plain.jpg", test_jpeg());
  DflImportOptions options;
  options.strict = true;
  const std::string error = input_error_of([&] { import(in, options); });
  EXPECT_NE(error.find("plain.jpg"), std::string::npos) << error;
  EXPECT_EQ(faces().count(), 0);
}

TEST_F(DflTransfer, NothingUsableIsAnError) {
  fs::create_directories(folder / "aligned");
  EXPECT_NE(input_error_of([&] { import(folder / "aligned"); }).find("no .jpg"), std::string::npos);
  write_bytes(folder / "aligned/a.jpg", test_jpeg());
  EXPECT_NE(input_error_of([&] { import(folder / "aligned"); }).find("no face that can be used"),
            std::string::npos);
  EXPECT_NE(input_error_of([&] { import(folder / "nowhere"); }), "");
}

TEST_F(DflTransfer, ASecondRunAddsNothing) {
  const fs::path in = make_folder(3);
  import(in);
  const DflImportResult again = import(in);
  EXPECT_EQ(again.faces, 0);
  EXPECT_EQ(again.skipped_frames, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(faces().count(), 3);
}

TEST_F(DflTransfer, ThreadsAndBatchesChangeNothing) {
  const fs::path in = make_folder(9);
  const int threads = cv::getNumThreads();
  std::vector<std::vector<Face>> results;
  for (const auto& [count, at_once] : {std::pair(1, 1024), std::pair(4, 2)}) {
    cv::setNumThreads(count);
    DflImportOptions options;
    options.faces_at_once = static_cast<size_t>(at_once);
    Faceset set = Faceset::create((folder / str(count, ".faces")).string());
    EXPECT_EQ(import_dfl(DflCollection::open(in), set, options).faces, 9);
    results.push_back(set.load_all(true));
  }
  cv::setNumThreads(threads);
  ASSERT_EQ(results[0].size(), 9u);
  ASSERT_EQ(results[1].size(), 9u);
  for (size_t i = 0; i < 9; ++i) {
    const Face &a = results[0][i], &b = results[1][i];
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.frame_index, b.frame_index);
    EXPECT_EQ(a.image, b.image);
    EXPECT_EQ(a.landmarks, b.landmarks);
    EXPECT_EQ(a.sharpness, b.sharpness);
    EXPECT_EQ(a.pose.yaw, b.pose.yaw);
    EXPECT_EQ(a.extra, b.extra);
  }
}

TEST_F(DflTransfer, AFrameThatIsStoredMeanwhileIsLeftAlone) {
  const fs::path in = make_folder(6);
  faces_.emplace(Faceset::create((folder / "x.faces").string()));
  Faceset other = Faceset::open((folder / "x.faces").string());
  DflImportOptions options;
  options.faces_at_once = 2;
  bool stored = false;
  options.progress = [&](int64_t, int64_t) {  // comes before the first batch is stored
    if (!std::exchange(stored, true)) other.put_frame({5, 0, 64, 64, 0, "other"}, {});
  };
  const DflImportResult result = import(in, options);
  EXPECT_EQ(result.faces, 5);
  EXPECT_EQ(result.skipped_frames, std::vector<int64_t>{5});
  ASSERT_EQ(faces().frames().size(), 6u);
  EXPECT_EQ(faces().frames()[5].note, "other");
}

TEST_F(DflTransfer, NamesThatAreNoNumbersAreNumberedInOrder) {
  fs::create_directories(folder / "aligned");
  for (const int i : {2, 10, 1}) {
    DflMetadata m = test_metadata(i);
    m.source_filename = str("shot", i, ".png");
    write_bytes(folder / "aligned" / str("x", i, ".jpg"), with_dfl_metadata(test_jpeg(i), m, "x"));
  }
  const DflImportResult result = import(folder / "aligned");
  EXPECT_FALSE(result.tied);
  EXPECT_EQ(faces().load_all(false)[2].source_name, "shot10.png");
  DflImportOptions options;
  options.frames.must_tie = true;
  EXPECT_NE(input_error_of([&] { import(folder / "aligned", options); }).find("is no number"),
            std::string::npos);
}

TEST_F(DflTransfer, MetaDatStandsInForLostMetadata) {
  import(make_folder(2));
  DflExportOptions options;
  options.meta_dat = true;
  export_dfl(faces(), faces().ids(), folder / "out", options);
  // Another program saved the pictures anew, one of them at twice the size.
  for (const char* name : {"00001_0.jpg", "00002_0.jpg"}) {
    cv::Mat picture = decode_image(file_bytes(folder / "out" / name), name);
    if (name[4] == '2') cv::resize(picture, picture, {128, 128});
    write_bytes(folder / "out" / name, encode_jpeg(picture));
  }
  faces_.emplace(Faceset::create((folder / "y.faces").string()));
  const DflImportResult result = import(folder / "out");
  EXPECT_EQ(result.faces, 2);
  const std::vector<Face> all = faces().load_all(false);
  EXPECT_EQ(all[0].landmarks, test_metadata(0).landmarks);
  EXPECT_EQ(all[1].landmarks[5], test_metadata(1).landmarks->at(5) * 2.0);
  EXPECT_EQ(all[1].size, 128);
}

TEST_F(DflTransfer, AFaceWithoutItsFrameTrainsAndGoesBackWithoutOne) {
  DflMetadata m = test_metadata();
  m.source_landmarks.reset();
  m.matrix.reset();
  m.source_rect.reset();
  const std::vector<uint8_t> jpeg = with_dfl_metadata(test_jpeg(), m, "x");
  const Face face = face_from_dfl(jpeg, m, "", "x");
  EXPECT_EQ(face.source_landmarks, face.landmarks);
  EXPECT_EQ(dfl_jpeg_of(face, "x"), jpeg);
}

TEST_F(DflTransfer, ExportNeverReplaces) {
  import(make_folder(1));
  fs::create_directories(folder / "full");
  write_bytes(folder / "full/mine.txt", {'x'});
  write_bytes(folder / "mine.pak", {'x'});
  EXPECT_NE(input_error_of([&] { export_dfl(faces(), faces().ids(), folder / "full"); }), "");
  EXPECT_NE(input_error_of([&] { export_dfl(faces(), faces().ids(), folder / "mine.pak"); }), "");
  EXPECT_EQ(file_bytes(folder / "mine.pak"), std::vector<uint8_t>{'x'});
  EXPECT_TRUE(fs::exists(folder / "full/mine.txt"));
}

TEST_F(DflTransfer, AFailedExportLeavesNothing) {
  Faceset set = Faceset::create((folder / "ours.faces").string());
  Face face = test_face(1, 64);
  face.image = {'n', 'o'};
  set.put_frame(test_frame(1), {face});
  const int before = folder.entries();
  EXPECT_NE(input_error_of([&] { export_dfl(set, set.ids(), folder / "out"); }), "");
  EXPECT_NE(input_error_of([&] { export_dfl(set, set.ids(), folder / "out.pak"); }), "");
  EXPECT_EQ(folder.entries(), before);
}

}  // namespace
}  // namespace diptych
