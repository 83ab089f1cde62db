// Names, calls and state of pickles: the few that mean data (spec formats.md 2.4).
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_machine.h"
#include "tensor/pickle/pickle_numbers.h"
#include "tensor/pickle/pickle_opcodes.h"

namespace diptych {

using namespace pickle_op;  // NOLINT: the opcodes' names are the vocabulary of this file

namespace {

struct Name {
  std::string_view module, name;
};

// NumPy 2 moved its core; both places mean the same.
constexpr std::array kNumpy = {Name{"numpy.core.multiarray", "_reconstruct"},
                               Name{"numpy._core.multiarray", "_reconstruct"},
                               Name{"numpy.core.multiarray", "scalar"},
                               Name{"numpy._core.multiarray", "scalar"},
                               Name{"numpy.core.numeric", "_frombuffer"},
                               Name{"numpy._core.numeric", "_frombuffer"},
                               Name{"numpy", "ndarray"},
                               Name{"numpy", "dtype"}};
constexpr std::array kEnums = {Name{"facelib.FaceType", "FaceType"}, Name{"facelib", "FaceType"},
                               Name{"samplelib.Sample", "SampleType"},
                               Name{"core.imagelib.SegIEPolys", "SegIEPolyType"}};
// getattr names a member of an enumeration (Python 3.11 wrote them so) and works on nothing else;
// bytes makes empty ones in protocol 2.
constexpr std::array kOthers = {Name{"_codecs", "encode"}, Name{"collections", "OrderedDict"},
                                Name{"builtins", "getattr"}, Name{"__builtin__", "bytes"}};
// Packages whose objects a lenient reading passes over.
constexpr std::array<std::string_view, 8> kPackages = {
    "numpy", "facelib", "samplelib", "core", "models", "mainscripts", "merger", "pathlib"};

template <size_t N>
bool holds(const std::array<Name, N>& names, const PickleGlobal& global) {
  return std::any_of(names.begin(), names.end(), [&](const Name& n) {
    return n.module == global.module && n.name == global.name;
  });
}

bool from_a_package(std::string_view module) {
  const std::string_view package = module.substr(0, module.find('.'));
  return std::find(kPackages.begin(), kPackages.end(), package) != kPackages.end();
}

PickleGlobal& global_of(const PickleValue& value) {
  DIPTYCH_CHECK(value.kind() == PickleKind::kGlobal, "expected a name, found ",
                name_of(value.kind()));
  return *static_cast<PickleGlobal*>(value.node());
}

PickleDType& dtype_of(const PickleValue& value) {
  DIPTYCH_CHECK(value.kind() == PickleKind::kDType, "expected a dtype, found ",
                name_of(value.kind()));
  return *static_cast<PickleDType*>(value.node());
}

void expect_arguments(const PickleGlobal& name, std::span<const PickleValue> arguments, size_t n) {
  DIPTYCH_CHECK(arguments.size() == n, name.module, '.', name.name, " with ", arguments.size(),
                " arguments, expected ", n);
}

// "f4", "<f4", ">i8", "|u1".
PickleDType parse_dtype(std::string_view code) {
  PickleDType dtype;
  std::string_view rest = code;
  if (!rest.empty() && std::string_view("<>|=").find(rest[0]) != std::string_view::npos) {
    dtype.swapped = rest[0] == '>';
    rest.remove_prefix(1);
  }
  static constexpr std::array<std::string_view, 12> kCodes = {"f2", "f4", "f8", "i1", "i2", "i4",
                                                              "i8", "u1", "u2", "u4", "u8", "b1"};
  DIPTYCH_CHECK(std::find(kCodes.begin(), kCodes.end(), rest) != kCodes.end(), "elements of type '",
                code, "', only numbers are read");
  dtype.kind = rest[0];
  dtype.size = rest[1] - '0';
  return dtype;
}

}  // namespace

void PickleMachine::push_global(std::string_view module, std::string_view name) {
  const PickleGlobal global{module, name};
  const bool known = holds(kNumpy, global) || holds(kEnums, global) || holds(kOthers, global);
  if (known) {
    push(PickleValue::of_node(PickleKind::kGlobal, &doc_.globals.emplace_back(global)));
    return;
  }
  DIPTYCH_CHECK(options_.lenient && from_a_package(module), "it names ",
                std::string(module.substr(0, 64)), ".", std::string(name.substr(0, 64)),
                ", which has no place in such a file and is not run");
  push_opaque(&global);
}

void PickleMachine::push_opaque(const PickleGlobal* global) {
  if (global != nullptr) {
    const std::string name = str(global->module, '.', global->name);
    auto& names = doc_.opaque_names;
    if (names.size() < 16 && std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  }
  push(PickleValue::of_node(PickleKind::kOpaque, nullptr));
}

bool PickleMachine::object_opcode(uint8_t opcode) {
  switch (opcode) {
    case kGlobal: {
      const std::string_view module = line();
      push_global(module, line());
      return true;
    }
    case kStackGlobal: {
      const PickleValue name = pop(), module = pop();
      push_global(module.string(), name.string());
      return true;
    }
    case kReduce: {
      const PickleValue arguments = pop(), callable = pop();
      push(call(callable, arguments.items()));
      return true;
    }
    case kNewObj:
    case kNewObjEx: {
      if (opcode == kNewObjEx) pop();
      pop();  // the arguments
      const PickleValue type = pop();
      DIPTYCH_CHECK(type.kind() == PickleKind::kOpaque, "it makes an object of ",
                    name_of(type.kind()));
      push_opaque(nullptr);
      return true;
    }
    case kBuild: {
      const PickleValue state = pop();
      build(top(), state);
      return true;
    }
    default:
      return false;
  }
}

PickleValue PickleMachine::call(const PickleValue& callable,
                                std::span<const PickleValue> arguments) {
  if (callable.kind() == PickleKind::kOpaque) return callable;
  const PickleGlobal& name = global_of(callable);
  if (holds(kNumpy, name)) return call_numpy(name, arguments);
  if (holds(kEnums, name)) return enum_member(name, arguments);
  if (name.name == "getattr") return named_member(arguments);
  if (name.name == "encode") return text_as_bytes(arguments);
  expect_arguments(name, arguments, 0);
  if (name.name == "bytes") return PickleValue::of_bytes({});
  return PickleValue::of_node(PickleKind::kDict, &doc_.dicts.emplace_back());
}

PickleValue PickleMachine::call_numpy(const PickleGlobal& name,
                                      std::span<const PickleValue> arguments) {
  if (name.name == "dtype") {
    DIPTYCH_CHECK(!arguments.empty() && arguments.size() <= 3, "numpy.dtype with ",
                  arguments.size(), " arguments");
    return PickleValue::of_node(PickleKind::kDType,
                                &doc_.dtypes.emplace_back(parse_dtype(arguments[0].string())));
  }
  if (name.name == "scalar") {
    expect_arguments(name, arguments, 2);
    return scalar(dtype_of(arguments[0]), arguments[1].bytes());
  }
  DIPTYCH_CHECK(name.name != "ndarray", "it calls numpy.ndarray");
  PickleArray& array = doc_.arrays.emplace_back();
  if (name.name == "_frombuffer") {
    expect_arguments(name, arguments, 4);
    const std::string_view order = arguments[3].string();
    DIPTYCH_CHECK(order == "C" || order == "F", "an array in order '", order, "'");
    fill(array, arguments[2], arguments[1], order == "F", arguments[0]);
  } else {  // _reconstruct(ndarray, (0,), b'b'): BUILD brings the rest
    expect_arguments(name, arguments, 3);
    DIPTYCH_CHECK(global_of(arguments[0]).name == "ndarray", "an array that is not a NumPy one");
  }
  return PickleValue::of_node(PickleKind::kArray, &array);
}

PickleValue PickleMachine::enum_member(const PickleGlobal& name,
                                       std::span<const PickleValue> arguments) {
  expect_arguments(name, arguments, 1);
  const PickleEnum member{name.name, arguments[0].integer(), {}};
  return PickleValue::of_node(PickleKind::kEnum, &doc_.enums.emplace_back(member));
}

PickleValue PickleMachine::named_member(std::span<const PickleValue> arguments) {
  DIPTYCH_CHECK(arguments.size() == 2, "getattr with ", arguments.size(), " arguments");
  const PickleGlobal& type = global_of(arguments[0]);
  DIPTYCH_CHECK(holds(kEnums, type), "it names an attribute of ", type.module, '.', type.name,
                ", which is not run");
  const PickleEnum member{type.name, 0, arguments[1].string()};
  return PickleValue::of_node(PickleKind::kEnum, &doc_.enums.emplace_back(member));
}

// Protocol 2 has no bytes: it writes each as the character of that number.
PickleValue PickleMachine::text_as_bytes(std::span<const PickleValue> arguments) {
  DIPTYCH_CHECK(arguments.size() == 2 && arguments[1].string() == "latin1",
                "_codecs.encode that is not latin1");
  const std::string_view text = arguments[0].string();
  std::vector<uint8_t>& bytes = doc_.owned.emplace_back();
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x80) {
      bytes.push_back(c);
      continue;
    }
    const uint8_t next = i + 1 < text.size() ? static_cast<uint8_t>(text[i + 1]) : uint8_t{0};
    DIPTYCH_CHECK((c == 0xC2 || c == 0xC3) && (next & 0xC0) == 0x80,
                  "bytes written as text hold a character above 255");
    bytes.push_back(static_cast<uint8_t>((c & 3) << 6 | (next & 0x3F)));
    ++i;
  }
  return PickleValue::of_bytes(bytes);
}

