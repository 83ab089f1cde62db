// Pickles of data: what Python and NumPy write is read, what is written reads back.
// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tensor/pickle/pickle_writer.h"
#include "tensor/pickle/test_pickle.h"

namespace diptych {
namespace {

PickleDocument reread(PickleWriter& writer) {
  PickleOptions options;
  options.name = "written";
  return read_pickle(writer.take(), options);
}

TEST(Pickle, AValueTakesTwoWords) {
  EXPECT_EQ(sizeof(PickleValue), 16u);
}

TEST(Pickle, IntsOfEveryWidth) {
  const PickleDocument d = read_opcodes(
      "(K\xff"
      "M\xff\xff"
      "J\xff\xff\xff\xff"
      "\x8a\x01\x80" +
      std::string("\x8a\x00", 2) + "\x8a\x08" + little(1, 7) + "\x80" + "t.");
  const auto v = d.root().items();
  ASSERT_EQ(v.size(), 6u);
  EXPECT_EQ(v[0].integer(), 255);
  EXPECT_EQ(v[1].integer(), 65535);
  EXPECT_EQ(v[2].integer(), -1);
  EXPECT_EQ(v[3].integer(), -128);
  EXPECT_EQ(v[4].integer(), 0);
  EXPECT_EQ(v[5].integer(), std::numeric_limits<int64_t>::min() + 1);
}

TEST(Pickle, FloatsAreBigEndian) {
  EXPECT_EQ(read_opcodes(std::string("G\x3f\xf8\0\0\0\0\0\0.", 10)).root().number(), 1.5);
}

TEST(Pickle, AValueRememberedIsShared) {
  // A list put into the memo, then filled: both places see the items.
  const PickleDocument d = read_opcodes(
      "(]\x94K\x01"
      "ah" +
      std::string(1, '\0') + "t.");
  const auto v = d.root().items();
  ASSERT_EQ(v.size(), 2u);
  EXPECT_EQ(v[1].items()[0].integer(), 1);
}

TEST(Pickle, TheLastOfEqualKeysCounts) {
  const PickleDocument d = read_opcodes("}(" + text("a") + "K\x01" + text("a") + "K\x02u.");
  EXPECT_EQ(d.root().find("a")->integer(), 2);
  EXPECT_EQ(d.root().find("b"), nullptr);
}

TEST(Pickle, AWrongKindIsNamed) {
  const PickleDocument d = read_opcodes("].");
  try {
    d.root().number();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "expected a number, found a list");
  }
}

TEST(Pickle, BytesBehindTheEndAreCounted) {
  EXPECT_EQ(read_opcodes("N.junk").trailing_bytes(), 4u);
}

TEST(Pickle, WrittenValuesReadBack) {
  PickleWriter w;
  w.begin_dict();
  w.string("ints").begin_list();
  for (const int64_t i : {int64_t{0}, int64_t{255}, int64_t{256}, int64_t{-1}, int64_t{1} << 40})
    w.integer(i);
  w.end_list();
  w.string("real").real(-0.125);
  w.string("none").none();
  w.string("yes").boolean(true);
  w.string("text").string("\xc3\xa4");
  w.string("pair").begin_tuple().integer(1).string("x").end_tuple();
  w.end_dict();
  const PickleDocument d = reread(w);
  const PickleValue& root = d.root();
  EXPECT_EQ(root.find("ints")->items()[4].integer(), int64_t{1} << 40);
  EXPECT_EQ(root.find("ints")->items()[3].integer(), -1);
  EXPECT_EQ(root.find("real")->number(), -0.125);
  EXPECT_TRUE(root.find("none")->is_none());
  EXPECT_TRUE(root.find("yes")->boolean());
  EXPECT_EQ(root.find("text")->string(), "\xc3\xa4");
  EXPECT_EQ(root.find("pair")->kind(), PickleKind::kTuple);
}

TEST(Pickle, WrittenArraysReadBack) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const int64_t shape[] = {2, 3};
  PickleWriter w(4);
  w.begin_dict().string("w").array(shape, values).string("n").numpy_integer(-5).end_dict();
  const PickleDocument d = reread(w);
  const PickleArray& a = d.root().find("w")->array();
  EXPECT_EQ(a.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(floats_of(a), values);
  EXPECT_EQ(d.root().find("n")->integer(), -5);
}

TEST(Pickle, AWrittenEnumReadsBack) {
  PickleWriter w(4);
  w.enumeration("facelib.FaceType", "FaceType", 4);
  const PickleDocument d = reread(w);
  EXPECT_EQ(d.root().enumeration().type, "FaceType");
  EXPECT_EQ(d.root().enumeration().value, 4);
}

TEST(Pickle, WhatWasReadIsWrittenBack) {
  const std::vector<double> values = {1.5, -2};
  const int64_t shape[] = {2};
  PickleWriter first;
  first.begin_dict().string("a").array(shape, values).string("l").begin_list().real(1).none();
  first.end_list().end_dict();
  const std::vector<uint8_t> bytes = first.take();
  PickleOptions options;
  options.name = "first";
  const PickleDocument d = read_pickle(bytes, options);
  PickleWriter second;
  second.value(d.root());
  EXPECT_EQ(second.take(), bytes);
}

// numpy.asfortranarray([[1, 2, 3], [4, 5, 6]]) in big-endian 16-bit ints.
TEST(Pickle, ColumnsFirstAndBigEndianAreTurned) {
  const std::string dtype = "cnumpy\ndtype\n(" + text("i2") + "\x89\x88t" + "R(K\x03" + text(">") +
                            "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') + "tb";
  const std::string data({0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6});
  const std::string zero(1, '\0');
  const PickleDocument d =
      read_opcodes("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK" + zero + "\x85" +
                   "C\x01" + "btR(K\x01K\x02K\x03\x86" + dtype + "\x88" + "C\x0c" + data + "tb.");
  EXPECT_EQ(floats_of(d.root().array()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(Pickle, HalfFloatsAreExact) {
  const uint8_t elements[] = {0x00, 0x3c, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xfc, 0x00, 0xc0};
  const int64_t shape[] = {5};
  PickleWriter w;
  w.array("f2", shape, elements);
  const PickleDocument d = reread(w);
  const std::vector<float> v = floats_of(d.root().array());
  EXPECT_EQ(v[0], 1.0f);
  EXPECT_EQ(v[1], std::ldexp(1.0f, -24));
  EXPECT_EQ(v[2], 65504.0f);
  EXPECT_EQ(v[3], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(v[4], -2.0f);
}

TEST(PickleNumbers, ListsOfListsAreAMatrix) {
  const PickleDocument d = read_opcodes(
      "](](K\x01K\x02"
      "e](K\x03K\x04"
      "ee.");
  const PickleNumbers n = numbers_of(d.root(), 100);
  EXPECT_EQ(n.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(n.values, (std::vector<double>{1, 2, 3, 4}));
}

TEST(PickleNumbers, RaggedListsAreRefused) {
  const PickleDocument d = read_opcodes(
      "](](K\x01K\x02"
      "e](K\x03"
      "ee.");
  EXPECT_THROW(numbers_of(d.root(), 100), Error);
}

TEST(PickleNumbers, TooManyAreRefused) {
  const PickleDocument d = read_opcodes(
      "](K\x01K\x02K\x03"
      "e.");
  EXPECT_THROW(numbers_of(d.root(), 2), Error);
}

TEST(PickleWriter, AHalfValueIsRefused) {
  PickleWriter w;
  w.begin_dict().string("key");
  EXPECT_THROW(w.end_dict(), Error);
  PickleWriter open;
  open.begin_list();
  EXPECT_THROW(open.take(), Error);
}

}  // namespace
}  // namespace diptych
