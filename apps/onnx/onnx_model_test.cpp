// ONNX files: what stands in them, and that other programs make our pictures from them.
// SPDX-License-Identifier: MIT
#include "apps/onnx/onnx_model.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <onnx/onnx_pb.h>

#include "apps/exchange/opencv_check.h"
#include "apps/onnx/test_model.h"
#include "apps/training/preview.h"
#include "faces/image/file_io.h"
#include "faces/image/test_folder.h"
#include "tests/support/throws.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

constexpr double kAllowedF32 = 1e-4, kAllowedF16 = 2e-2;

std::vector<std::string> every_archi() {
  std::vector<std::string> all;
  for (const char* family : {"df", "liae"}) {
    for (int set = 0; set < 16; ++set) {
      std::string letters;
      for (int i = 0; i < 4; ++i) {
        if (set >> i & 1) letters += "udtc"[i];
      }
      all.push_back(std::string(family) + (letters.empty() ? "" : "-" + letters));
    }
  }
  return all;
}

class OnnxFile : public ::testing::Test {
 protected:
  void make(const std::string& archi, const std::function<void(Saehd&)>& edit = {}) const {
    make_onnx_checkpoint(onnx_test_config(archi), checkpoint(), edit);
  }

  fs::path checkpoint() const { return folder / "m.safetensors"; }

  fs::path write(OnnxWeights weights = OnnxWeights::kF32) const {
    const fs::path file = folder / "m.dfm";
    OnnxOptions options{.weights = weights, .version = "1", .properties = {{"archi", "some"}}};
    write_file_atomic(file, onnx_model(Safetensors::open(checkpoint().string()), options));
    return file;
  }

  onnx::ModelProto read(OnnxWeights weights) const {
    const std::vector<uint8_t> bytes = read_file(write(weights));
    onnx::ModelProto model;
    EXPECT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    return model;
  }

  double difference(const fs::path& file, int pictures) const {
    OpenCvCheck check(file, checkpoint());
    double largest = 0;
    for (const cv::Mat& picture : onnx_test_pictures(pictures, 64))
      largest = std::max(largest, check.difference(picture));
    return largest;
  }

  TestFolder folder;
};

class OnnxInOpenCv : public OnnxFile, public ::testing::WithParamInterface<std::string> {};

TEST_P(OnnxInOpenCv, GivesOurPictures) {
  make(GetParam());
  EXPECT_LT(difference(write(), 2), kAllowedF32);
  const double rounded = difference(write(OnnxWeights::kF16), 1);
  EXPECT_LT(rounded, kAllowedF16);
  EXPECT_GT(rounded, 0);
}

