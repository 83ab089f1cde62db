// Lists of face ids: ranges, unknown ids, printing.
// SPDX-License-Identifier: MIT
#include "apps/exchange/face_ids.h"

#include <gtest/gtest.h>

#include "kernels/common/check.h"

namespace diptych {
namespace {

using Ids = std::vector<int64_t>;

TEST(FaceIds, ReadsIdsRangesAndCommas) {
  EXPECT_EQ(parse_face_ids({"3,1", "5-7"}, {1, 2, 3, 5, 6, 7, 8}, "x"), (Ids{1, 3, 5, 6, 7}));
}

TEST(FaceIds, RangeTakesWhatExists) {
  EXPECT_EQ(parse_face_ids({"2-100"}, {1, 5, 9}, "x"), (Ids{5, 9}));
}

TEST(FaceIds, UnknownIdIsNamed) {
  try {
    parse_face_ids({"4"}, {1, 5}, "a.faces");
    FAIL() << "no error";
  } catch (const InputError& e) {
    EXPECT_EQ(std::string(e.what()),
              "a.faces: there is no face 4. See diptych faces list for the ids");
  }
}

TEST(FaceIds, NonsenseIsRefused) {
  for (const char* text : {"x", "1-", "-3", "5-2", "1.5", "1--2", "99999999999999999999"})
    EXPECT_THROW(parse_face_ids({text}, {1, 2, 3, 5}, "x"), InputError) << text;
}

TEST(FaceIds, PrintsRuns) {
  EXPECT_EQ(format_face_ids({9, 3, 4, 5, 12, 13}), "3-5, 9, 12, 13");
  EXPECT_EQ(format_face_ids({}), "");
}

}  // namespace
}  // namespace diptych