PickleValue PickleMachine::scalar(const PickleDType& dtype, std::span<const uint8_t> bytes) {
  DIPTYCH_CHECK(static_cast<size_t>(dtype.size) == bytes.size(), "a number of ", dtype.size,
                " bytes in ", bytes.size());
  if (dtype.kind == 'b') return PickleValue::of_bool(bytes[0] != 0);
  if (dtype.kind == 'f') return PickleValue::of_float(number_at(dtype, bytes.data()));
  const int64_t value = integer_at(dtype, bytes.data());
  DIPTYCH_CHECK(dtype.kind == 'i' || value >= 0, "an int of more than 63 bits");
  return PickleValue::of_int(value);
}

void PickleMachine::build(const PickleValue& object, const PickleValue& state) {
  switch (object.kind()) {
    case PickleKind::kOpaque:
      return;
    case PickleKind::kDType:
      return build_dtype(dtype_of(object), state.items());
    case PickleKind::kArray: {
      const auto items = state.items();
      DIPTYCH_CHECK(items.size() == 5, "the state of an array has ", items.size(),
                    " parts, expected 5");
      auto& array = *static_cast<PickleArray*>(object.node());
      DIPTYCH_CHECK(!array.filled, "an array is filled twice");
      return fill(array, items[1], items[2], items[3].boolean(), items[4]);
    }
    default:
      throw Error(str("it sets the state of ", name_of(object.kind())));
  }
}

