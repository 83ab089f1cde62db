// TensorBoard's record format against the vectors of its specification, and against the stock
// package when a Python with it is given.
// SPDX-License-Identifier: MIT
#include "apps/training/event_file.h"

#include <cstdlib>
#include <cstring>
#include <fstream>

#include <gtest/gtest.h>

#include "apps/test_project.h"
#include "faces/image/image.h"
#include "faces/image/test_folder.h"

namespace diptych {
namespace {

std::vector<uint8_t> bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0)), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  std::vector<uint8_t> rising(32);
  for (uint8_t i = 0; i < 32; ++i) rising[i] = i;
  EXPECT_EQ(crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(crc32c(bytes("123456789")), 0xe3069283u);
}

TEST(EventRecord, HoldsLengthEventAndChecksums) {
  const std::string record = event_record("abc");
  ASSERT_EQ(record.size(), 8u + 4 + 3 + 4);
  EXPECT_EQ(record[0], 3);
  uint32_t sum = 0;
  std::memcpy(&sum, record.data() + 15, 4);
  EXPECT_EQ(sum, masked_crc32c(bytes("abc")));
}

TEST(Event, ScalarHasTheBytesOfItsProtocolBuffer) {
  const std::string event = scalars_event(0.0, 300, {{"a", 1.0}});
  const std::string wanted = std::string("\x09\0\0\0\0\0\0\0\0", 9) +  // 1: wall_time
                             std::string("\x10\xac\x02", 3) +          // 2: step 300
                             std::string(
                                 "\x2a\x0a\x0a\x08\x0a\x01"
                                 "a"
                                 "\x15\0\0\x80\x3f",
                                 12);
  EXPECT_EQ(event, wanted);
}

constexpr const char* kReader = R"(
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={'images': 0, 'scalars': 0})
a.Reload()
s = a.Scalars('loss/src')
assert [(e.step, e.value) for e in s] == [(1, 0.5), (100000, 0.25)], s
i = a.Images('preview')
assert len(i) == 1 and i[0].width == 8 and i[0].height == 4, i
)";

TEST(EventFile, TheStockPackageReadsIt) {
  const std::optional<std::string> python = python_with("tensorboard");
  if (!python) GTEST_SKIP() << "no Python with tensorboard: set DIPTYCH_TEST_PYTHON to one";
  const TestFolder folder;
  {
    EventFile events(folder.path());
    events.scalars(1, {{"loss/src", 0.5}, {"loss/dst", 0.75}});
    events.scalars(100000, {{"loss/src", 0.25}});
    events.image(100000, "preview", {8, 4}, encode_png(cv::Mat::zeros(4, 8, CV_8UC3)));
  }
  const auto script = folder / "read.py";
  std::ofstream(script) << kReader;
  EXPECT_EQ(std::system(
                (*python + " " + script.string() + " " + folder.path().string() + " 2>&1").c_str()),
            0);
}

}  // namespace
}  // namespace diptych
