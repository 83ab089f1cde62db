// Dense layers by cuBLASLt. Its matrices are column major, so ours, row major, are their
// transposes: y^T (out,M) = w x^T with w read transposed, and likewise for the gradients.
// SPDX-License-Identifier: MIT
#include "kernels/gemm/gemm_cublas.h"

#include <algorithm>

#include "kernels/cast/cast.h"
#include "kernels/common/cuda/cudnn.h"
#include "kernels/common/cuda/library.h"

#ifndef DIPTYCH_CUBLASLT_FILE  // where the build found it
#define DIPTYCH_CUBLASLT_FILE "libcublasLt.so"
#endif

namespace diptych {

namespace {

constexpr size_t kMostWorkspace = size_t{32} << 20;

struct Api {
  decltype(&cublasLtGetVersion) version;
  decltype(&cublasLtGetStatusString) status_string;
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtMatmulDescCreate) create_desc;
  decltype(&cublasLtMatmulDescDestroy) destroy_desc;
  decltype(&cublasLtMatmulDescSetAttribute) set_desc;
  decltype(&cublasLtMatrixLayoutCreate) create_layout;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmul) matmul;
};

#define DIPTYCH_FUNCTION(name) library.function<decltype(name)>(#name)

const Api& api() {
  static const Api loaded = [] {
    const Library library("engine cudnn", "DIPTYCH_CUBLASLT_LIBRARY",
                          {"libcublasLt.so.13", "libcublasLt.so.12", DIPTYCH_CUBLASLT_FILE},
                          "Install cuBLAS, put its folder on LD_LIBRARY_PATH, or use engine cuda "
                          "(--engine cuda)");
    return Api{.version = DIPTYCH_FUNCTION(cublasLtGetVersion),
               .status_string = DIPTYCH_FUNCTION(cublasLtGetStatusString),
               .create = DIPTYCH_FUNCTION(cublasLtCreate),
               .create_desc = DIPTYCH_FUNCTION(cublasLtMatmulDescCreate),
               .destroy_desc = DIPTYCH_FUNCTION(cublasLtMatmulDescDestroy),
               .set_desc = DIPTYCH_FUNCTION(cublasLtMatmulDescSetAttribute),
               .create_layout = DIPTYCH_FUNCTION(cublasLtMatrixLayoutCreate),
               .destroy_layout = DIPTYCH_FUNCTION(cublasLtMatrixLayoutDestroy),
               .create_preference = DIPTYCH_FUNCTION(cublasLtMatmulPreferenceCreate),
               .destroy_preference = DIPTYCH_FUNCTION(cublasLtMatmulPreferenceDestroy),
               .set_preference = DIPTYCH_FUNCTION(cublasLtMatmulPreferenceSetAttribute),
               .heuristic = DIPTYCH_FUNCTION(cublasLtMatmulAlgoGetHeuristic),
               .matmul = DIPTYCH_FUNCTION(cublasLtMatmul)};
  }();
  return loaded;
}

#undef DIPTYCH_FUNCTION

void check(cublasStatus_t status, const char* what) {
  DIPTYCH_CHECK(status == CUBLAS_STATUS_SUCCESS, "cublas: ", what, ": ",
                api().status_string(status));
}

cublasLtHandle_t handle() {  // of the process: it may be used from several streams
  static const cublasLtHandle_t created = [] {
    cublasLtHandle_t h = nullptr;
    check(api().create(&h), "create a handle");
    return h;
  }();
  return created;
}

cudaDataType_t data_type(DType dtype) {
  return dtype == DType::kF32 ? CUDA_R_32F : CUDA_R_16BF;
}

// One of ours, as cuBLASLt sees it: `rows` are our columns.
class Matrix {
 public:
  Matrix(DType dtype, int our_rows, int our_columns) {
    check(api().create_layout(&layout_, data_type(dtype), static_cast<uint64_t>(our_columns),
                              static_cast<uint64_t>(our_rows), our_columns),
          "matrix");
  }

  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  ~Matrix() { api().destroy_layout(layout_); }

  cublasLtMatrixLayout_t get() const { return layout_; }

