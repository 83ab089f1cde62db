// Graphs, plans and the handle.
// SPDX-License-Identifier: MIT
#include "kernels/common/cuda/cudnn.h"

#include <algorithm>

#include "kernels/common/check.h"

namespace diptych::cudnn {

namespace {

// The engine configurations a heuristic proposes; none when it refuses the graph.
std::vector<Descriptor> configs_of(const State& state,
                                   const Graph& graph,
                                   cudnnBackendHeurMode_t mode) {
  std::vector<Descriptor> configs;
  try {
    Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristic.set_object(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph.get())
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    if (state.device()) heuristic.set_object(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, state.device());
    heuristic.finalize("heuristics");
    const auto results = [&](int64_t at_most, int64_t* count, void* objects) {
      return get(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                 at_most, count, objects);
    };
    int64_t count = 0, given = 0;
    if (!results(0, &count, nullptr)) return {};
    std::vector<cudnnBackendDescriptor_t> objects;
    for (int64_t i = 0; i < count; ++i) {
      configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      objects.push_back(configs.back().get());
    }
    if (!results(count, &given, objects.data())) return {};
    configs.resize(static_cast<size_t>(std::min(count, given)));
  } catch (const Error&) {  // no engine takes the graph
    configs.clear();
  }
  return configs;
}

// Notes of the engine behind a configuration.
struct Notes {
  int64_t engine = -1;
  bool tensor_cores = false, nondeterministic = false, compiled = false;
  bool rounded_inputs = false, reduced_sums = false;
};

template <class Note, size_t N>
std::vector<Note> notes_of(cudnnBackendDescriptor_t engine,
                           cudnnBackendAttributeName_t name,
                           cudnnBackendAttributeType_t type) {
  std::vector<Note> notes(N);
  int64_t count = 0;
  if (!get(engine, name, type, static_cast<int64_t>(N), &count, notes.data())) count = 0;
  notes.resize(static_cast<size_t>(std::clamp<int64_t>(count, 0, static_cast<int64_t>(N))));
  return notes;
}

Notes read_notes(const Descriptor& config) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t object = engine.get();
  int64_t count = 0;
  Notes notes;
  if (!get(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
           &object)) {
    notes.nondeterministic = notes.rounded_inputs = true;  // nothing is known: nothing is allowed
    return notes;
  }
  get(object, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, &notes.engine);
  for (const auto note : notes_of<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT>(
           object, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE)) {
    notes.tensor_cores |= note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    notes.nondeterministic |= note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    notes.rounded_inputs |= note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
    notes.reduced_sums |= note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION;
  }
  for (const auto note : notes_of<cudnnBackendBehaviorNote_t, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT>(
           object, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE)) {
    notes.compiled |= note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
  }
  return notes;
}

std::string describe(const Notes& notes) {
  return str("engine ", notes.engine, notes.tensor_cores ? ", tensor cores" : "",
             notes.compiled ? ", compiled" : "", notes.nondeterministic ? ", unordered sums" : "",
             notes.reduced_sums ? ", reduced sums" : "");
}

// A plan of the configuration; false when the engine cannot run it after all.
bool build(State& state, Plan& plan) {
  try {
    plan.plan = Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.plan.set_object(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, plan.config.get());
    if (state.device())
      plan.plan.set_object(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, state.device());
    else
      plan.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, state.handle());
    plan.plan.finalize("plan");
  } catch (const Error&) {
    return false;
  }
  int64_t bytes = 0, count = 0;
  if (!get(plan.plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
           &bytes)) {
    return false;
  }
  plan.workspace = static_cast<size_t>(std::max<int64_t>(bytes, 0));
  return true;
}

}  // namespace

Descriptor tensor(const TensorSpec& spec) {
  const Dims& d = spec.dims;
  const Dims strides = {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]};  // channels lie together
  Descriptor descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, spec.id)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, data_type(spec.dtype))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, spec.alignment)
      .set_list(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const int64_t>(d))
      .set_list(CUDNN_ATTR_TENSOR_STRIDES, std::span<const int64_t>(strides));
  if (spec.is_virtual) descriptor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
  descriptor.finalize("tensor");
  return descriptor;
}

int64_t alignment_of(const void* p) {
  int64_t alignment = 16;
  while (reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(alignment)) alignment /= 2;
  return alignment;
}

cudnnBackendDescriptor_t Graph::keep(Descriptor part) {
  parts.push_back(std::move(part));
  return parts.back().get();
}

void Graph::finalize(cudnnHandle_t handle) {
  std::vector<cudnnBackendDescriptor_t> objects;
  for (const Descriptor& operation : operations) objects.push_back(operation.get());
  graph = Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set_objects(CUDNN_ATTR_OPERATIONGRAPH_OPS, objects);
  if (handle) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
  graph.finalize("operation graph");
}

std::vector<Plan> plans(State& state,
                        std::shared_ptr<const Graph> graph,
                        const Allowed& allowed,
                        size_t at_most) {
  std::vector<Plan> found;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (Descriptor& config : configs_of(state, *graph, mode)) {
      if (found.size() == at_most) return found;
      const Notes notes = read_notes(config);
      if ((notes.tensor_cores && !allowed.tensor_cores) || notes.rounded_inputs ||
          (notes.nondeterministic && !allowed.nondeterministic) ||
          (notes.reduced_sums && !allowed.reduced_sums)) {
        continue;
      }
      Plan plan;
      plan.name = describe(notes);
      plan.deterministic = !notes.nondeterministic;
      plan.reduced_sums = notes.reduced_sums;
      plan.graph = graph;
      plan.config = std::move(config);
      if (build(state, plan)) found.push_back(std::move(plan));
    }
  }
  return found;
}

void run(State& state,
         const Plan& plan,
         std::span<const int64_t> ids,
         std::span<void* const> pointers,
         void* workspace) {
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set_list(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, pointers)
      .set_list(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
      .finalize("variant pack");
  check(api().execute(state.handle(), plan.plan.get(), pack.get()), plan.name.c_str());
}

State::State() {
  check(api().create(&handle_), "create a handle");
}

State::State(const std::string& device_properties) : device_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
  device_.set_text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, device_properties)
      .finalize("device properties");
}

State::~State() {
  entries_.clear();
  if (handle_) api().destroy(handle_);
}

State& state_of(Stream& stream) {
  State& state = stream.state<State>();
  check(api().set_stream(state.handle(), static_cast<cudaStream_t>(stream.cuda())), "set stream");
  return state;
}

}  // namespace diptych::cudnn
