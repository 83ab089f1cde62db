// Packs that are damaged or made to harm.
// SPDX-License-Identifier: MIT
#include "faces/dfl/pak.h"

#include <cstring>

#include "faces/dfl/test_dfl.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

void put64(std::vector<uint8_t>& bytes, size_t at, uint64_t value) {
  std::memcpy(bytes.data() + at, &value, 8);
}

uint64_t get64(const std::vector<uint8_t>& bytes, size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, 8);
  return value;
}

class DflPakFile : public ::testing::Test {
 protected:
  void SetUp() override {
    DflPakWriter writer(folder / "a.pak");
    for (int i = 0; i < 3; ++i)
      writer.add(str("f", i, ".jpg"), i == 2 ? "Ann" : "", test_metadata(i), 64, test_dfl_jpeg(i));
    writer.finish();
    bytes = file_bytes(folder / "a.pak");
    table = 16 + get64(bytes, 8);
  }

  std::string error_with(const std::vector<uint8_t>& changed) {
    write_bytes(folder / "b.pak", changed);
    return input_error_of([&] { DflPak::open(folder / "b.pak"); });
  }

  TestFolder folder;
  std::vector<uint8_t> bytes;
  size_t table = 0;
};

TEST_F(DflPakFile, ReadsBackInOrder) {
  const DflPak pak = DflPak::open(folder / "a.pak");
  ASSERT_EQ(pak.entries().size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pak.read(i), test_dfl_jpeg(static_cast<int>(i)));
    EXPECT_EQ(pak.entries()[i].fault, "");
  }
  EXPECT_EQ(pak.entries()[2].person, "Ann");
  EXPECT_EQ(folder.entries(), 1);  // no file aside is left
}

TEST_F(DflPakFile, TheLastOffsetIsTheFilesEnd) {
  EXPECT_EQ(get64(bytes, table + 24), bytes.size());
  std::vector<uint8_t> relative = bytes;  // a writer may count it like the others
  put64(relative, table + 24, bytes.size() - table - 32);
  EXPECT_EQ(error_with(relative), "");
  EXPECT_EQ(DflPak::open(folder / "b.pak").read(2), test_dfl_jpeg(2));
}

TEST_F(DflPakFile, AnEmptyPackHasNoEntries) {
  DflPakWriter writer(folder / "c.pak");
  writer.finish();
  EXPECT_TRUE(DflPak::open(folder / "c.pak").entries().empty());
}

TEST_F(DflPakFile, OffsetsOutOfTheFileAreRefused) {
  for (const uint64_t offset : {uint64_t{1} << 63, uint64_t{bytes.size()}, ~uint64_t{0}}) {
    std::vector<uint8_t> changed = bytes;
    put64(changed, table + 8, offset);
    EXPECT_NE(error_with(changed).find("is said to lie at bytes"), std::string::npos) << offset;
  }
}

TEST_F(DflPakFile, OffsetsThatRunBackwardsAreRefused) {
  std::vector<uint8_t> changed = bytes;
  put64(changed, table + 8, get64(bytes, table + 16));
  put64(changed, table + 16, get64(bytes, table + 8));
  EXPECT_NE(error_with(changed).find("is said to lie"), std::string::npos);
}

TEST_F(DflPakFile, WrongVersionsAndLengthsAreRefused) {
  std::vector<uint8_t> changed = bytes;
  put64(changed, 0, 2);
  EXPECT_NE(error_with(changed).find("version 1"), std::string::npos);
  for (const uint64_t length : {~uint64_t{0}, uint64_t{bytes.size()}, uint64_t{1} << 40}) {
    changed = bytes;
    put64(changed, 8, length);
    EXPECT_NE(error_with(changed), "") << length;
  }
  EXPECT_NE(error_with({}).find("too short"), std::string::npos);
}

TEST_F(DflPakFile, EveryCutBeforeThePicturesIsRefused) {
  for (size_t n = 0; n < table + 32; n += 61) {
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_NE(error_with(cut), "") << n;
  }
}

TEST_F(DflPakFile, NamesThatLeaveTheFolderAreRefused) {
  for (const char* name : {"../f.jpg", "/etc/passwd", "a\\b.jpg", ".."}) {
    fs::remove(folder / "d.pak");
    DflPakWriter writer(folder / "d.pak");
    writer.add(name, "", test_metadata(), 64, test_dfl_jpeg());
    writer.finish();
    EXPECT_NE(input_error_of([&] { DflPak::open(folder / "d.pak"); }).find("plain file name"),
              std::string::npos)
        << name;
  }
}

TEST_F(DflPakFile, AListThatCallsSomethingIsRefused) {
  const std::string evil =
      "\x80\x04"
      "]\x94"
      "cos\nsystem\n\x8c\x04true\x85R\x61.";
  std::vector<uint8_t> changed(16);
  put64(changed, 0, 1);
  put64(changed, 8, evil.size());
  changed.insert(changed.end(), evil.begin(), evil.end());
  changed.resize(changed.size() + 16);
  EXPECT_NE(error_with(changed).find("os.system"), std::string::npos);
}

}  // namespace
}  // namespace diptych
