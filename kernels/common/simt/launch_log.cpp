// Kernels by name, and what they were launched with.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/launch_log.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <tuple>

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

namespace diptych::simt {

namespace {

// Where the program was loaded to, besides where it was linked for.
uintptr_t base_address() {
  uintptr_t base = 0;
  const auto first = [](dl_phdr_info* program, size_t, void* to) {
    *static_cast<uintptr_t*>(to) = program->dlpi_addr;
    return 1;
  };
  dl_iterate_phdr(first, &base);
  return base;
}

std::string demangled(const char* symbol) {
  int status = 0;
  char* const text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  const std::string name = text ? text : symbol;
  std::free(text);
  return name;
}

// Reads the program's own symbol table: kernels are in anonymous namespaces, so dladdr, which knows
// exported functions alone, does not find them.
class Functions {
 public:
  Functions() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    std::stringstream all;
    all << file.rdbuf();
    image_ = all.str();
    const auto* const header = at<ElfW(Ehdr)>(0);
    const auto* const sections = at<ElfW(Shdr)>(header->e_shoff);
    for (int i = 0; i < header->e_shnum; ++i)
      if (sections[i].sh_type == SHT_SYMTAB)
        read(sections[i], at<char>(sections[sections[i].sh_link].sh_offset));
  }

  // "source|name", the source without its folder.
  std::string of(const void* function) const {
    const auto it = names_.find(reinterpret_cast<uintptr_t>(function));
    return it == names_.end() ? "?|?" : it->second;
  }

 private:
  template <class T>
  const T* at(size_t offset) const {
    return reinterpret_cast<const T*>(image_.data() + offset);
  }

  // A source's local functions stand behind its name.
  void read(const ElfW(Shdr) & table, const char* strings) {
    const uintptr_t base = base_address();
    const auto* const symbols = at<ElfW(Sym)>(table.sh_offset);
    std::string source;
    for (size_t i = 0; i < table.sh_size / table.sh_entsize; ++i) {
      const ElfW(Sym)& s = symbols[i];
      const char* const name = strings + s.st_name;
      const int type = ELF64_ST_TYPE(s.st_info);
      if (type == STT_FILE) source = name;
      if (type == STT_FUNC && std::strstr(name, "_kernel"))
        names_.emplace(base + s.st_value, source + '|' + demangled(name));
    }
  }

  std::string image_;
  std::map<uintptr_t, std::string> names_;
};

class Log {
 public:
  explicit Log(const char* path) : path_(path) {}

  ~Log() {
    const Functions functions;
    std::set<std::string> lines;  // in order: the same launches make the same file
    for (const auto& [kernel, threads, bytes] : launches_)
      lines.insert(functions.of(kernel) + '|' + std::to_string(threads) + '|' +
                   std::to_string(bytes));
    std::ofstream file(path_);
    for (const std::string& line : lines) file << line << '\n';
  }

  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void add(const Grid& g) {
    const std::lock_guard lock(mutex_);
    const dim3 b = g.config.block;
    launches_.emplace(g.kernel, b.x * b.y * b.z, g.config.smem);
  }

 private:
  std::string path_;
  std::mutex mutex_;
  std::set<std::tuple<const void*, unsigned, size_t>> launches_;
};

}  // namespace

void log_launch(const Grid& grid) {
  static const char* const path = std::getenv("DIPTYCH_SIM_LAUNCHES");
  if (!path) return;
  static Log of_program(path);
  of_program.add(grid);
}

}  // namespace diptych::simt
