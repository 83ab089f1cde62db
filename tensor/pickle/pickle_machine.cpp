// Opcodes of plain data: numbers, text, containers, the memo.
// SPDX-License-Identifier: MIT
#include "tensor/pickle/pickle_machine.h"

#include <algorithm>
#include <bit>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_opcodes.h"

namespace diptych {

using namespace pickle_op;  // NOLINT: the opcodes' names are the vocabulary of this file

namespace {

constexpr int kNewestProtocol = 5;
// Writers number the memo without gaps; Python 2's began at 1.
constexpr uint64_t kMemoGap = 16;

}  // namespace

PickleMachine::PickleMachine(PickleDocument::Impl& document, const PickleOptions& options)
    : doc_(document), options_(options) {}

std::span<const uint8_t> PickleMachine::take(uint64_t count) {
  const uint64_t left = doc_.bytes.size() - at_;
  DIPTYCH_CHECK(count <= left, "it is cut off: ", count, " bytes announced, ", left, " are left");
  const auto bytes = std::span(doc_.bytes).subspan(at_, static_cast<size_t>(count));
  at_ += static_cast<size_t>(count);
  return bytes;
}

uint64_t PickleMachine::little(int count) {
  const auto bytes = take(static_cast<uint64_t>(count));
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

std::string_view PickleMachine::text(uint64_t count) {
  const auto bytes = take(count);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view PickleMachine::line() {
  constexpr size_t kLongest = 256;  // names of modules and classes
  size_t end = at_;
  while (end < doc_.bytes.size() && end - at_ < kLongest && doc_.bytes[end] != '\n') ++end;
  DIPTYCH_CHECK(end < doc_.bytes.size() && doc_.bytes[end] == '\n', "a name does not end");
  const std::string_view name = text(end - at_);
  ++at_;
  return name;
}

void PickleMachine::push(const PickleValue& value) {
  DIPTYCH_CHECK(++pushed_ <= options_.max_values, "it holds more than ", options_.max_values,
                " values");
  DIPTYCH_CHECK(static_cast<int64_t>(stack_.size()) < options_.max_stack, "it keeps more than ",
                options_.max_stack, " values waiting");
  stack_.push_back(value);
}

PickleValue& PickleMachine::top() {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  DIPTYCH_CHECK(stack_.size() > floor, "an opcode finds no value to work on");
  return stack_.back();
}

PickleValue PickleMachine::pop() {
  const PickleValue value = top();
  stack_.pop_back();
  return value;
}

std::span<const PickleValue> PickleMachine::since_mark() {
  DIPTYCH_CHECK(!marks_.empty(), "an opcode finds no mark");
  return std::span(stack_).subspan(marks_.back());
}

void PickleMachine::drop_to_mark() {
  stack_.resize(marks_.back());
  marks_.pop_back();
}

void PickleMachine::remember(uint64_t index) {
  DIPTYCH_CHECK(
      index <= memo_.size() + kMemoGap && index < static_cast<uint64_t>(options_.max_memo),
      "it remembers a value as number ", index, " after ", memo_.size());
  const PickleValue value = top();
  if (index >= memo_.size()) memo_.resize(static_cast<size_t>(index) + 1);
  memo_[static_cast<size_t>(index)] = {value, true};
}

void PickleMachine::recall(uint64_t index) {
  DIPTYCH_CHECK(index < memo_.size() && memo_[static_cast<size_t>(index)].used, "it recalls value ",
                index, ", which it never remembered");
  push(memo_[static_cast<size_t>(index)].value);
}

void PickleMachine::push_long(uint64_t count) {
  const auto bytes = take(count);
  DIPTYCH_CHECK(bytes.size() <= 8, "an int of ", bytes.size(), " bytes, more than 64 bits");
  uint64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  push(PickleValue::of_int(static_cast<int64_t>(value)));
}

bool PickleMachine::scalar_opcode(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      push({});
      return true;
    case kNewTrue:
    case kNewFalse:
      push(PickleValue::of_bool(opcode == kNewTrue));
      return true;
    case kBinInt1:
      push(PickleValue::of_int(static_cast<int64_t>(little(1))));
      return true;
    case kBinInt2:
      push(PickleValue::of_int(static_cast<int64_t>(little(2))));
      return true;
    case kBinInt:
      push(PickleValue::of_int(static_cast<int32_t>(little(4))));
      return true;
    case kLong1:
      push_long(little(1));
      return true;
    case kLong4:
      push_long(little(4));  // a negative count is one that is not there
      return true;
    case kBinFloat: {
      uint64_t bits = 0;
      for (const uint8_t byte : take(8)) bits = bits << 8 | byte;
      push(PickleValue::of_float(std::bit_cast<double>(bits)));
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::bytes_opcode(uint8_t opcode) {
  switch (opcode) {
    case kShortBinUnicode:
      push(PickleValue::of_string(text(little(1))));
      return true;
    case kBinUnicode:
      push(PickleValue::of_string(text(little(4))));
      return true;
    case kBinUnicode8:
      push(PickleValue::of_string(text(little(8))));
      return true;
    case kShortBinBytes:
      push(PickleValue::of_bytes(take(little(1))));
      return true;
    case kBinBytes:
      push(PickleValue::of_bytes(take(little(4))));
      return true;
    case kBinBytes8:
    case kByteArray8:
      push(PickleValue::of_bytes(take(little(8))));
      return true;
    default:
      return false;
  }
}

void PickleMachine::push_tuple(size_t count) {
  PickleSequence& tuple = doc_.sequences.emplace_back();
  tuple.items.resize(count);
  for (size_t i = count; i-- > 0;) tuple.items[i] = pop();
  push(PickleValue::of_node(PickleKind::kTuple, &tuple));
}

void PickleMachine::append(std::span<const PickleValue> items, PickleValue list) {
  if (list.kind() == PickleKind::kOpaque) return;
  DIPTYCH_CHECK(list.kind() == PickleKind::kList, "it appends to ", name_of(list.kind()));
  auto& target = static_cast<PickleSequence*>(list.node())->items;
  target.insert(target.end(), items.begin(), items.end());
}

void PickleMachine::set_items(std::span<const PickleValue> items, PickleValue dict) {
  if (dict.kind() == PickleKind::kOpaque) return;
  DIPTYCH_CHECK(dict.kind() == PickleKind::kDict, "it sets a key of ", name_of(dict.kind()));
  DIPTYCH_CHECK(items.size() % 2 == 0, "a key without a value");
  auto& target = static_cast<PickleDict*>(dict.node())->entries;
  for (size_t i = 0; i < items.size(); i += 2) target.push_back({items[i], items[i + 1]});
}

bool PickleMachine::container_opcode(uint8_t opcode) {
  switch (opcode) {
    case kEmptyDict:
      push(PickleValue::of_node(PickleKind::kDict, &doc_.dicts.emplace_back()));
      return true;
    case kEmptyList:
      push(PickleValue::of_node(PickleKind::kList, &doc_.sequences.emplace_back()));
      return true;
    case kEmptyTuple:
      push_tuple(0);
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push_tuple(static_cast<size_t>(opcode - kTuple1) + 1);
      return true;
    case kMark:
      DIPTYCH_CHECK(static_cast<int64_t>(marks_.size()) < options_.max_stack, "too many marks");
      marks_.push_back(stack_.size());
      return true;
    case kTuple: {
      PickleSequence& tuple = doc_.sequences.emplace_back();
      const auto items = since_mark();
      tuple.items.assign(items.begin(), items.end());
      drop_to_mark();
      push(PickleValue::of_node(PickleKind::kTuple, &tuple));
      return true;
    }
    case kAppend: {
      const PickleValue item = pop();
      append({&item, 1}, top());
      return true;
    }
    case kSetItem: {
      const PickleValue value = pop(), key = pop();
      const PickleValue pair[] = {key, value};
      set_items(pair, top());
      return true;
    }
    case kAppends:
    case kSetItems: {
      const auto span = since_mark();
      const std::vector<PickleValue> items(span.begin(), span.end());
      drop_to_mark();
      opcode == kAppends ? append(items, top()) : set_items(items, top());
      return true;
    }
    default:
      return false;
  }
}

bool PickleMachine::memo_opcode(uint8_t opcode) {
  switch (opcode) {
    case kBinPut:
      remember(little(1));
      return true;
    case kLongBinPut:
      remember(little(4));
      return true;
    case kMemoize:
      remember(memo_.size());
      return true;
    case kBinGet:
      recall(little(1));
      return true;
    case kLongBinGet:
      recall(little(4));
      return true;
    case kPop:  // of a mark when nothing lies above it
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case kPopMark:
      since_mark();
      drop_to_mark();
      return true;
    case kFrame:  // how many bytes belong together: nothing depends on it
      little(8);
      return true;
    default:
      return false;
  }
}

void PickleMachine::run() {
  DIPTYCH_CHECK(doc_.bytes.size() >= 2 && doc_.bytes[0] == kProto,
                "it does not begin with a protocol number of Python 3");
  DIPTYCH_CHECK(doc_.bytes[1] >= 2 && doc_.bytes[1] <= kNewestProtocol, "protocol ",
                int{doc_.bytes[1]}, ", this program reads 2 to ", kNewestProtocol);
  at_ = 2;
  while (!stopped_) {
    opcode_at_ = at_;
    const uint8_t opcode = take(1)[0];
    if (opcode == kStop) {
      stopped_ = true;
    } else if (!scalar_opcode(opcode) && !bytes_opcode(opcode) && !container_opcode(opcode) &&
               !memo_opcode(opcode) && !object_opcode(opcode)) {
      throw Error(str("opcode ", int{opcode}, " does not belong into a file of data"));
    }
  }
  DIPTYCH_CHECK(marks_.empty(), "it stops in the middle of a value");
  const PickleValue root = pop();
  check_tree(root);
  doc_.root = root;
  doc_.trailing = doc_.bytes.size() - at_;
}

}  // namespace diptych
