// DeepFaceLab's model files: test vectors of the spec, fixtures, round trips, and what is refused.
// SPDX-License-Identifier: MIT
#include "models/saehd/dfl_weights.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "models/saehd/layout.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tensor/pickle/pickle_writer.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

fs::path fixtures() {
  const char* set = std::getenv("DIPTYCH_TEST_DATA");
  const fs::path data =
      set != nullptr ? fs::path(set) : fs::path(DIPTYCH_SOURCE_DIR) / "../shared/data";
  return data / "dfl/model_layouts";
}

// h(j,k) of spec networks.md 11.
double hash_fill(uint32_t j, uint32_t k) {
  uint32_t u = j * 2654435761u + k * 1013904223u + 1u;
  u ^= u >> 15;
  u *= 2246822519u;
  u ^= u >> 13;
  return u / 4294967296.0;
}

SaehdConfig small_config(const std::string& archi, int resolution = 64, int mask = 8) {
  SaehdConfig c;
  c.set_archi(archi);
  c.resolution = resolution;
  c.ae_dims = 16;
  c.e_dims = c.d_dims = 8;
  c.d_mask_dims = mask;
  return c;
}

DflOptions options_of(const SaehdConfig& c) {
  return {{"archi", c.archi()},
          {"resolution", int64_t{c.resolution}},
          {"ae_dims", int64_t{c.ae_dims}},
          {"e_dims", int64_t{c.e_dims}},
          {"d_dims", int64_t{c.d_dims}},
          {"d_mask_dims", int64_t{c.d_mask_dims}},
          {"adabelief", true}};
}

SaehdTrainOptions train_options(const SaehdConfig& c) {
  SaehdTrainOptions o;
  o.network = c;
  o.batch_size = 1;
  return o;
}

void write_bytes(const fs::path& file, const std::vector<uint8_t>& bytes) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

using Arrays = std::map<std::string, std::pair<std::vector<int64_t>, std::vector<float>>>;

// The weights of a part as spec networks.md 11 fills them.
Arrays filled_part(const SaehdConfig& config, const std::string& part) {
  Saehd net(config);
  Arrays arrays;
  for (const NamedParameter& p : net.parameters()) {
    if (p.name.rfind(part + "/", 0) != 0) continue;
    const Shape shape = file_shape(p.name, p.parameter->shape);
    auto& [sides, values] = arrays[p.name.substr(part.size() + 1) + ":0"];
    for (int i = 0; i < shape.rank(); ++i) sides.push_back(shape[i]);
    values.resize(static_cast<size_t>(shape.numel()));
  }
  uint32_t k = 0;
  for (auto& [key, array] : arrays) {
    const auto& sides = array.first;
    double scale = 0.1;
    if (sides.size() == 4)
      scale = std::sqrt(3.0 / static_cast<double>(sides[0] * sides[1] * sides[2]));
    if (sides.size() == 2) scale = std::sqrt(3.0 / static_cast<double>(sides[0]));
    for (uint32_t j = 0; j < array.second.size(); ++j)
      array.second[j] = static_cast<float>((2.0 * hash_fill(j, k) - 1.0) * scale);
    ++k;
  }
  return arrays;
}

std::vector<uint8_t> pickled(const Arrays& arrays) {
  PickleWriter w(4);
  w.begin_dict();
  for (const auto& [key, array] : arrays)
    w.string(key).array(array.first, std::span<const float>(array.second));
  return w.end_dict().take();
}

