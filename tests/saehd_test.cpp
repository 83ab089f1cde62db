// SAEHD against facts: parameter counts, forward vectors, and a full training step of an
// independent implementation.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "models/saehd/layout.h"
#include "models/saehd/trainer.h"
#include "nn/init.h"
#include "tests/support/golden.h"

namespace diptych {
namespace {

SaehdConfig make_config(const std::string& archi, int resolution, int ae, int e, int d, int m) {
  SaehdConfig config;
  config.set_archi(archi);
  config.resolution = resolution;
  config.ae_dims = ae;
  config.e_dims = e;
  config.d_dims = d;
  config.d_mask_dims = m;
  return config;
}

int64_t count(Saehd& net, const std::string& prefix = "") {
  int64_t sum = 0;
  for (const NamedParameter& p : net.parameters()) {
    if (p.name.rfind(prefix, 0) == 0) sum += p.parameter->shape.numel();
  }
  return sum;
}

// Parameter counts of spec networks.md 10.
TEST(SaehdCounts, DefaultSizes) {
  Saehd df(make_config("df", 64, 64, 32, 32, 16));
  EXPECT_EQ(count(df), 10114632);
  EXPECT_EQ(count(df, "encoder"), 1078080);
  EXPECT_EQ(count(df, "inter"), 476480);
  Saehd df_ud(make_config("df-ud", 128, 256, 64, 64, 22));
  EXPECT_EQ(count(df_ud), 54470998);
  EXPECT_EQ(count(df_ud, "decoder_src"), 19181291);
}

TEST(SaehdCounts, LiaeSizes) {
  Saehd liae(make_config("liae-ud", 128, 256, 64, 64, 22));
  EXPECT_EQ(count(liae), 82376555);
  EXPECT_EQ(count(liae, "inter_AB"), 19933440);
  EXPECT_EQ(count(liae, "decoder"), 38203115);
}

TEST(SaehdCounts, DeepSizes) {
  Saehd df_udt(make_config("df-udt", 224, 256, 64, 64, 22));
  EXPECT_EQ(count(df_udt), 94212694);
  EXPECT_EQ(count(df_udt, "encoder"), 15654144);
}

TEST(SaehdConfig, RefusesWhatMakesNoNetworkAndNamesTheNearest) {
  const auto message = [](SaehdConfig config) -> std::string {
    try {
      config.validate();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message(make_config("df-ud", 128, 256, 64, 64, 22)), "");
  EXPECT_NE(message(make_config("df-t", 80, 256, 64, 64, 22)).find("nearest 96"),
            std::string::npos);
  EXPECT_NE(message(make_config("df", 650, 256, 64, 64, 22)).find("nearest 640"),
            std::string::npos);
  EXPECT_NE(message(make_config("df", 128, 16, 64, 64, 22)).find("ae_dims"), std::string::npos);
  EXPECT_NE(message(make_config("df", 128, 256, 65, 64, 22)).find("e_dims"), std::string::npos);
  SaehdConfig config;
  EXPECT_THROW(config.set_archi("dfx"), Error);
  EXPECT_THROW(config.set_archi("df-"), Error);
  EXPECT_THROW(config.set_archi("df-ux"), Error);
}

// h(j,k) of spec networks.md 11.
double hash_fill(uint32_t j, uint32_t k) {
  uint32_t u = j * 2654435761u + k * 1013904223u + 1u;
  u ^= u >> 15;
  u *= 2246822519u;
  u ^= u >> 13;
  return u / 4294967296.0;
}

// Sets the weights of one saved file: keys sorted bytewise, values in file order.
void fill_file(Saehd& net, const std::string& file) {
  std::map<std::string, NamedParameter> sorted;
  for (const NamedParameter& p : net.parameters()) {
    if (p.name.rfind(file + "/", 0) == 0) sorted.emplace(p.name.substr(file.size() + 1) + ":0", p);
  }
  uint32_t k = 0;
  for (const auto& [key, p] : sorted) {
    const Shape shape = file_shape(p.name, p.parameter->shape);
    double scale = 0.1;
    if (shape.rank() == 4)
      scale = std::sqrt(3.0 / static_cast<double>(shape[0] * shape[1] * shape[2]));
    if (shape.rank() == 2) scale = std::sqrt(3.0 / static_cast<double>(shape[0]));
    std::vector<float> values(static_cast<size_t>(shape.numel()));
    for (uint32_t j = 0; j < values.size(); ++j) {
      values[j] = static_cast<float>((2.0 * hash_fill(j, k) - 1.0) * scale);
    }
    p.parameter->set_values(Tensor::from(
        from_file_order(net.config(), p.name, p.parameter->shape, values), p.parameter->shape));
    ++k;
  }
}

struct ForwardVector {
  const char* archi;
  int resolution;
  double rms, image_00, image_mid, image_end, image_mean, mask_01, mask_mid, mask_mean;
};

class SaehdForward : public ::testing::TestWithParam<ForwardVector> {};

TEST_P(SaehdForward, EqualsTheTestVectors) {
  const ForwardVector& v = GetParam();
  Saehd net(make_config(v.archi, v.resolution, 16, 8, 8, 8));
  for (const char* file :
       {"encoder", "inter", "inter_AB", "inter_B", "decoder_src", "decoder_dst", "decoder"}) {
    fill_file(net, file);
  }
  const int r = v.resolution;
  std::vector<float> image(static_cast<size_t>(2 * 3 * r * r));
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < r * r; ++i) {
      const auto value = static_cast<float>(hash_fill(static_cast<uint32_t>(c * r * r + i), 1000));
      image[static_cast<size_t>(3 * i + c)] = image[static_cast<size_t>(3 * (r * r + i) + c)] =
          value;
    }
  }
  const Tensor x = Tensor::from(image, {2, r, r, 3});
  double square = 0;
  const std::vector<float> code = net.encode(x).to_host();
  for (size_t i = 0; i < code.size() / 2; ++i) square += static_cast<double>(code[i]) * code[i];
  EXPECT_NEAR(std::sqrt(square / (static_cast<double>(code.size()) / 2)), v.rms, 1e-5);

