// Against files that DeepFaceLab itself wrote. Skipped when the fixtures are not there.
// SPDX-License-Identifier: MIT
#include "faces/dfl/convert.h"
#include "faces/dfl/pak.h"
#include "faces/dfl/test_dfl.h"
#include "faces/image/image.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class DflGolden : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(dfl_data() / "golden.json"))
      GTEST_SKIP() << "no interop fixtures in " << dfl_data();
    std::ifstream in(dfl_data() / "golden.json");
    golden_ = json::parse(in);
  }

  static void expect_points(const Landmarks& points, const json& list, double tolerance) {
    ASSERT_EQ(list.size(), points.size());
    for (size_t i = 0; i < points.size(); ++i) {
      EXPECT_NEAR(points[i].x, list[i][0].get<double>(), tolerance) << i;
      EXPECT_NEAR(points[i].y, list[i][1].get<double>(), tolerance) << i;
    }
  }

  static void expect_matrix(const cv::Matx23d& m, const json& rows, double tolerance) {
    for (int r = 0; r < 2; ++r) {
      for (int c = 0; c < 3; ++c)
        EXPECT_NEAR(m(r, c), rows[static_cast<size_t>(r)][static_cast<size_t>(c)].get<double>(),
                    tolerance);
    }
  }

  // Calls check(folder name, golden entry of the frame, entry of the file, metadata).
  template <class Check>
  void for_each_face(const Check& check) {
    for (const json& frame : golden_) {
      for (const auto& [folder, entry] : frame["aligned"].items()) {
        const std::string name = entry["file"];
        SCOPED_TRACE(folder + "/" + name);
        const fs::path file = dfl_data() / folder / name;
        const auto metadata = read_dfl_metadata(file_bytes(file), file.string());
        ASSERT_TRUE(metadata.has_value());
        check(folder, frame, entry, *metadata);
      }
    }
  }

  json golden_;
};

TEST_F(DflGolden, LandmarksOfEveryFace) {
  for_each_face([](const std::string&, const json& frame, const json& entry, const DflMetadata& m) {
    expect_points(m.landmarks.value(), entry["landmarks"], 1e-9);
    expect_points(m.source_landmarks.value(), frame["source_landmarks"], 1e-3);
  });
}

TEST_F(DflGolden, FramesAndRectangles) {
  for_each_face([](const std::string&, const json& frame, const json&, const DflMetadata& m) {
    EXPECT_EQ(m.source_filename, frame["source"].get<std::string>());
    const cv::Rect2d r = m.source_rect.value();
    EXPECT_EQ(json({r.x, r.y, r.x + r.width, r.y + r.height}), frame["rect"]);
  });
}

TEST_F(DflGolden, MatricesAreTheStoredOnesAndOurs) {
  const std::map<std::string, std::pair<std::string, int>> types = {
      {"aligned_wf_512", {"whole_face", 512}},
      {"aligned_full_256", {"full_face", 256}},
      {"aligned_head_512", {"head", 512}}};
  for_each_face([&](const std::string& folder, const json& frame, const json&,
                    const DflMetadata& m) {
    const auto& [type, size] = types.at(folder);
    EXPECT_EQ(m.face_type, type);
    expect_matrix(m.matrix.value(), frame["mats"][type]["mat"], 1e-3);
    const cv::Matx23d ours = crop_matrix(m.source_landmarks.value(), size, face_type_from(type));
    expect_matrix(ours, frame["mats"][type]["mat"], 2e-2);
  });
}

TEST_F(DflGolden, MasksAndPolygonsAreWhereTheyShouldBe) {
  for_each_face([](const std::string&, const json&, const json& entry, const DflMetadata& m) {
    EXPECT_EQ(!m.polygons.empty(), entry["has_seg_ie_polys"].get<bool>());
    EXPECT_EQ(!m.mask.empty(), entry["has_xseg_mask"].get<bool>());
    EXPECT_EQ(m.eyebrow_factor, entry["eyebrows_expand_mod"].get<double>());
  });
}

TEST_F(DflGolden, PolygonsAreDrawnAsTheOriginalDraws) {
  const fs::path file = dfl_data() / "aligned_wf_512/pexels_00002_0.jpg";
  const auto m = read_dfl_metadata(file_bytes(file), file.string());
  const cv::Mat expected =
      read_image(dfl_data() / "masks_wf_512/pexels_00002_segpolys.png", ImageMode::kGrey);
  const cv::Mat drawn = draw_dfl_polygons(m.value().polygons, expected.size());
  EXPECT_EQ(cv::countNonZero((drawn > 127) != (expected > 127)), 0);
}

TEST_F(DflGolden, ThePackHoldsTheSameFilesAsTheFolder) {
  const DflPak pak = DflPak::open(dfl_data() / "faceset_pak/faceset.pak");
  ASSERT_EQ(pak.entries().size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    const DflPakEntry& entry = pak.entries()[i];
    const std::vector<uint8_t> jpeg = file_bytes(dfl_data() / "aligned_wf_512" / entry.name);
    EXPECT_EQ(pak.read(i), jpeg) << entry.name;
    EXPECT_EQ(entry.fault, "");
    const DflMetadata own = read_dfl_metadata(jpeg, entry.name).value();
    EXPECT_EQ(entry.metadata.landmarks, own.landmarks);
    EXPECT_EQ(entry.metadata.face_type, own.face_type);
    EXPECT_EQ(entry.metadata.mask, own.mask);
    EXPECT_EQ(entry.metadata.polygons, own.polygons);
    EXPECT_EQ(entry.metadata.source_filename, own.source_filename);
  }
}

TEST_F(DflGolden, MetadataOfPython36) {
  for (const char* name : {"real_wf_512_0", "real_wf_512_1"}) {
    const fs::path file = dfl_data() / "third_party_metadata" / (std::string(name) + ".jpg");
    std::ifstream in(dfl_data() / "third_party_metadata" / (std::string(name) + ".json"));
    const json expected = json::parse(in);
    const DflMetadata m = read_dfl_metadata(file_bytes(file), file.string()).value();
    EXPECT_EQ(m.face_type, expected["face_type"].get<std::string>());
    expect_points(m.landmarks.value(), expected["landmarks"], 0);
    expect_points(m.source_landmarks.value(), expected["source_landmarks"], 0);
    expect_matrix(m.matrix.value(), expected["image_to_face_mat"], 0);
  }
}

TEST_F(DflGolden, AFaceGoesOutWithTheBytesItCameInWith) {
  for (const auto& entry : fs::directory_iterator(dfl_data() / "aligned_wf_512")) {
    const std::string name = entry.path().filename().string();
    const std::vector<uint8_t> jpeg = file_bytes(entry.path());
    const DflMetadata m = read_dfl_metadata(jpeg, name).value();
    EXPECT_EQ(dfl_jpeg_of(face_from_dfl(jpeg, m, "", name), name), jpeg) << name;
  }
}

TEST_F(DflGolden, AMatrixThatIsMissingIsFitted) {
  for_each_face([](const std::string&, const json& frame, const json&, const DflMetadata& m) {
    const cv::Matx23d fitted = fit_similarity(*m.source_landmarks, *m.landmarks);
    const std::string type = m.face_type;
    expect_matrix(fitted, frame["mats"][type]["mat"], 1e-3);
  });
}

}  // namespace
}  // namespace diptych