// (version, byte order, subdtype, names, fields, item size, alignment, flags); old NumPy leaves out
// the end.
void PickleMachine::build_dtype(PickleDType& dtype, std::span<const PickleValue> state) {
  DIPTYCH_CHECK(state.size() >= 2 && state.size() <= 9, "the state of a dtype has ", state.size(),
                " parts");
  const std::string_view order = state[1].string();
  DIPTYCH_CHECK(order == "<" || order == ">" || order == "|" || order == "=", "byte order '",
                std::string(order.substr(0, 8)), "'");
  for (size_t i = 2; i < std::min<size_t>(5, state.size()); ++i)
    DIPTYCH_CHECK(state[i].is_none(), "an array of records");
  dtype.swapped = order == ">";
}

void PickleMachine::fill(PickleArray& array,
                         const PickleValue& shape,
                         const PickleValue& dtype,
                         bool fortran,
                         const PickleValue& bytes) {
  constexpr size_t kMaxRank = 8;
  const auto sides = shape.items();
  DIPTYCH_CHECK(sides.size() <= kMaxRank, "an array of rank ", sides.size());
  array.dtype = dtype_of(dtype);
  array.bytes = bytes.bytes();
  array.fortran = fortran;
  uint64_t elements = 1;
  for (const PickleValue& side : sides) {
    const int64_t n = side.integer();
    DIPTYCH_CHECK(n >= 0 && n <= std::numeric_limits<int32_t>::max(), "an array with a side of ",
                  n);
    // Both factors are below 2^40, so the product is exact.
    elements *= static_cast<uint64_t>(n);
    DIPTYCH_CHECK(elements <= array.bytes.size(), "an array of ", elements, " elements or more in ",
                  array.bytes.size(), " bytes");
    array.shape.push_back(n);
  }
  DIPTYCH_CHECK(elements * static_cast<uint64_t>(array.dtype.size) == array.bytes.size(),
                "an array of ", elements, " elements of ", array.dtype.size, " bytes in ",
                array.bytes.size(), " bytes");
  array.filled = true;
}

}  // namespace diptych
