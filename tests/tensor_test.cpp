// Tests of tensors, gradient slots, the allocator and safetensors files.
// SPDX-License-Identifier: MIT
#include "tensor/tensor.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tensor/allocator.h"
#include "tensor/hash.h"
#include "tensor/ops.h"
#include "tensor/safetensors.h"
#include "tensor/tape.h"

namespace diptych {
namespace {

namespace fs = std::filesystem;

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (fs::temp_directory_path() / "diptych-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }

  ~TempFolder() { fs::remove_all(path_); }

  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

uint64_t xxh64(const std::string& text) {
  Xxh64 hash;
  hash.update(text.data(), text.size());
  return hash.digest();
}

TEST(Hash, MatchesKnownAnswersOfXxh64) {
  EXPECT_EQ(xxh64(""), 0xef46db3751d8e999u);
  EXPECT_EQ(xxh64("abc"), 0x44bc2cf5ad770999u);
}

TEST(Hash, PiecesGiveTheSameDigestAsOneBlock) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 31);
  Xxh64 pieces;
  for (size_t at = 0, step = 1; at < text.size(); at += step, step = step % 37 + 1) {
    pieces.update(text.data() + at, std::min(step, text.size() - at));
  }
  EXPECT_EQ(pieces.digest(), xxh64(text));
}

TEST(Allocator, ReusesBlocksAndCountsLiveAndPeak) {
  const size_t before = allocator_stats().live_bytes;
  reset_allocator_peak();
  void* first = nullptr;
  {
    const auto block = allocate(100000);
    first = block.get();
    EXPECT_GE(allocator_stats().live_bytes, before + 100000);
  }
  EXPECT_EQ(allocator_stats().live_bytes, before);
  EXPECT_GE(allocator_stats().peak_bytes, before + 100000);
  EXPECT_EQ(allocate(100000).get(), first);
}

TEST(Tensor, ReshapeSharesDataAndRefusesAnotherSize) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const Tensor a = Tensor::from(values, {2, 3});
  EXPECT_EQ(a.reshape({3, 2}).data(), a.data());
  EXPECT_THROW(a.reshape({4, 2}), Error);
}

TEST(Tape, GradientsOfASharedInputAddUp) {
  const std::vector<float> values = {1, -2, 3};
  Tensor a = Tensor::from(values, {1, 1, 1, 3});
  a.set_needs_grad(true);
  const Tensor y = add(add(a, a), a);
  const Tensor roots[] = {y};
  backward(roots);
  EXPECT_EQ(a.grad().to_host(), (std::vector<float>{3, 3, 3}));
}

TEST(Tape, NothingIsRecordedUnderNoGrad) {
  Tensor a = Tensor::full({1, 1, 1, 2}, 1.0f);
  a.set_needs_grad(true);
  const NoGrad no_grad;
  EXPECT_FALSE(add(a, a).needs_grad());
}

TEST(Tape, SlicesSendTheirGradientToTheirRows) {
  Tensor x = Tensor::full({4, 1, 1, 2}, 1.0f);
  x.set_needs_grad(true);
  const Tensor tail = slice_batch(x, 3, 4);
  const Tensor y = add(tail, tail);
  const Tensor roots[] = {y};
  backward(roots);
  EXPECT_EQ(x.grad().to_host(), (std::vector<float>{0, 0, 0, 0, 0, 0, 2, 2}));
}

class SafetensorsTest : public ::testing::Test {
 protected:
  void save(const std::string& path, float first) {
    const std::vector<float> values = {first, 2, 3, 4, 5, 6};
    const Tensor a = Tensor::from(values, {2, 3});
    const Tensor b = Tensor::from(values, {6}, DType::kBF16);
    save_safetensors(path, {{"a", a}, {"b/weight", b}},
                     {{"note", "line \"one\"\n\x01 \\ \xc3\xa4"}, {"n", "7"}});
  }

  TempFolder folder_;
};