INSTANTIATE_TEST_SUITE_P(EveryArchi,
                         OnnxInOpenCv,
                         ::testing::ValuesIn(every_archi()),
                         [](const auto& archi) {
                           std::string name = archi.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(OnnxFile, FiftyFacesAreTheSameInOpenCv) {
  make("liae-udt");
  EXPECT_LT(difference(write(), 50), kAllowedF32);
}

TEST_F(OnnxFile, WidthsAreTheNetworksWhereMemoryRoundsThemUp) {
  for (const char* archi : {"df-udt", "liae-d"}) {
    SaehdConfig config = onnx_test_config(archi);
    config.ae_dims = 9;
    config.e_dims = config.d_dims = config.d_mask_dims = 6;
    make_onnx_checkpoint(config, checkpoint());
    EXPECT_LT(difference(write(), 1), kAllowedF32) << archi;
  }
}

TEST_F(OnnxFile, AnotherNetworkIsSeen) {
  make("df-ud");
  const fs::path file = write();
  // A hundredth on one bias of the head of one colour: about a quarter of it shows in the picture.
  make("df-ud",
       [](Saehd& n) { parameter_of(n, "decoder_src/out_conv/bias").as<float>()[0] += 0.01f; });
  EXPECT_GT(difference(file, 1), 1e-3);
}

TEST_F(OnnxFile, ANumberThatIsNoneIsSeen) {
  make("df");
  onnx::ModelProto model = read(OnnxWeights::kF32);
  for (onnx::TensorProto& t : *model.mutable_graph()->mutable_initializer()) {
    if (t.name() != "decoder_src/out_conv/bias") continue;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(t.mutable_raw_data()->data(), &nan, sizeof nan);
  }
  std::ofstream(folder / "m.dfm", std::ios::binary) << model.SerializeAsString();
  EXPECT_TRUE(std::isinf(difference(folder / "m.dfm", 1)));
}

std::string port_text(const onnx::ValueInfoProto& port) {
  std::string text = port.name();
  for (const auto& d : port.type().tensor_type().shape().dim())
    text += d.has_dim_param() ? " " + d.dim_param() : str(' ', d.dim_value());
  EXPECT_EQ(port.type().tensor_type().elem_type(), onnx::TensorProto::FLOAT);
  return text;
}

void expect_form(const onnx::ModelProto& model) {
  EXPECT_EQ(model.ir_version(), 7);
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).version(), 12);
  const onnx::GraphProto& graph = model.graph();
  ASSERT_EQ(graph.input_size(), 1);
  ASSERT_EQ(graph.output_size(), 3);
  EXPECT_EQ(port_text(graph.input(0)), "in_face:0 N 64 64 3");
  EXPECT_EQ(port_text(graph.output(0)), "out_face_mask:0 N 64 64 1");
  EXPECT_EQ(port_text(graph.output(1)), "out_celeb_face:0 N 64 64 3");
  EXPECT_EQ(port_text(graph.output(2)), "out_celeb_face_mask:0 N 64 64 1");
  ASSERT_EQ(model.metadata_props_size(), 1);
  EXPECT_EQ(model.metadata_props(0).key(), "archi");
  EXPECT_EQ(model.metadata_props(0).value(), "some");
}

// Spec formats.md 12.3.
const std::set<std::string> kAllowedNodes = {
    "Transpose", "Conv",         "LeakyRelu", "Cos",        "Mul",  "Add",
    "Reshape",   "MatMul",       "Gemm",      "Sqrt",       "Div",  "Cast",
    "Concat",    "DepthToSpace", "Sigmoid",   "ReduceMean", "Slice"};

TEST_F(OnnxFile, HasTheNamesOrderAndSizesThatDeepFaceLiveWants) {
  for (const char* archi : {"df", "liae-udtc"}) {
    for (const OnnxWeights weights : {OnnxWeights::kF32, OnnxWeights::kF16}) {
      make(archi);
      const onnx::ModelProto model = read(weights);
      expect_form(model);
      std::set<std::string> results;
      for (const onnx::NodeProto& node : model.graph().node()) {
        EXPECT_TRUE(kAllowedNodes.count(node.op_type())) << node.op_type();
        EXPECT_TRUE(results.insert(node.output(0)).second) << node.output(0);
      }
    }
  }
}

TEST_F(OnnxFile, F16TakesHalf) {
  make("liae-ud");
  const auto whole = static_cast<double>(fs::file_size(write()));
  const auto half = static_cast<double>(fs::file_size(write(OnnxWeights::kF16)));
  EXPECT_LT(half, 0.56 * whole);  // biases, names and nodes stay
  onnx::ModelProto model;
  const std::vector<uint8_t> plain = without_f16(read_file(folder / "m.dfm"), "m");
  ASSERT_TRUE(model.ParseFromArray(plain.data(), static_cast<int>(plain.size())));
  for (const onnx::TensorProto& t : model.graph().initializer())
    EXPECT_NE(t.data_type(), onnx::TensorProto::FLOAT16);
}

TEST_F(OnnxFile, WeightsBeyondF16AreRefused) {
  make("df", [](Saehd& n) { parameter_of(n, "inter/dense1/weight").as<float>()[3] = -1e5f; });
  EXPECT_TRUE(throws([&] { write(OnnxWeights::kF16); }, "inter/dense1/weight holds -100000"));
  EXPECT_TRUE(throws([&] { write(OnnxWeights::kF16); }, "--weights f32"));
  EXPECT_NO_THROW(write());
}