 private:
  cublasLtMatrixLayout_t layout_ = nullptr;
};

// The product of a pass: out = first * second, column major.
class Product {
 public:
  explicit Product(const DenseCublasProblem& p)
      : x_(dtype_of_factor(p, DensePass::kBackwardData), p.problem.m, p.problem.in),
        w_(dtype_of_factor(p, DensePass::kBackwardWeight), p.problem.out, p.problem.in),
        y_(dtype_of_factor(p, DensePass::kForward), p.problem.m, p.problem.out) {
    check(api().create_desc(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "product");
    const cublasOperation_t turned = CUBLAS_OP_T;
    switch (p.pass) {
      case DensePass::kForward:  // y^T = (w^T)^T x^T
        first = w_.get(), second = x_.get(), out = y_.get();
        set(CUBLASLT_MATMUL_DESC_TRANSA, turned);
        break;
      case DensePass::kBackwardData:  // dx^T = w^T dy^T
        first = w_.get(), second = y_.get(), out = x_.get();
        break;
      case DensePass::kBackwardWeight:  // dw^T = x^T (dy^T)^T
        first = x_.get(), second = y_.get(), out = w_.get();
        set(CUBLASLT_MATMUL_DESC_TRANSB, turned);
        break;
    }
    if (!p.bias) return;
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
    set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F);
  }

  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  ~Product() { api().destroy_desc(desc_); }

  cublasLtMatmulDesc_t get() const { return desc_; }

  cublasLtMatrixLayout_t first = nullptr, second = nullptr, out = nullptr;

 private:
  // The tensor that a pass writes has the output's dtype.
  static DType dtype_of_factor(const DenseCublasProblem& p, DensePass written_by) {
    return p.pass == written_by ? p.out_dtype : p.dtype;
  }

  template <class T>
  void set(cublasLtMatmulDescAttributes_t name, const T& value) {
    check(api().set_desc(desc_, name, &value, sizeof value), "product");
  }

  Matrix x_, w_, y_;
  cublasLtMatmulDesc_t desc_ = nullptr;
};

class Preference {
 public:
  explicit Preference(int alignment) {
    check(api().create_preference(&preference_), "preference");
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kMostWorkspace});
    for (const auto name :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      set(name, static_cast<uint32_t>(alignment));
    }
  }

  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  ~Preference() { api().destroy_preference(preference_); }

  cublasLtMatmulPreference_t get() const { return preference_; }

 private:
  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t name, const T& value) {
    check(api().set_preference(preference_, name, &value, sizeof value), "preference");
  }

  cublasLtMatmulPreference_t preference_ = nullptr;
};

// Engine cudnn.

struct Settled : cudnn::Entry {
  DenseCublasPlan plan;
};

constexpr int64_t kDenseKeys = 1000;  // conv2d's keys start below

const DenseCublasPlan& settled_on(Stream& stream, const DenseCublasProblem& p) {
  const cudnn::Key key = {kDenseKeys + static_cast<int64_t>(p.pass),
                          p.problem.m,
                          p.problem.in,
                          p.problem.out,
                          static_cast<int64_t>(p.dtype),
                          static_cast<int64_t>(p.out_dtype),
                          p.bias != nullptr,
                          p.alignment};
  const auto settle = [&] {
    const std::vector<DenseCublasPlan> plans = dense_cublas_plans(p, 1);
    DIPTYCH_CHECK(!plans.empty(), "dense: cuBLASLt ", cublas_version_text(),
                  " has no algorithm for ", p.problem, ' ', p.dtype,
                  ". Use engine cuda (--engine cuda)");
    auto settled = std::make_unique<Settled>();
    settled->plan = plans.front();
    return settled;
  };
  return cudnn::state_of(stream).find<Settled>(key, settle).plan;
}

template <class... Pointers>
int alignment_of(const Pointers*... pointers) {
  return static_cast<int>(std::min({cudnn::alignment_of(pointers)...}));
}