TEST_F(SafetensorsTest, RoundTripKeepsValuesShapesAndText) {
  const std::string path = folder_.file("x.safetensors");
  save(path, 1);
  const Safetensors file = Safetensors::open(path);
  EXPECT_TRUE(file.has_checksum());
  EXPECT_EQ(file.metadata().at("note"), "line \"one\"\n\x01 \\ \xc3\xa4");
  const Tensor a = Tensor::empty({2, 3}), b = Tensor::empty({6}, DType::kBF16);
  file.read("a", a);
  file.read("b/weight", b);
  EXPECT_EQ(a.to_host(), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(b.to_host(), a.to_host());
}

TEST_F(SafetensorsTest, AnyFlippedByteIsFound) {
  const std::string path = folder_.file("x.safetensors");
  save(path, 1);
  const std::string good = read_all(path);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    write_all(path, bad);
    EXPECT_THROW(Safetensors::open(path), InputError) << "byte " << i;
  }
}

TEST_F(SafetensorsTest, AnyTruncationIsFound) {
  const std::string path = folder_.file("x.safetensors");
  save(path, 1);
  const std::string good = read_all(path);
  for (size_t size = 0; size < good.size(); ++size) {
    write_all(path, good.substr(0, size));
    EXPECT_THROW(Safetensors::open(path), InputError) << "size " << size;
  }
}

TEST_F(SafetensorsTest, ThePreviousFileIsKept) {
  const std::string path = folder_.file("x.safetensors");
  save(path, 1);
  const std::string first = read_all(path);
  save(path, 10);
  EXPECT_EQ(read_all(path + ".prev"), first);
  EXPECT_NE(read_all(path), first);
  EXPECT_FALSE(fs::exists(path + ".tmp"));
}

TEST_F(SafetensorsTest, ADamagedFileNamesTheOneKeptBesideIt) {
  const std::string path = folder_.file("x.safetensors");
  const auto message = [&] {
    write_all(path, "garbage");
    try {
      Safetensors::open(path);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  save(path, 1);
  EXPECT_EQ(message().find(".prev"), std::string::npos) << message();
  fs::remove(path);
  save(path, 1);
  save(path, 2);
  EXPECT_NE(message().find(path + ".prev"), std::string::npos) << message();
}

TEST_F(SafetensorsTest, AFailedSaveLeavesTheOldFile) {
  const std::string path = folder_.file("x.safetensors");
  save(path, 1);
  const std::string first = read_all(path);
  fs::create_directory(path + ".tmp");  // the file written aside cannot be made
  EXPECT_THROW(save(path, 2), InputError);
  EXPECT_EQ(read_all(path), first);
}

TEST_F(SafetensorsTest, AFullDiskIsReportedWithARemedy) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  const std::string path = folder_.file("x.safetensors");
  fs::create_symlink("/dev/full", path + ".tmp");
  try {
    save(path, 1);
    FAIL() << "writing to a full disk succeeded";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("Free some space"), std::string::npos) << e.what();
  }
}

TEST_F(SafetensorsTest, SizesWhoseProductOverflowsAreRefused) {
  // 2^39 * 2^25 is 2^64: nothing at all, in 64 bits.
  for (const char* shape :
       {"549755813888,33554432", "549755813888,549755813888,0", "0,549755813888,549755813888"}) {
    const std::string path = folder_.file("x.safetensors");
    const std::string header =
        str("{\"a\":{\"dtype\":\"F32\",\"shape\":[", shape, "],\"data_offsets\":[0,0]}}");
    const uint64_t size = header.size();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(&size), 8)
        .write(header.data(), static_cast<std::streamsize>(size));
    try {
      Safetensors::open(path);
      FAIL() << "no error for " << shape;
    } catch (const InputError& e) {
      EXPECT_NE(std::string(e.what()).find("tensor a is too large"), std::string::npos) << e.what();
    }
  }
}

TEST_F(SafetensorsTest, ReadingAnotherShapeNamesBoth) {
  const std::string path = folder_.file("x.safetensors");
  save(path, 1);
  const Safetensors file = Safetensors::open(path);
  const Tensor wrong = Tensor::empty({3, 2});
  try {
    file.read("a", wrong);
    FAIL() << "a wrong shape was read";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("(2,3)"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("(3,2)"), std::string::npos);
  }
}

}  // namespace
}  // namespace diptych