class DflWeights : public ::testing::Test {
 protected:
  DflWeights() {
    std::string pattern = (fs::temp_directory_path() / "diptych-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }

  ~DflWeights() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  void make_model(const SaehdConfig& c) {
    for (const std::string& part : dfl_parts(c))
      write_bytes(file(part + ".npy"), pickled(filled_part(c, part)));
    write_bytes(file("data.dat"), dfl_data_file(1234, options_of(c), {{0.5f, 0.25f}}));
  }

  fs::path file(const std::string& part) const { return folder / ("new_SAEHD_" + part); }

  // Changes the arrays of a part.
  void change(const SaehdConfig& c,
              const std::string& part,
              const std::function<void(Arrays&)>& edit) {
    Arrays arrays = filled_part(c, part);
    edit(arrays);
    write_bytes(file(part + ".npy"), pickled(arrays));
  }

  // The error of opening and loading; empty when it succeeds.
  std::string error(const std::string& archi = "") const {
    try {
      const DflModel model = open_dfl_model(folder, "", archi);
      SaehdTrainer trainer(train_options(model.network));
      load_dfl_weights(model, trainer);
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  }

  void expect_error(const std::vector<std::string>& texts, const std::string& archi = "") const {
    const std::string message = error(archi);
    for (const std::string& text : texts)
      EXPECT_NE(message.find(text), std::string::npos) << text << " in: " << message;
  }

  fs::path folder;
};

struct ForwardVector {
  const char* archi;
  int resolution;
  double image_00, image_mid, image_end, image_mean, mask_mean;
};

// Spec networks.md 11: weights come through the files, the picture through the network.
TEST_F(DflWeights, TheForwardPassEqualsTheTestVectors) {
  const ForwardVector vectors[] = {
      {"df-ud", 64, 0.522303, 0.433028, 0.497955, 0.509261, 0.476325},
      {"df-udc", 64, 0.517637, 0.502461, 0.468752, 0.494621, 0.474103},
      {"df-udt", 64, 0.523533, 0.413458, 0.531126, 0.516489, 0.485152},
      {"liae-udt", 96, 0.523932, 0.412303, 0.509509, 0.517986, 0.485428}};
  for (const ForwardVector& v : vectors) {
    SCOPED_TRACE(v.archi);
    fs::remove_all(folder);
    fs::create_directories(folder);
    make_model(small_config(v.archi, v.resolution));
    const DflModel model = open_dfl_model(folder);
    SaehdTrainer trainer(train_options(model.network));
    load_dfl_weights(model, trainer);
    const int r = v.resolution;
    std::vector<float> image(static_cast<size_t>(2 * 3 * r * r));
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < r * r; ++i) {
        const auto value =
            static_cast<float>(hash_fill(static_cast<uint32_t>(c * r * r + i), 1000));
        image[static_cast<size_t>(3 * i + c)] = image[static_cast<size_t>(3 * (r * r + i) + c)] =
            value;
      }
    }
    const auto out = trainer.network().reconstruct(Tensor::from(image, {2, r, r, 3}));
    const bool liae = model.network.liae;
    const std::vector<float> picture = (liae ? out.dst : out.src).to_host();
    const std::vector<float> mask = (liae ? out.dst_mask : out.src_mask).to_host();
    const auto pixel = [&](int c, int y, int x) {
      return picture[static_cast<size_t>((y * r + x) * 3 + c)];
    };
    double mean = 0, mask_mean = 0;
    for (const float p : picture) mean += static_cast<double>(p);
    for (const float p : mask) mask_mean += static_cast<double>(p);
    EXPECT_NEAR(pixel(0, 0, 0), v.image_00, 1e-5);
    EXPECT_NEAR(pixel(1, r / 2, r / 2 + 1), v.image_mid, 1e-5);
    EXPECT_NEAR(pixel(2, r - 1, r - 2), v.image_end, 1e-5);
    EXPECT_NEAR(mean / static_cast<double>(picture.size()), v.image_mean, 1e-5);
    EXPECT_NEAR(mask_mean / static_cast<double>(mask.size()), v.mask_mean, 1e-5);
  }
}

TEST_F(DflWeights, WeightsGoOutAsTheyCameIn) {
  for (const char* archi : {"df-ud", "liae-t"}) {
    SCOPED_TRACE(archi);
    const SaehdConfig config = small_config(archi, 64, 10);  // memory rounds some widths up
    fs::remove_all(folder);
    fs::create_directories(folder);
    make_model(config);
    const DflModel model = open_dfl_model(folder);
    SaehdTrainer trainer(train_options(model.network));
    EXPECT_EQ(load_dfl_weights(model, trainer).weights, trainer.arena().parameter_count());
    trainer.save((folder / "x.safetensors").string(), {});
    const Safetensors checkpoint = Safetensors::open((folder / "x.safetensors").string());
    for (const std::string& part : dfl_parts(config)) {
      write_bytes(folder / "out.npy", dfl_weight_file(checkpoint, part));
      const PickleDocument written = read_dfl_weight_file(folder / "out.npy");
      const Arrays expected = filled_part(config, part);
      EXPECT_EQ(written.root().entries().size(), expected.size());
      for (const auto& [key, array] : expected) {
        ASSERT_NE(written.root().find(key), nullptr) << key;
        EXPECT_EQ(written.root().find(key)->array().shape, array.first) << key;
        EXPECT_EQ(floats_of(written.root().find(key)->array()), array.second) << key;
      }
    }
  }
}

TEST_F(DflWeights, MomentsAndIterationGoBothWays) {
  for (const bool belief : {true, false}) {
    SCOPED_TRACE(belief ? "AdaBelief" : "RMSprop");
    SaehdConfig config = small_config("df", 64, 10);
    SaehdTrainOptions options = train_options(config);
    options.optimizer.kind = belief ? OptimizerKind::kAdaBelief : OptimizerKind::kRmsProp;
    SaehdTrainer first(options);
    float value = 0;
    for (const Optimizer::Moment& moment : first.optimizer().moments()) {
      for (int64_t i = 0; i < moment.values.numel(); ++i)
        moment.values.as<float>()[i] = value += 1e-3f;
    }
    first.optimizer().set_steps(77);
    const std::string path = (folder / "x.safetensors").string();
    first.save(path, {});
    const Safetensors checkpoint = Safetensors::open(path);
    for (const std::string& part : dfl_parts(config))
      write_bytes(file(part + ".npy"), dfl_weight_file(checkpoint, part));
    write_bytes(file("src_dst_opt.npy"), dfl_optimizer_file(checkpoint));
    DflOptions o = options_of(config);
    o["adabelief"] = belief;
    write_bytes(file("data.dat"), dfl_data_file(77, o, {}));
    options.seed = 9;  // other weights to begin with
    SaehdTrainer second(options);
    const DflLoadReport report = load_dfl_weights(open_dfl_model(folder), second);
    EXPECT_TRUE(report.moments);
    EXPECT_EQ(second.iteration(), 77);
    EXPECT_EQ(second.arena().weights().to_host(), first.arena().weights().to_host());
    for (size_t m = 0; m < first.optimizer().moments().size(); ++m) {
      for (size_t i = 0; i < first.arena().list().size(); ++i) {
        const int64_t begin = first.arena().range(i).begin;
        const float* a = first.optimizer().moments()[m].values.as<float>();
        const float* b = second.optimizer().moments()[m].values.as<float>();
        EXPECT_EQ(a[begin], b[begin]) << first.arena().list()[i].name;
      }
    }
  }
}

TEST_F(DflWeights, DiscriminatorsGoBothWays) {
  SaehdTrainOptions options = train_options(small_config("df"));
  options.adversarial = {
      .gan_power = 0.1f, .gan_patch_size = 8, .gan_dims = 4, .true_face_power = 0.01f};
  SaehdTrainer first(options);
  float value = 0;
  for (const SaehdAdversaries::Part& part : first.adversaries()->parts()) {
    for (const Optimizer::Moment& moment : part.optimizer->moments()) {
      for (int64_t i = 0; i < moment.values.numel(); ++i)
        moment.values.as<float>()[i] = value += 1e-3f;
    }
    part.optimizer->set_steps(5);
  }
  const std::string path = (folder / "x.safetensors").string();
  first.save(path, {});
  const Safetensors checkpoint = Safetensors::open(path);
  EXPECT_EQ(dfl_discriminators(checkpoint),
            (std::vector<std::string>{"GAN", "code_discriminator"}));
  std::vector<std::string> parts = dfl_parts(options.network);
  for (const std::string& part : dfl_discriminators(checkpoint)) {
    parts.push_back(part);
    write_bytes(file(dfl_optimizer_name(part)), dfl_optimizer_file(checkpoint, part));
  }
  for (const std::string& part : parts)
    write_bytes(file(part + ".npy"), dfl_weight_file(checkpoint, part));
  write_bytes(file("data.dat"), dfl_data_file(5, options_of(options.network), {}));
  options.seed = 9;
  SaehdTrainer second(options);
  load_dfl_weights(open_dfl_model(folder), second);
  for (size_t i = 0; i < 2; ++i) {
    const SaehdAdversaries::Part a = first.adversaries()->parts()[i];
    const SaehdAdversaries::Part b = second.adversaries()->parts()[i];
    EXPECT_EQ(a.arena->weights().to_host(), b.arena->weights().to_host()) << a.name;
    const int64_t begin = a.arena->range(2).begin;
    EXPECT_EQ(a.optimizer->moments()[0].values.as<float>()[begin],
              b.optimizer->moments()[0].values.as<float>()[begin]);
    EXPECT_EQ(b.optimizer->steps(), 5);
  }
  // One of another width starts afresh and is named.
  options.adversarial.gan_dims = 8;
  SaehdTrainer third(options);
  const DflLoadReport report = load_dfl_weights(open_dfl_model(folder), third);
  EXPECT_NE(report.notes.back().find("GAN.npy has other layers"), std::string::npos);
}

TEST_F(DflWeights, WithoutItsFileTheOptimizerStartsAnew) {
  make_model(small_config("df"));
  const DflModel model = open_dfl_model(folder);
  EXPECT_EQ(model.iteration, 1234);
  EXPECT_EQ(model.losses, (std::vector<std::pair<float, float>>{{0.5f, 0.25f}}));
  SaehdTrainer trainer(train_options(model.network));
  const DflLoadReport report = load_dfl_weights(model, trainer);
  EXPECT_FALSE(report.moments);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("src_dst_opt.npy is not there"), std::string::npos);
}