TEST_F(OnnxFile, AMissingWeightIsNamed) {
  make("df");
  const Metadata metadata = Safetensors::open(checkpoint().string()).metadata();
  save_safetensors(checkpoint().string(), {}, metadata);
  EXPECT_TRUE(throws([&] { write(); }, "weight/encoder/down1/downs_0/conv1/weight is missing"));
}

TEST_F(OnnxFile, BytesOfSomethingElseAreRefused) {
  EXPECT_TRUE(
      throws([] { without_f16(std::vector<uint8_t>(64, 0xff), "x.dfm"); }, "x.dfm: is no ONNX"));
}

TEST(OnnxSize, TwoGibibytesAreTheLimit) {
  SaehdConfig c;
  c.set_archi("liae-ud");
  c.resolution = 640;
  c.ae_dims = 128;
  EXPECT_NO_THROW(check_onnx_size(c, OnnxWeights::kF32, "x.dfm"));
  c.ae_dims = 256;
  EXPECT_TRUE(throws([&] { check_onnx_size(c, OnnxWeights::kF32, "x.dfm"); }, "--weights f16"));
  EXPECT_NO_THROW(check_onnx_size(c, OnnxWeights::kF16, "x.dfm"));
  c.ae_dims = 512;
  EXPECT_TRUE(throws([&] { check_onnx_size(c, OnnxWeights::kF16, "x.dfm"); }, "smaller dims"));
}

class OnnxInOnnxruntime : public OnnxFile {
 protected:
  void SetUp() override {
    const char* set = std::getenv("DIPTYCH_TEST_PYTHON");
    python_ = set != nullptr ? set : "python3";
    const std::string ask = python_ + " -c 'import numpy, onnx, onnxruntime' >/dev/null 2>&1";
    if (std::system(ask.c_str()) != 0) {
      GTEST_SKIP() << python_ << " with numpy, onnx and onnxruntime is not here: set "
                   << "DIPTYCH_TEST_PYTHON to one";
    }
  }

  void store(const std::string& name, const Tensor& values) const {
    std::ofstream(folder / name, std::ios::binary)
        .write(static_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.bytes()));
  }

  // The model, pictures and what our network makes of them.
  void add_case(const std::string& archi, OnnxWeights weights) {
    make(archi);
    const bool half = weights == OnnxWeights::kF16;
    const std::string name = archi + (half ? "-f16" : "-f32");
    fs::rename(write(weights), folder / (name + ".dfm"));
    const Tensor pictures = to_tensor(onnx_test_pictures(kPictures, 64));
    const Saehd::Swap swap = SaehdInference(checkpoint().string(), DType::kF32).swap(pictures);
    store(name + ".in", pictures);
    store(name + ".out0", swap.dst_mask);
    store(name + ".out1", swap.face);
    store(name + ".out2", swap.mask);
    cases_.push_back({{"name", name},
                      {"side", 64},
                      {"count", kPictures},
                      {"allowed", half ? kAllowedF16 : kAllowedF32}});
  }

  static constexpr int kPictures = 50;
  std::string python_;
  nlohmann::json cases_ = nlohmann::json::array();
};

TEST_F(OnnxInOnnxruntime, GivesOurPicturesOfFiftyFaces) {
  for (const char* archi : {"df", "df-ud", "df-udtc", "liae", "liae-udt", "liae-c"}) {
    add_case(archi, OnnxWeights::kF32);
    add_case(archi, OnnxWeights::kF16);
  }
  std::ofstream(folder / "cases.json") << cases_;
  const std::string script = std::string(DIPTYCH_SOURCE_DIR) + "/apps/onnx/onnxruntime_peer.py";
  EXPECT_EQ(std::system((python_ + " " + script + " " + folder.path().string()).c_str()), 0);
}

}  // namespace
}  // namespace diptych
