// The opcodes of pickles that stand for data (Python's Lib/pickletools.py; spec formats.md 2.3).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace diptych::pickle_op {

inline constexpr uint8_t kMark = '(', kStop = '.', kPop = '0', kPopMark = '1', kBinFloat = 'G',
                         kBinInt = 'J', kBinInt1 = 'K', kBinInt2 = 'M', kNone = 'N', kReduce = 'R',
                         kBinUnicode = 'X', kAppend = 'a', kBuild = 'b', kGlobal = 'c',
                         kAppends = 'e', kBinGet = 'h', kLongBinGet = 'j', kBinPut = 'q',
                         kLongBinPut = 'r', kSetItem = 's', kTuple = 't', kSetItems = 'u',
                         kEmptyDict = '}', kEmptyList = ']', kEmptyTuple = ')', kBinBytes = 'B',
                         kShortBinBytes = 'C', kProto = 0x80, kNewObj = 0x81, kTuple1 = 0x85,
                         kTuple2 = 0x86, kTuple3 = 0x87, kNewTrue = 0x88, kNewFalse = 0x89,
                         kLong1 = 0x8a, kLong4 = 0x8b, kShortBinUnicode = 0x8c, kBinUnicode8 = 0x8d,
                         kBinBytes8 = 0x8e, kNewObjEx = 0x92, kStackGlobal = 0x93, kMemoize = 0x94,
                         kFrame = 0x95, kByteArray8 = 0x96;

}  // namespace diptych::pickle_op
