// The check of a finished tree: no loops, not too deep, not too large when unfolded, nothing half
// built.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/common/check.h"
#include "tensor/pickle/pickle_machine.h"

namespace diptych {

namespace {

// A container on the way down, and which of its values comes next.
struct Step {
  PickleNode* node;
  PickleKind kind;
  size_t next = 0;
};

bool is_container(PickleKind kind) {
  return kind == PickleKind::kList || kind == PickleKind::kTuple || kind == PickleKind::kDict;
}

PickleNode* node_of(const PickleValue& value) {
  return value.kind() == PickleKind::kDict
             ? static_cast<PickleNode*>(static_cast<PickleDict*>(value.node()))
             : static_cast<PickleNode*>(static_cast<PickleSequence*>(value.node()));
}

// The value number `i` of a container, keys included; nothing behind the last.
const PickleValue* child(const Step& step) {
  if (step.kind == PickleKind::kDict) {
    const auto& entries = static_cast<PickleDict*>(step.node)->entries;
    const size_t i = step.next / 2;
    if (i >= entries.size()) return nullptr;
    return step.next % 2 == 0 ? &entries[i].key : &entries[i].value;
  }
  const auto& items = static_cast<PickleSequence*>(step.node)->items;
  return step.next < items.size() ? &items[step.next] : nullptr;
}

void check_leaf(const PickleValue& value) {
  const PickleKind kind = value.kind();
  DIPTYCH_CHECK(kind != PickleKind::kGlobal && kind != PickleKind::kDType, "it holds ",
                name_of(kind), " as a value");
  DIPTYCH_CHECK(kind != PickleKind::kArray || value.array().filled, "an array without its data");
}

}  // namespace

void PickleMachine::check_tree(const PickleValue& root) {
  check_leaf(root);
  if (!is_container(root.kind())) return;
  std::vector<Step> path = {{node_of(root), root.kind()}};
  path[0].node->mark = PickleNode::Mark::kOpen;
  const auto add = [&](PickleNode& parent, uint64_t weight, int depth) {
    parent.weight += weight;
    DIPTYCH_CHECK(parent.weight <= options_.max_weight, "it unfolds into more than ",
                  options_.max_weight, " values");
    DIPTYCH_CHECK(depth <= options_.max_depth, "values are nested more than ", options_.max_depth,
                  " deep");
    parent.depth = std::max(parent.depth, static_cast<uint8_t>(depth));
  };
  while (!path.empty()) {
    Step& step = path.back();
    const PickleValue* value = child(step);
    if (value == nullptr) {
      PickleNode* done = step.node;
      done->mark = PickleNode::Mark::kDone;
      path.pop_back();
      if (!path.empty()) add(*path.back().node, done->weight + 1, done->depth + 1);
      continue;
    }
    ++step.next;
    check_leaf(*value);
    if (!is_container(value->kind())) {
      add(*step.node, 1, 1);
      continue;
    }
    PickleNode* node = node_of(*value);
    DIPTYCH_CHECK(node->mark != PickleNode::Mark::kOpen, "a value contains itself");
    if (node->mark == PickleNode::Mark::kDone) {
      add(*step.node, node->weight + 1, node->depth + 1);
      continue;
    }
    DIPTYCH_CHECK(static_cast<int>(path.size()) < options_.max_depth,
                  "values are nested more than ", options_.max_depth, " deep");
    node->mark = PickleNode::Mark::kOpen;
    path.push_back({node, value->kind()});
  }
}

}  // namespace diptych
