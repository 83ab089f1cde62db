// Reading of layers_bench's command line.
// SPDX-License-Identifier: MIT
#include "bench/layers/bench_options.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace diptych {

namespace {

BenchNetwork network(const char* archi, int resolution, int ae, int e, int d, int mask, int batch) {
  BenchNetwork n;
  n.config.set_archi(archi);
  n.config.resolution = resolution;
  n.config.ae_dims = ae;
  n.config.e_dims = e;
  n.config.d_dims = d;
  n.config.d_mask_dims = mask;
  n.batch = batch;
  n.name = str(archi, '-', resolution, "-b", batch);
  return n;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

// A number above 0.
double number(const std::string& option, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  DIPTYCH_CHECK(end && *end == '\0' && value > 0, "layers_bench: ", option, ' ', text,
                ", expected a number above 0");
  return value;
}

template <class T, class Name>
T named(const std::string& option,
        const std::string& wanted,
        const std::vector<T>& all,
        const Name& name) {
  std::string known;
  for (const T& each : all) {
    if (wanted == name(each)) return each;
    known += (known.empty() ? "" : ", ") + std::string(name(each));
  }
  throw Error(str("layers_bench: ", option, ' ', wanted, ", expected one of ", known));
}

}  // namespace

std::vector<BenchNetwork> bench_networks() {
  return {network("df-ud", 128, 256, 64, 64, 22, 8), network("df-ud", 128, 256, 64, 64, 22, 32),
          network("liae-udt", 320, 384, 80, 80, 26, 8), network("df-ud", 512, 256, 64, 64, 22, 8)};
}

const char* bench_usage() {
  return "layers_bench: every kernel and the vendor's best on every layer of a SAEHD step\n"
         "  --networks A,B    of df-ud-128-b8, df-ud-128-b32, liae-udt-320-b8, df-ud-512-b8 (all)\n"
         "  --passes A,B      of forward, backward_epilogue, backward_data, backward_data_below,\n"
         "                    backward_weight, backward_bias (all)\n"
         "  --layer TEXT      only layers whose name holds TEXT\n"
         "  --variants A,B    only these; the vendor's are cudnn, cudnn_fused, engine_cudnn, "
         "cublaslt\n"
         "  --dtype bf16|f32  (bf16)\n"
         "  --minutes M       starts no layer after M minutes (60)\n"
         "  --budget-ms T     of cold and of hot runs of one variant (40)\n"
         "  --plans N         of each kind that the vendor proposes are tried (8)\n"
         "  --out FILE        append JSON lines\n"
         "  --commit TEXT     recorded with each line\n"
         "  --list            print the layer tables and stop; needs no GPU\n";
}

BenchOptions parse_bench_options(const std::vector<std::string>& arguments) {
  BenchOptions o;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    if (option == "--list") {
      o.list = true;
      continue;
    }
    DIPTYCH_CHECK(i + 1 < arguments.size(), "layers_bench: ", option, " needs a value");
    const std::string& value = arguments[++i];
    if (option == "--networks") {
      o.networks.clear();
      for (const std::string& name : split(value))
        o.networks.push_back(
            named(option, name, bench_networks(), [](const BenchNetwork& n) { return n.name; }));
    } else if (option == "--passes") {
      const std::vector<LayerPass> all = std::move(o.passes);
      o.passes.clear();
      for (const std::string& name : split(value))
        o.passes.push_back(named(option, name, all, [](LayerPass p) { return name_of(p); }));
    } else if (option == "--layer") {
      o.layer = value;
    } else if (option == "--variants") {
      o.variants = split(value);
    } else if (option == "--dtype") {
      const std::vector<DType> all = {DType::kF32, DType::kBF16};
      o.dtype = named(option, value, all, [](DType d) { return name_of(d); });
    } else if (option == "--minutes") {
      o.minutes = number(option, value);
    } else if (option == "--budget-ms") {
      o.budget_ms = number(option, value);
    } else if (option == "--plans") {
      o.plans = static_cast<int>(std::min(number(option, value), 100.0));
    } else if (option == "--out") {
      o.out = value;
    } else if (option == "--commit") {
      o.commit = value;
    } else {
      throw Error(str("layers_bench: unknown option ", option));
    }
  }
  DIPTYCH_CHECK(o.plans >= 1, "layers_bench: --plans must be 1 or more");
  return o;
}

}  // namespace diptych