void run(Stream& stream,
         const DenseCublasProblem& p,
         const DenseCublasTensors& tensors,
         bool accumulate,
         size_t workspace_before = 0) {
  const DenseCublasPlan& plan = settled_on(stream, p);
  const size_t total = workspace_before + plan.workspace;
  void* const workspace = total > 0 ? stream.workspace(total) : nullptr;
  dense_cublas_run(p, plan, tensors, accumulate, static_cast<char*>(workspace) + workspace_before,
                   stream.cuda());
}

}  // namespace

std::string cublas_version_text() {
  const size_t version = api().version();  // 130200: 13.2.0
  return str(version / 10000, '.', version / 100 % 100, '.', version % 100);
}

std::vector<DenseCublasPlan> dense_cublas_plans(const DenseCublasProblem& problem, int at_most) {
  const Product product(problem);
  const Preference preference(problem.alignment);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<size_t>(at_most));
  int count = 0;
  const cublasStatus_t status =
      api().heuristic(handle(), product.get(), product.first, product.second, product.out,
                      product.out, preference.get(), at_most, results.data(), &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
  check(status, "heuristics");
  std::vector<DenseCublasPlan> plans;
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& result = results[static_cast<size_t>(i)];
    if (result.state == CUBLAS_STATUS_SUCCESS) plans.push_back({result.algo, result.workspaceSize});
  }
  return plans;
}

void dense_cublas_run(const DenseCublasProblem& problem,
                      const DenseCublasPlan& plan,
                      const DenseCublasTensors& tensors,
                      bool accumulate,
                      void* workspace,
                      CudaStream stream) {
  const Product product(problem);
  const void *first = tensors.w, *second = tensors.x;
  const void* out = tensors.y;
  if (problem.pass == DensePass::kBackwardData) second = tensors.y, out = tensors.x;
  if (problem.pass == DensePass::kBackwardWeight)
    first = tensors.x, second = tensors.y, out = tensors.w;
  const float one = 1.0f, old = accumulate ? 1.0f : 0.0f;
  check(api().matmul(handle(), product.get(), &one, first, product.first, second, product.second,
                     &old, out, product.out, const_cast<void*>(out), product.out, &plan.algorithm,
                     workspace, plan.workspace, static_cast<cudaStream_t>(stream)),
        "product");
}

void dense_cublas(Stream& stream, const DenseCudaForward& args) {
  DenseCublasProblem p = {.problem = args.problem, .dtype = args.dtype, .out_dtype = args.y_dtype};
  if (!args.b || args.y_dtype == DType::kF32) {
    p.bias = args.b;
    p.alignment = alignment_of(args.x, args.w, args.y);
    return run(stream, p, {.x = args.x, .w = args.w, .y = args.y}, false);
  }
  p.bias = args.b;
  p.out_dtype = DType::kF32;
  p.alignment = alignment_of(args.x, args.w);
  const Shape shape = {args.problem.m, args.problem.out};
  cudnn::Layout layout;
  layout.add(static_cast<size_t>(shape.numel()) * sizeof(float));
  void* const y = stream.workspace(layout.total() + settled_on(stream, p).workspace);
  run(stream, p, {.x = args.x, .w = args.w, .y = y}, false, layout.total());
  cast(stream, {y, shape, DType::kF32}, {args.y, shape, args.y_dtype});  // uses no workspace
}

void dense_cublas(Stream& stream, const DenseCudaBackwardData& args) {
  const DenseCublasProblem p = {.pass = DensePass::kBackwardData,
                                .problem = args.problem,
                                .dtype = args.dtype,
                                .out_dtype = args.dtype,
                                .alignment = alignment_of(args.dy, args.w, args.dx)};
  run(stream, p, {.x = args.dx, .w = args.w, .y = args.dy}, args.accumulate);
}

void dense_cublas(Stream& stream, const DenseCudaBackwardWeight& args) {
  const DenseCublasProblem p = {.pass = DensePass::kBackwardWeight,
                                .problem = args.problem,
                                .dtype = args.dtype,
                                .out_dtype = DType::kF32,
                                .alignment = alignment_of(args.x, args.dy, args.dw)};
  run(stream, p, {.x = args.x, .w = args.dw, .y = args.dy}, args.accumulate);
}

}  // namespace diptych
