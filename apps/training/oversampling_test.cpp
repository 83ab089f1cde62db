// Oversampling: how losses become repeats, and that a run which was stopped goes on as if not.
// SPDX-License-Identifier: MIT
#include "apps/training/oversampling.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "apps/training/receipt.h"
#include "apps/training/train_session.h"
#include "faces/faceset/face_loss.h"
#include "faces/image/test_folder.h"
#include "kernels/common/check.h"

namespace diptych {
namespace {

// Losses 1.00, 1.01, ... and one of 3.
std::vector<FaceLoss> losses_of(int count) {
  std::vector<FaceLoss> losses;
  for (int i = 0; i < count; ++i) losses.push_back({i, 100, 1 + 0.01 * i});
  losses[3].mean = 3;
  return losses;
}

TEST(Repeats, TheWorstComesMostOftenAndTheBetterHalfOnce) {
  const std::vector<int> repeats = repeats_of(losses_of(20), 5, 16);
  EXPECT_EQ(repeats[3], 5);
  EXPECT_EQ(repeats[0], 1);
  EXPECT_EQ(repeats[9], 1);
  EXPECT_TRUE(std::is_sorted(repeats.begin() + 4, repeats.end()));
}

TEST(Repeats, FacesSeenTooSeldomComeOnce) {
  std::vector<FaceLoss> losses = losses_of(20);
  losses[3].count = 15;
  EXPECT_EQ(repeats_of(losses, 5, 16)[3], 1);
}

TEST(Repeats, AnEvenlyLearntSetStaysEven) {
  std::vector<FaceLoss> losses;
  for (int i = 0; i < 40; ++i) losses.push_back({i, 100, 1 + 0.0005 * i});
  const std::vector<int> repeats = repeats_of(losses, 4, 16);
  EXPECT_EQ(*std::max_element(repeats.begin(), repeats.end()), 1);
}

TEST(Repeats, FewFacesAndOffAreLeftAlone) {
  EXPECT_EQ(repeats_of({{1, 100, 1}, {2, 100, 9}}, 5, 16), (std::vector<int>{1, 1}));
  const std::vector<int> off = repeats_of(losses_of(20), 1, 16);
  EXPECT_EQ(std::accumulate(off.begin(), off.end(), 0), 20);
}

TEST(Oversampling, StateReadsBackExactly) {
  Oversampling a(4, 10, {7, 5, 9}, {1});
  a.add(Side::kSrc, {5, 9, 5, 42}, {0.1f, 0.7f, 1.0f / 3, 1});
  Oversampling b(4, 10, {5, 7, 9}, {1});
  EXPECT_TRUE(b.restore(Side::kSrc, a.state(Side::kSrc)));
  b.add(Side::kSrc, {5}, {0.3f});
  a.add(Side::kSrc, {5}, {0.3f});
  const auto words = [](std::string text) {
    std::replace(text.begin(), text.end(), ' ', '\n');
    std::sort(text.begin(), text.end());
    return text;
  };
  EXPECT_EQ(words(a.state(Side::kSrc)), words(b.state(Side::kSrc)));
  EXPECT_FALSE(Oversampling(5, 10, {5, 7, 9}, {1}).restore(Side::kSrc, a.state(Side::kSrc)));
}

TEST(Oversampling, DamagedStateIsPassedOver) {
  Oversampling a(4, 10, {5, 7}, {1});
  for (const char* text :
       {"", "4 5", "4 5 x 1 1", "4 99 3 0.5 2", "4 5 -1 0.5 2", "4 5 3 0.5 -7"}) {
    a.restore(Side::kSrc, text);
    EXPECT_EQ(a.repeats(Side::kSrc), (std::vector<int>{1, 1})) << text;
  }
}

TEST(Oversampling, ReviewsAreDueByTheIteration) {
  const Oversampling a(2, 10, {1}, {1});
  EXPECT_EQ(a.next_review(0), 10);
  EXPECT_EQ(a.next_review(10), 20);
  EXPECT_TRUE(a.due(20));
  EXPECT_FALSE(a.due(0) || a.due(19));
  EXPECT_EQ(Oversampling(1, 10, {1}, {1}).next_review(3), 0);
}

class OversampledTraining : public ::testing::Test {
 protected:
  // A project with a network of one iteration and faces of which one is learnt badly.
  Project project(const std::string& name) const {
    const Project p = make_project(folder / name, 8);
    train(p, 1, "1");
    for (const Side side : kSides) {
      Faceset faces = Faceset::open(p.faces(side).string());
      for (int64_t id = 1; id <= 8; ++id) faces.add_loss(id, kLossMemory, id == 5 ? 9.0 : 1.0);
    }
    return p;
  }

  // Trains and returns the weights' checksum.
  static std::string train(const Project& p, int64_t iterations, const std::string& most = "6") {
    TrainRequest request;
    request.settings = p.settings();
    request.settings.assign("batch_size=8", "test");
    request.settings.assign("oversample_worst=" + most, "test");
    request.iterations = iterations;
    request.review_every = 3;
    TrainSession session(p, request);
    session.run();
    return weights_digest(session.trainer());
  }

  TestFolder folder;
};

TEST_F(OversampledTraining, StoppingBeforeAndAfterAReviewChangesNoBit) {
  const std::string whole = train(project("a"), 5);
  const Project parts = project("b");
  train(parts, 1);
  train(parts, 2);
  EXPECT_EQ(train(parts, 2), whole);
  EXPECT_NE(train(project("c"), 5, "1"), whole);
}

TEST_F(OversampledTraining, ANetworkTrainedWithoutItStartsFromTheFacesets) {
  const Project p = project("a");
  EXPECT_EQ(Safetensors::open(p.checkpoint().string()).metadata().count("oversampling_src"), 0u);
  train(p, 1);
  Oversampling known(6, 3, {1, 2, 3, 4, 5, 6, 7, 8}, {1});
  const Metadata metadata = Safetensors::open(p.checkpoint().string()).metadata();
  EXPECT_TRUE(known.restore(Side::kSrc, metadata.at("oversampling_src")));
  EXPECT_EQ(known.repeats(Side::kSrc), (std::vector<int>{1, 1, 1, 1, 6, 1, 1, 1}));
}

}  // namespace
}  // namespace diptych