  // df: decoder_src on the code; liae: the dst path.
  const Saehd::Reconstruction out = net.reconstruct(x);
  const bool liae = net.config().liae;
  const std::vector<float> picture = (liae ? out.dst : out.src).to_host();
  const std::vector<float> mask = (liae ? out.dst_mask : out.src_mask).to_host();
  const auto pixel = [&](int c, int y, int px) {
    return picture[static_cast<size_t>((y * r + px) * 3 + c)];
  };
  double mean = 0, mask_mean = 0;
  for (float p : picture) mean += p;
  for (float p : mask) mask_mean += p;
  EXPECT_NEAR(pixel(0, 0, 0), v.image_00, 1e-5);
  EXPECT_NEAR(pixel(1, r / 2, r / 2 + 1), v.image_mid, 1e-5);
  EXPECT_NEAR(pixel(2, r - 1, r - 2), v.image_end, 1e-5);
  EXPECT_NEAR(mean / static_cast<double>(picture.size()), v.image_mean, 1e-5);
  EXPECT_NEAR(mask[1], v.mask_01, 1e-5);
  EXPECT_NEAR(mask[static_cast<size_t>(r / 2 * r + r / 2 + 1)], v.mask_mid, 1e-5);
  EXPECT_NEAR(mask_mean / static_cast<double>(mask.size()), v.mask_mean, 1e-5);
}

// Spec networks.md 11.
INSTANTIATE_TEST_SUITE_P(
    Spec,
    SaehdForward,
    ::testing::Values(ForwardVector{"df", 64, 0.085407, 0.531548, 0.463671, 0.519769, 0.518117,
                                    0.528663, 0.535620, 0.524186},
                      ForwardVector{"df-u", 64, 0.999931, 0.528123, 0.277246, 0.523384, 0.531976,
                                    0.544744, 0.568350, 0.543744},
                      ForwardVector{"df-d", 64, 0.085407, 0.531080, 0.472974, 0.503983, 0.504647,
                                    0.478138, 0.474852, 0.476874},
                      ForwardVector{"df-ud", 64, 0.999931, 0.522303, 0.433028, 0.497955, 0.509261,
                                    0.477682, 0.453639, 0.476325},
                      ForwardVector{"df-t", 64, 0.089968, 0.532513, 0.443509, 0.491167, 0.507174,
                                    0.508193, 0.511319, 0.523614},
                      ForwardVector{"df-udt", 64, 0.999938, 0.523533, 0.413458, 0.531126, 0.516489,
                                    0.491365, 0.492186, 0.485152},
                      ForwardVector{"df-udc", 64, 0.999987, 0.517637, 0.502461, 0.468752, 0.494621,
                                    0.481080, 0.428599, 0.474103},
                      ForwardVector{"liae-ud", 64, 0.999931, 0.559933, 0.432346, 0.513974, 0.511670,
                                    0.485974, 0.468128, 0.476314},
                      ForwardVector{"liae-udt", 96, 0.999958, 0.523932, 0.412303, 0.509509,
                                    0.517986, 0.486548, 0.525692, 0.485428}),
    [](const auto& test) {
      std::string name = test.param.archi;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// Every architecture of a size runs a step and every weight gets a gradient.
class SaehdEveryOption : public ::testing::TestWithParam<int> {};

TEST_P(SaehdEveryOption, EveryWeightGetsAGradient) {
  const int bits = GetParam();
  SaehdTrainOptions options;
  SaehdConfig& config = options.network;
  config.liae = bits & 1;
  config.u = bits & 2;
  config.d = bits & 4;
  config.t = bits & 8;
  config.c = bits & 16;
  config.resolution = config.multiple() == 32 ? 96 : 80;
  config.ae_dims = 6;
  config.e_dims = 2;
  config.d_dims = 4;
  config.d_mask_dims = 2;
  options.batch_size = 2;
  SaehdTrainer trainer(options);
  const GoldenBatch batch(2, config.resolution);
  trainer.forward_backward(batch.src(), batch.dst());
  for (const NamedParameter& p : trainer.arena().list()) {
    double sum = 0;
    for (float g : p.parameter->master.grad().to_host()) sum += std::abs(g);
    EXPECT_GT(sum, 0) << config.archi() << ' ' << p.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Options, SaehdEveryOption, ::testing::Range(0, 32));

TEST(SaehdTrainer, TheLossFallsOnEightPicturesInFiftySteps) {
  SaehdTrainOptions options;
  options.network = make_config("df-ud", 64, 16, 8, 8, 4);
  options.batch_size = 4;
  options.optimizer.learning_rate = 5e-4f;
  SaehdTrainer trainer(options);
  const GoldenBatch batch(4, 64, /*smooth=*/true);
  const auto mean = [](const SaehdStep& s) {
    double sum = 0;
    for (float v : s.src_loss) sum += v;
    for (float v : s.dst_loss) sum += v;
    return sum / static_cast<double>(s.src_loss.size() + s.dst_loss.size());
  };
  const double first = mean(trainer.step(batch.src(), batch.dst()));
  double last = first;
  for (int i = 0; i < 50; ++i) last = mean(trainer.step(batch.src(), batch.dst()));
  EXPECT_LT(last, 0.7 * first);
}

TEST(Optimizer, AHighRateIsReachedByARampAndTheOriginalsRateAtOnce) {
  Saehd net(make_config("df", 64, 8, 4, 4, 2));
  ParamArena arena(net.parameters(), DType::kF32);
  Optimizer plain(arena, {});
  EXPECT_EQ(plain.current_rate(), 5e-5f);
  Optimizer high(arena, {.learning_rate = 3e-4f});
  EXPECT_EQ(high.current_rate(), Optimizer::kSafeRate);
  high.set_steps(Optimizer::kRampSteps / 2);
  EXPECT_NEAR(high.current_rate(), 1.75e-4, 1e-7);
  high.set_steps(Optimizer::kRampSteps);
  EXPECT_EQ(high.current_rate(), 3e-4f);
}

TEST(SaehdTrainer, AResumedRunGivesTheSameBits) {
  SaehdTrainOptions options;
  options.network = make_config("liae-ud", 64, 8, 4, 4, 2);
  options.batch_size = 2;
  const GoldenBatch batch(2, 64);
  const std::string path =
      (std::filesystem::temp_directory_path() / "diptych_resume_test.safetensors").string();
  SaehdTrainer whole(options);
  for (int i = 0; i < 3; ++i) whole.step(batch.src(), batch.dst());
  whole.save(path, {{"note", "kept"}});
  for (int i = 0; i < 2; ++i) whole.step(batch.src(), batch.dst());

  options.seed = 99;  // a resumed run takes nothing from its fresh weights
  SaehdTrainer resumed(options);
  EXPECT_EQ(resumed.load(path).at("note"), "kept");
  EXPECT_EQ(resumed.iteration(), 3);
  for (int i = 0; i < 2; ++i) resumed.step(batch.src(), batch.dst());
  EXPECT_EQ(whole.arena().weights().to_host(), resumed.arena().weights().to_host());
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".prev");
}

TEST(SaehdTrainer, ANanInTheDataNamesTheSampleAndLeavesTheWeights) {
  SaehdTrainOptions options;
  options.network = make_config("df", 64, 8, 4, 4, 2);
  options.batch_size = 2;
  SaehdTrainer trainer(options);
  GoldenBatch batch(2, 64);
  const std::vector<float> before = trainer.arena().weights().to_host();
  batch.poison_dst_target(1);
  try {
    trainer.step(batch.src(), batch.dst());
    FAIL() << "a NaN went through";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("dst sample 1"), std::string::npos) << e.what();
  }
  EXPECT_EQ(trainer.arena().weights().to_host(), before);
}

TEST(SaehdTrainer, ACheckpointOfAnotherNetworkIsRefused) {
  SaehdTrainOptions options;
  options.network = make_config("df", 64, 8, 4, 4, 2);
  options.batch_size = 1;
  SaehdTrainer trainer(options);
  const std::string path =
      (std::filesystem::temp_directory_path() / "diptych_other_test.safetensors").string();
  trainer.save(path, {});
  options.network.ae_dims = 10;
  SaehdTrainer other(options);
  EXPECT_THROW(other.load(path), InputError);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace diptych
