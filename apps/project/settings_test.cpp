// Settings: parsing, ranges, suggestions, TOML text.
// SPDX-License-Identifier: MIT
#include "apps/project/settings.h"

#include <set>

#include <gtest/gtest.h>

#include "kernels/common/check.h"

namespace diptych {
namespace {

std::string error_of(const std::string& pair) {
  Settings settings;
  try {
    settings.assign(pair, "--set");
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(Settings, DefaultsAreLegal) {
  Settings settings;
  settings.validate("defaults");
  for (const SettingKey& key : setting_keys()) {
    Settings fresh;
    fresh.set(key.full(), std::string(key.fallback), "default");
    EXPECT_EQ(fresh.toml_value(key.full()), settings.toml_value(key.full()));
  }
}

TEST(Settings, NamesAreUniqueInTheirSection) {
  std::set<std::string> names;
  for (const SettingKey& key : setting_keys()) EXPECT_TRUE(names.insert(key.full()).second);
}

TEST(Settings, AssignmentChangesTheValue) {
  Settings settings;
  settings.assign("resolution=96", "--set");
  settings.assign("random-warp = off", "--set");
  settings.assign("learning_rate=1e-4", "--set");
  settings.assign("archi=df-ud", "--set");
  EXPECT_EQ(settings.integer("train.resolution"), 96);
  EXPECT_FALSE(settings.on("train.random_warp"));
  EXPECT_EQ(settings.real("train.learning_rate"), 1e-4);
  EXPECT_EQ(settings.word("train.archi"), "df-ud");
}

TEST(Settings, BareNameMeansTheTrainKeyFirst) {
  Settings settings;
  settings.assign("face_type=f", "--set");
  settings.assign("extract.face_type=head", "--set");
  settings.assign("mode=seamless", "--set");
  EXPECT_EQ(settings.word("train.face_type"), "f");
  EXPECT_EQ(settings.word("extract.face_type"), "head");
  EXPECT_EQ(settings.word("merge.mode"), "seamless");
}

TEST(Settings, UnknownKeyNamesTheNearest) {
  const std::string error = error_of("batchsize=4");
  EXPECT_NE(error.find("--set: unknown key batchsize"), std::string::npos) << error;
  EXPECT_NE(error.find("Did you mean batch_size?"), std::string::npos) << error;
  EXPECT_NE(error.find("uniform_yaw"), std::string::npos) << error;
}

TEST(Settings, HiddenKeysAreNotListed) {
  EXPECT_EQ(error_of("batchsize=4").find("save_every_iters"), std::string::npos);
}

TEST(Settings, ValueOutOfRangeNamesRangeAndNearest) {
  EXPECT_EQ(error_of("resolution=100"),
            "--set: train.resolution = 100 is not legal. Use a multiple of 16 from 64 to 640, "
            "nearest is 96");
  EXPECT_NE(error_of("random_hsv_power=0.5").find("from 0 to 0.3, nearest is 0.3"),
            std::string::npos);
}

TEST(Settings, ValuesOfTheWrongKindAreRefused) {
  EXPECT_NE(error_of("batch_size=four").find("a whole number from 1 to 512"), std::string::npos);
  EXPECT_NE(error_of("batch_size=4.5").find("is not legal"), std::string::npos);
  EXPECT_NE(error_of("random_warp=maybe").find("on or off"), std::string::npos);
  EXPECT_NE(error_of("learning_rate=nan").find("is not legal"), std::string::npos);
  EXPECT_NE(error_of("archi=gan").find("df or liae"), std::string::npos);
  EXPECT_NE(error_of("resolution").find("is not key=value"), std::string::npos);
}

TEST(Settings, UnknownWordNamesTheNearest) {
  EXPECT_NE(error_of("merge.mode=seemless").find("nearest is seamless"), std::string::npos);
}

TEST(Settings, ResolutionMustSuitTheArchitecture) {
  Settings settings;
  settings.assign("resolution=112", "--set");
  settings.assign("archi=df", "--set");
  EXPECT_NO_THROW(settings.validate("--set"));
  settings.assign("archi=df-d", "--set");
  try {
    settings.validate("--set");
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("multiple of 32"), std::string::npos) << e.what();
  }
}

TEST(Settings, TomlHasHelpRangesAndValues) {
  Settings settings;
  const std::string text = settings.toml_section("train", true);
  EXPECT_NE(text.find("# a multiple of 16 from 64 to 640; fixed once the model exists\n"
                      "resolution = 128\n"),
            std::string::npos);
  EXPECT_NE(text.find("learning_rate = 5e-05\n"), std::string::npos);
  EXPECT_NE(text.find("adabelief = true\n"), std::string::npos);
  EXPECT_EQ(text.find("save_every_iters"), std::string::npos);
}

TEST(Settings, NearestWordGivesUpOnStrangers) {
  const std::vector<std::string> words = {"resolution", "seed"};
  EXPECT_EQ(nearest_word("resolutoin", words), "resolution");
  EXPECT_EQ(nearest_word("zzzzzz", words), "");
}

}  // namespace
}  // namespace diptych
