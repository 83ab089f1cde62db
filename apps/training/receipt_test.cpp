// Receipts: a run repeats bit for bit, and a difference is found.
// SPDX-License-Identifier: MIT
#include "apps/training/receipt.h"

#include <fstream>
#include <iomanip>
#include <sstream>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "apps/training/provoke.h"
#include "apps/training/train_session.h"
#include "faces/image/test_folder.h"
#include "tensor/hash.h"

namespace diptych {
namespace {

class ReceiptTest : public ::testing::Test {
 protected:
  void train(int64_t iterations) {
    TrainRequest request;
    request.settings = project.settings();
    request.iterations = iterations;
    TrainSession(project, request).run();
  }

  RunResult verify() { return run_program({"verify-run", project.dir().string()}, folder.path()); }

  std::filesystem::path file() { return project.run("main") / "receipt.json"; }

  TestFolder folder;
  Project project = make_project(folder / "p");
};

// The digest of a flat buffer as it lies in memory.
std::string digest_of(const std::vector<float>& flat) {
  Xxh64 hash;
  const uint64_t count = flat.size();
  hash.update(&count, sizeof count);
  hash.update(flat.data(), flat.size() * sizeof(float));
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << hash.digest();
  return text.str();
}

SaehdTrainOptions with_mask_dims(int d_mask_dims) {
  SaehdTrainOptions options;
  options.network.resolution = 64;
  options.network.ae_dims = 8;
  options.network.e_dims = options.network.d_dims = 8;
  options.network.d_mask_dims = d_mask_dims;
  options.batch_size = 1;
  return options;
}

TEST(WeightsDigest, IsOfTheBufferWhereMemoryAddsNothing) {
  SaehdTrainer trainer(with_mask_dims(8));
  EXPECT_EQ(weights_digest(trainer), digest_of(trainer.arena().weights().to_host()));
}

// Zeros that memory adds between a parameter's values change nothing; a value does.
TEST(WeightsDigest, IsOfTheValuesWhereMemoryAddsZeros) {
  SaehdTrainer trainer(with_mask_dims(6));
  std::vector<float> flat;
  for (const NamedParameter& p : trainer.arena().list()) {
    for (const float value : p.parameter->values().to_host()) flat.push_back(value);
    while (flat.size() % 32) flat.push_back(0);
  }
  ASSERT_LT(static_cast<int64_t>(flat.size()), trainer.arena().size());
  EXPECT_EQ(weights_digest(trainer), digest_of(flat));
  trainer.arena().weights().as<float>()[0] += 1;
  EXPECT_NE(weights_digest(trainer), digest_of(flat));
}

TEST_F(ReceiptTest, ARunRepeatsBitForBit) {
  train(3);
  const Receipt receipt = read_receipt(file());
  ASSERT_TRUE(receipt.replay);
  EXPECT_EQ(receipt.replay->losses.size(), 3u);
  EXPECT_EQ(receipt.iteration, 3);
  EXPECT_GT(receipt.ms_per_iteration, 0);
  const RunResult result = verify();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("bit for bit"), std::string::npos) << result.out;
}

TEST_F(ReceiptTest, GoingOnKeepsTheBeginning) {
  train(2);
  const Receipt before = read_receipt(file());
  train(1);
  const Receipt after = read_receipt(file());
  EXPECT_EQ(after.iteration, 3);
  ASSERT_TRUE(after.replay);
  EXPECT_EQ(after.replay->losses, before.replay->losses);
  EXPECT_EQ(after.replay->weights, before.replay->weights);
}

TEST_F(ReceiptTest, OtherBitsAreFound) {
  train(2);
  Receipt receipt = read_receipt(file());
  receipt.replay->losses[1][0] = receipt.replay->losses[1][0] == '0' ? '1' : '0';
  std::ofstream(file()) << to_json(receipt);
  const RunResult result = verify();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("the losses of iteration 2 are not"), std::string::npos) << result.err;
}

TEST_F(ReceiptTest, ChangedFacesAreFound) {
  train(1);
  Faceset faces = Faceset::open(project.faces(Side::kDst).string());
  faces.set_state({faces.ids().front()}, FaceState::kTrash);
  const RunResult result = verify();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("dst.faces"), std::string::npos) << result.err;
}

TEST_F(ReceiptTest, ARescuedBeginningCannotBeRepeated) {
  TrainRequest request;
  request.settings = project.settings();
  request.iterations = 2;
  request.disturb = [](SaehdTrainer& trainer, int64_t attempt) {
    if (attempt == 1) provoke(trainer, "nan");
  };
  TrainSession(project, request).run();
  const RunResult result = verify();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("in trouble at iteration 2"), std::string::npos) << result.err;
}

TEST_F(ReceiptTest, WhatIsNotAReceiptIsRefused) {
  std::filesystem::create_directories(project.run("main"));
  std::ofstream(file()) << "{\"format\":1}";
  EXPECT_THROW(read_receipt(file()), InputError);
  std::ofstream(file()) << "no";
  EXPECT_THROW(read_receipt(file()), InputError);
}

}  // namespace
}  // namespace diptych