TEST_F(DflWeights, LettersThatTheShapesContradictAreRefused) {
  make_model(small_config("df-d"));
  write_bytes(file("data.dat"), dfl_data_file(1, options_of(small_config("df")), {}));
  expect_error({"data.dat: ", "says df 64", "are those of df-d 64"});
  make_model(small_config("df"));
  write_bytes(file("data.dat"), dfl_data_file(1, options_of(small_config("df-t")), {}));
  expect_error({"says df-t 64", "are those of df 64"});
}

TEST_F(DflWeights, OtherDimsAreRefused) {
  make_model(small_config("df"));
  SaehdConfig other = small_config("df");
  other.ae_dims = 32;
  write_bytes(file("data.dat"), dfl_data_file(1, options_of(other), {}));
  expect_error({"ae 32", "ae 16"});
}

TEST_F(DflWeights, LettersThatDoNotShowMustBeSaid) {
  make_model(small_config("df-ud"));
  fs::remove(file("data.dat"));
  expect_error({"data.dat: is missing", "letters u and c", "--archi df-d"});
  EXPECT_EQ(error("df-ud"), "");
  EXPECT_TRUE(open_dfl_model(folder, "", "df-ud").network.u);
  expect_error({"says df-ut"}, "df-ut");
  expect_error({"archi = nonsense"}, "nonsense");
}

