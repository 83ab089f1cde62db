// The machine behind pickle_reader.h: stack, marks, memo and the objects built so far. Errors are
// plain Error; the reader adds file and byte.
// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/pickle/pickle_reader.h"

namespace diptych {

// Deques keep the addresses of what values point to.
struct PickleDocument::Impl {
  std::vector<uint8_t> bytes;
  PickleValue root;
  uint64_t trailing = 0;
  std::vector<std::string> opaque_names;
  std::deque<PickleSequence> sequences;
  std::deque<PickleDict> dicts;
  std::deque<PickleArray> arrays;
  std::deque<PickleEnum> enums;
  std::deque<PickleGlobal> globals;
  std::deque<PickleDType> dtypes;
  std::deque<std::vector<uint8_t>> owned;  // bytes that do not stand in the file as they are
};

class PickleMachine {
 public:
  PickleMachine(PickleDocument::Impl& document, const PickleOptions& options);

  // Runs to STOP, then checks the tree (pickle_tree.cpp) and stores the root.
  void run();

  // Byte of the opcode at work.
  size_t position() const { return opcode_at_; }

 private:
  // Reading.
  std::span<const uint8_t> take(uint64_t count);
  uint64_t little(int bytes);
  std::string_view text(uint64_t count);
  std::string_view line();

  // Stack. Nothing is popped from below the last mark.
  void push(const PickleValue& value);
  PickleValue pop();
  PickleValue& top();
  std::span<const PickleValue> since_mark();
  void drop_to_mark();
  void remember(uint64_t index);
  void recall(uint64_t index);

  // Opcodes, by group; false: not one of the group's.
  bool scalar_opcode(uint8_t opcode);
  bool bytes_opcode(uint8_t opcode);
  bool container_opcode(uint8_t opcode);
  bool memo_opcode(uint8_t opcode);
  bool object_opcode(uint8_t opcode);

  void push_long(uint64_t count);
  void push_tuple(size_t count);
  void append(std::span<const PickleValue> items, PickleValue list);
  void set_items(std::span<const PickleValue> items, PickleValue dict);

  // Objects (pickle_objects.cpp).
  void push_global(std::string_view module, std::string_view name);
  void push_opaque(const PickleGlobal* name);
  PickleValue call(const PickleValue& callable, std::span<const PickleValue> arguments);
  PickleValue call_numpy(const PickleGlobal& name, std::span<const PickleValue> arguments);
  PickleValue enum_member(const PickleGlobal& name, std::span<const PickleValue> arguments);
  PickleValue named_member(std::span<const PickleValue> arguments);
  PickleValue text_as_bytes(std::span<const PickleValue> arguments);
  PickleValue scalar(const PickleDType& dtype, std::span<const uint8_t> bytes);
  void build(const PickleValue& object, const PickleValue& state);
  void build_dtype(PickleDType& dtype, std::span<const PickleValue> state);
  void fill(PickleArray& array,
            const PickleValue& shape,
            const PickleValue& dtype,
            bool fortran,
            const PickleValue& bytes);

  void check_tree(const PickleValue& root);

  PickleDocument::Impl& doc_;
  const PickleOptions& options_;
  size_t at_ = 0, opcode_at_ = 0;
  int64_t pushed_ = 0;
  bool stopped_ = false;
  std::vector<PickleValue> stack_;
  std::vector<size_t> marks_;  // heights of the stack

  struct MemoSlot {
    PickleValue value;
    bool used = false;
  };

  std::vector<MemoSlot> memo_;
};

}  // namespace diptych
