// Pickles made to harm: nothing runs, nothing grows, every one ends in a message.
// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernels/common/check.h"
#include "tensor/pickle/test_pickle.h"

namespace diptych {
namespace {

const std::string kZero(1, '\0');

void expect_refused(const std::string& opcodes, const std::string& cause, bool lenient = false) {
  const std::string message = error_of(opcodes, lenient);
  EXPECT_NE(message.find(cause), std::string::npos) << cause << " in: " << message;
  EXPECT_EQ(message.rfind("test.pickle: ", 0), 0u) << message;
}

class HostileName : public ::testing::TestWithParam<const char*> {};

TEST_P(HostileName, IsRefusedAndNotRun) {
  const std::string name = GetParam();
  const size_t dot = name.rfind('.');
  const std::string module = name.substr(0, dot), member = name.substr(dot + 1);
  for (const bool lenient : {false, true}) {
    expect_refused("c" + module + "\n" + member + "\n(" + text("true") + "tR.", name, lenient);
    expect_refused(text(module) + text(member) + "\x93(" + text("true") + "tR.", name, lenient);
  }
}

INSTANTIATE_TEST_SUITE_P(Names,
                         HostileName,
                         ::testing::Values("os.system",
                                           "posix.system",
                                           "nt.system",
                                           "builtins.eval",
                                           "builtins.exec",
                                           "__builtin__.eval",
                                           "subprocess.Popen",
                                           "builtins.__import__",
                                           "importlib.import_module",
                                           "ctypes.CDLL",
                                           "operator.attrgetter",
                                           "functools.partial"));

TEST(Hostile, GetattrReachesNothingButEnums) {
  const std::string getattr = text("builtins") + text("getattr") + "\x93";
  EXPECT_EQ(error_of(getattr + "(" + text("facelib.FaceType") + text("FaceType") + "\x93" +
                     text("HEAD") + "tR."),
            "");
  expect_refused(
      getattr + "(" + text("numpy") + text("ndarray") + "\x93" + text("__class__") + "tR.",
      "numpy.ndarray");
  expect_refused(getattr + "(" + getattr + text("__self__") + "tR.", "builtins.getattr");
}

TEST(Hostile, NumpyCannotLoadObjectsOrFiles) {
  expect_refused("cnumpy\ndtype\n(" + text("O8") + "tR.", "'O8'");
  expect_refused("cnumpy\ndtype\n(" + text("V16") + "tR.", "'V16'");
  expect_refused("cnumpy\nload\n(" + text("x") + "tR.", "numpy.load");
  expect_refused("cnumpy\nndarray\n(tR.", "calls numpy.ndarray");
}

TEST(Hostile, OpcodesThatRunOrReachOutAreRefused) {
  for (const char* opcodes : {"(ios\nsystem\n.", "(cos\nsystem\no.", "Pid\n.", "NQ.", "\x82\x01.",
                              "\x97.", "I1\n.", "S'x'\n."})
    EXPECT_NE(error_of(opcodes), "") << opcodes;
}

TEST(Hostile, OtherObjectsPassLenientlyOnlyFromThePackages) {
  const std::string object = "cmodels.ModelBase\nThing\n)\x81}(" + text("a") + "K\x01ub.";
  EXPECT_EQ(error_of(object, true), "");
  EXPECT_EQ(read_opcodes(object, true).opaque_names(),
            std::vector<std::string>{"models.ModelBase.Thing"});
  expect_refused(object, "models.ModelBase.Thing");
}

TEST(Hostile, OldAndNewProtocolsAreNamed) {
  PickleOptions options;
  options.name = "x";
  EXPECT_THROW(read_pickle(bytes_of_text("(dp0\n."), options), InputError);
  EXPECT_THROW(read_pickle(bytes_of_text("\x80\x06N."), options), InputError);
  EXPECT_THROW(read_pickle({}, options), InputError);
}

TEST(Hostile, LengthsBeyondTheEndAllocateNothing) {
  expect_refused("\x8d" + little(uint64_t{1} << 60, 8) + "x.", "cut off");
  expect_refused("\x8e" + little(~uint64_t{0}, 8) + "x.", "cut off");
  expect_refused("B" + little(0xffffffff, 4) + "x.", "cut off");
  expect_refused("\x8b" + little(0x80000000, 4) + ".", "cut off");
}

TEST(Hostile, EveryCutIsNoticed) {
  const std::string whole = "}(" + text("key") +
                            "](K\x01K\x02"
                            "e" +
                            text("w") + "cnumpy\ndtype\n(" + text("f4") + "\x89\x88tR0Nu.";
  // The dtype is taken away again, so the tree is plain; whole it reads.
  const std::string plain = "}(" + text("key") +
                            "](K\x01K\x02"
                            "eu.";
  ASSERT_EQ(error_of(plain), "");
  for (size_t n = 0; n < plain.size(); ++n) EXPECT_NE(error_of(plain.substr(0, n)), "") << n;
  for (size_t n = 0; n < whole.size(); ++n) error_of(whole.substr(0, n));  // no crash
}

TEST(Hostile, HugeArraysInFewBytesAreRefused) {
  const auto array = [](const std::string& shape) {
    const std::string dtype = "cnumpy\ndtype\n(" + text("f4") + "\x89\x88tR";
    return "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK" + kZero + "\x85" +
           "C\x01"
           "btR(K\x01(" +
           shape + "t" + dtype + "\x89" + "C\x04" + "abcdtb.";
  };
  EXPECT_EQ(error_of(array("K\x01")), "");
  expect_refused(array("K\x02"), "2 elements of 4 bytes in 4 bytes");
  expect_refused(array("J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f"), "elements or more");
  expect_refused(array("J\xff\xff\xff\xff"), "a side of -1");
  expect_refused(array("K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01K\x01"), "rank 9");
}

TEST(Hostile, AnArrayWithoutDataIsRefused) {
  expect_refused("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK" + kZero +
                     "\x85"
                     "C\x01"
                     "btR.",
                 "without its data");
}

TEST(Hostile, NestingIsLimited) {
  EXPECT_EQ(error_of(std::string(60, ']') + std::string(59, 'a') + "."), "");
  expect_refused(std::string(200, ']') + std::string(199, 'a') + ".", "nested");
  expect_refused(std::string(200000, ']') + std::string(199999, 'a') + ".", "nested");
}

TEST(Hostile, AListThatHoldsItselfIsRefused) {
  expect_refused("]\x94h" + kZero + "a.", "contains itself");
  expect_refused("}\x94" + text("k") + "h" + kZero + "s.", "contains itself");
  // Through a tuple.
  expect_refused("]\x94h" + kZero +
                     "\x85"
                     "a.",
                 "contains itself");
}

TEST(Hostile, SharingCannotUnfoldWithoutEnd) {
  // Each list holds the one before ten times: 10^10 values in 300 bytes.
  std::string bomb = "](" + std::string(10, 'N') + "e\x94";
  for (char level = 0; level < 10; ++level) {
    bomb += "](";
    for (int i = 0; i < 10; ++i) bomb += std::string("h") + level;
    bomb += "e\x94";
  }
  expect_refused(bomb + ".", "unfolds into more than");
}

TEST(Hostile, TheMemoCannotBeStretched) {
  expect_refused("Nr" + little(0xfffffff0, 4) + ".", "remembers");
  expect_refused("Nr" + little(10000000, 4) + ".", "remembers");
  expect_refused("h\x05.", "never remembered");
}

TEST(Hostile, TheStackIsGuarded) {
  for (const char* opcodes : {".", "0.", "a.", "(a.", "Na.", "u.", "t.", "(N.", "R.", "NR.", "b.",
                              "\x93.", "\x85.", "(\x85.", "](K\x01s.", "}(Ku."})
    EXPECT_NE(error_of(opcodes), "") << opcodes;
}

TEST(Hostile, BigIntsAreRefused) {
  expect_refused("\x8a\x09" + std::string(9, 'x') + ".", "64 bits");
}

TEST(Hostile, LimitsOfValuesHold) {
  PickleOptions options;
  options.name = "x";
  options.max_stack = 10;
  EXPECT_THROW(read_pickle(bytes_of_text("\x80\x04(" + std::string(11, 'N') + "t."), options),
               InputError);
  options.max_stack = 100;
  options.max_values = 10;
  EXPECT_THROW(read_pickle(bytes_of_text("\x80\x04(" + std::string(11, 'N') + "t."), options),
               InputError);
  options.max_bytes = 3;
  EXPECT_THROW(read_pickle(bytes_of_text("\x80\x04NN."), options), InputError);
}

}  // namespace
}  // namespace diptych