TEST_F(DflWeights, ArchitecturesOf2020) {
  make_model(small_config("df-u"));
  DflOptions o = options_of(small_config("df-u"));
  o["archi"] = std::string("dfuhd");
  write_bytes(file("data.dat"), dfl_data_file(1, o, {}));
  EXPECT_EQ(error(), "");
  o["archi"] = std::string("dfhd");
  write_bytes(file("data.dat"), dfl_data_file(1, o, {}));
  expect_error({"dfhd", "no equivalent"});
}

TEST_F(DflWeights, AMissingWeightIsNamed) {
  const SaehdConfig c = small_config("df");
  make_model(c);
  change(c, "decoder_dst", [](Arrays& a) { a.erase("res1/conv2/weight:0"); });
  expect_error({"decoder_dst.npy: has no res1/conv2/weight:0"});
}

TEST_F(DflWeights, AnotherShapeIsNamed) {
  const SaehdConfig c = small_config("df");
  make_model(c);
  change(c, "decoder_dst", [](Arrays& a) { a["res1/conv2/weight:0"].first = {9, 1, 32, 32}; });
  expect_error({"res1/conv2/weight:0 has shape (9,1,32,32)", "(3,3,32,32)"});
}

TEST_F(DflWeights, WeightsThatAreNotFiniteAreRefused) {
  const SaehdConfig c = small_config("df");
  make_model(c);
  change(c, "inter", [](Arrays& a) { a["dense1/bias:0"].second[3] = NAN; });
  expect_error({"inter.npy: dense1/bias:0 holds nan at place 3", "autobackups"});
  change(c, "inter",
         [](Arrays& a) { a["dense1/bias:0"].second[3] = std::numeric_limits<float>::infinity(); });
  expect_error({"holds inf"});
}

