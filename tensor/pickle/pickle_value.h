// What a pickle holds, as a passive tree of tagged values (spec formats.md 2.2). Values point into
// the PickleDocument they came from and live as long as it does.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace diptych {

enum class PickleKind : uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kBytes,
  kList,
  kTuple,
  kDict,
  kArray,   // a NumPy array
  kEnum,    // a member of one of DeepFaceLab's enumerations
  kOpaque,  // an object nobody here understands; only when reading leniently
  kGlobal,  // a name; inside the reader only
  kDType    // inside the reader only
};

std::string_view name_of(PickleKind kind);

class PickleValue;
struct PickleEntry;
struct PickleArray;
struct PickleEnum;
struct PickleGlobal;
struct PickleDType;
struct PickleSequence;
struct PickleDict;

// Reading a value as something it is not throws Error ("expected a number, found a list").
class PickleValue {
 public:
  PickleValue() : size_(0), kind_(PickleKind::kNone), integer_(0) {}

  static PickleValue of_bool(bool value);
  static PickleValue of_int(int64_t value);
  static PickleValue of_float(double value);
  static PickleValue of_string(std::string_view text);
  static PickleValue of_bytes(std::span<const uint8_t> bytes);
  static PickleValue of_node(PickleKind kind, void* node);

  PickleKind kind() const { return kind_; }

  bool is_none() const { return kind_ == PickleKind::kNone; }

  bool boolean() const;             // a bool, or an int other than 0
  int64_t integer() const;          // an int or a bool
  double number() const;            // an int, a float or a bool
  std::string_view string() const;  // raw bytes of the text: UTF-8, lone surrogates possible
  std::span<const uint8_t> bytes() const;
  std::span<const PickleValue> items() const;    // of a list or tuple
  std::span<const PickleEntry> entries() const;  // of a dict, in the order of the file
  // The value of a string key; nothing when the dict lacks it. The last of equal keys counts.
  const PickleValue* find(std::string_view key) const;
  const PickleArray& array() const;
  const PickleEnum& enumeration() const;

  // The object behind a value, for the reader.
  void* node() const { return node_; }

 private:
  void expect(bool is, const char* wanted) const;

  uint64_t size_ : 56;
  PickleKind kind_ : 8;

  union {
    bool boolean_;
    int64_t integer_;
    double number_;
    const void* data_;
    void* node_;
  };
};

struct PickleEntry {
  PickleValue key, value;
};

// NumPy's type codes: kind 'f' 'i' 'u' 'b' and the bytes of an element.
struct PickleDType {
  char kind = 'f';
  int size = 4;
  bool swapped = false;  // stored big-endian
};

struct PickleNode {
  enum class Mark : uint8_t { kNew, kOpen, kDone };
  Mark mark = Mark::kNew;  // of the walk that checks for loops and depth
  uint8_t depth = 0;
  uint64_t weight = 0;  // values when everything shared is counted each time
};

struct PickleSequence : PickleNode {
  std::vector<PickleValue> items;
};

struct PickleDict : PickleNode {
  std::vector<PickleEntry> entries;
};

// Elements as stored; numbers.h converts. product(shape) * dtype.size == bytes.size().
struct PickleArray {
  PickleDType dtype;
  std::vector<int64_t> shape;
  bool fortran = false;  // column-major
  bool filled = false;
  std::span<const uint8_t> bytes;

  int64_t count() const;
};

// An enumeration's class with the member's number, or its name where Python 3.11 wrote that.
struct PickleEnum {
  std::string_view type;  // "FaceType"
  int64_t value = 0;
  std::string_view member;  // empty: value counts
};

struct PickleGlobal {
  std::string_view module, name;
};

}  // namespace diptych