TEST_F(DflWeights, ACutOffFileIsNamed) {
  const SaehdConfig c = small_config("df");
  make_model(c);
  fs::resize_file(file("decoder_src.npy"), fs::file_size(file("decoder_src.npy")) / 2);
  expect_error({"decoder_src.npy: ", "cut off"});
}

TEST_F(DflWeights, HostileFilesAreRefused) {
  const SaehdConfig c = small_config("df");
  make_model(c);
  const std::string evil =
      "\x80\x04"
      "cbuiltins\neval\n\x8c\x01"
      "1\x85R.";
  write_bytes(file("decoder_dst.npy"), {evil.begin(), evil.end()});
  expect_error({"decoder_dst.npy: ", "builtins.eval"});
  make_model(c);
  write_bytes(file("data.dat"), {evil.begin(), evil.end()});
  expect_error({"data.dat: ", "builtins.eval"});
}

TEST_F(DflWeights, AFolderWithoutAModelSaysWhatItHolds) {
  expect_error({"holds no SAEHD model"});
  write_bytes(folder / "XSeg_data.dat", {1});
  expect_error({"of kind XSeg"});
}

TEST_F(DflWeights, OneOfSeveralModelsIsChosenByName) {
  const SaehdConfig c = small_config("df");
  make_model(c);
  for (const std::string& part : dfl_parts(c))
    fs::copy_file(file(part + ".npy"), folder / ("old_SAEHD_" + part + ".npy"));
  fs::copy_file(file("data.dat"), folder / "old_SAEHD_data.dat");
  expect_error({"new (SAEHD), old (SAEHD)", "--name"});
  EXPECT_EQ(open_dfl_model(folder, "old").name, "old");
  EXPECT_THROW(open_dfl_model(folder, "none"), InputError);
}

TEST_F(DflWeights, TheFixturesLoad) {
  const fs::path df = fixtures() / "saehd_df-ud_64_random";
  if (!fs::exists(df)) GTEST_SKIP() << "no fixtures in " << fixtures();
  const DflModel model = open_dfl_model(df, "", "df-ud");
  EXPECT_EQ(model.network.d_mask_dims, 4);
  EXPECT_EQ(model.network.resolution, 64);
  SaehdTrainer trainer(train_options(model.network));
  EXPECT_EQ(load_dfl_weights(model, trainer).weights, trainer.arena().parameter_count());
  const DflModel liae = open_dfl_model(fixtures() / "saehd_liae-udt_64_random", "", "liae-udt");
  SaehdTrainer other(train_options(liae.network));
  EXPECT_EQ(load_dfl_weights(liae, other).weights, other.arena().parameter_count());
}

}  // namespace
}  // namespace diptych
