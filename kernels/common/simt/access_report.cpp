// Counts what each line of a kernel costs in bank conflicts and sectors; knows places by number.
// SPDX-License-Identifier: MIT
#include "kernels/common/simt/access_report.h"

#ifndef DIPTYCH_SIMT_CHECK

namespace diptych::simt {

std::vector<AccessLine> take_access_report() {
  return {};
}

}  // namespace diptych::simt

#else

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <unordered_map>

#include <unistd.h>

#include "kernels/common/simt/checker.h"

extern "C" char __executable_start;

namespace diptych::simt {

namespace {

constexpr uint32_t kIsSite = 1u << 31;
constexpr int kBanks = 32;

std::vector<Site> sites;
std::map<std::pair<const char*, int>, uint32_t> site_numbers;

// Lanes of a warp run one after another: their n-th visits to a place make up one request.
struct Request {
  uintptr_t address[32];
  unsigned lanes = 0;
  size_t bytes = 0;
  bool is_shared;
};

struct Lanes {
  uint32_t visits[32] = {};
  std::unordered_map<uint32_t, Request> open;
};

std::unordered_map<uint64_t, Lanes> requests;  // by place and warp
std::map<uint32_t, AccessLine> lines;

// The address is that of the instruction after the call.
std::string source_line(uint32_t offset) {
  char command[200], line[500] = "?";
  std::snprintf(command, sizeof command, "addr2line -e /proc/%d/exe 0x%x",
                static_cast<int>(getpid()), offset - 1);
  if (FILE* const f = popen(command, "r")) {
    if (!std::fgets(line, sizeof line, f)) line[0] = '?';
    pclose(f);
  }
  std::string text = line;
  text = text.substr(0, text.find_first_of(" \n"));
  const size_t up = text.rfind("/../");
  return up == std::string::npos ? text : text.substr(up + 4);
}

// 128 bytes a wavefront; within that, a bank serves one word.
void account_shared(const Request& r, AccessLine& line) {
  const int per = r.bytes <= 4 ? 32 : static_cast<int>(128 / r.bytes);
  for (int first = 0; first < 32; first += per) {
    std::vector<uintptr_t> words[kBanks];
    size_t most = 0;
    for (int l = first; l < first + per; ++l) {
      if (!(r.lanes >> l & 1)) continue;
      for (uintptr_t x = r.address[l] / 4; x <= (r.address[l] + r.bytes - 1) / 4; ++x) {
        auto& bank = words[x % kBanks];
        if (std::find(bank.begin(), bank.end(), x) == bank.end()) bank.push_back(x);
        most = std::max(most, bank.size());
      }
    }
    line.cost += most;
    line.ideal += most != 0;
  }
}

size_t distinct_addresses(const Request& r) {
  std::vector<uintptr_t> all;
  for (int l = 0; l < 32; ++l)
    if (r.lanes >> l & 1) all.push_back(r.address[l]);
  std::sort(all.begin(), all.end());
  return static_cast<size_t>(std::unique(all.begin(), all.end()) - all.begin());
}

void account_global(const Request& r, AccessLine& line) {
  constexpr size_t kSector = 32;
  std::vector<uintptr_t> sectors;
  for (int l = 0; l < 32; ++l) {
    if (!(r.lanes >> l & 1)) continue;
    const uintptr_t last = (r.address[l] + r.bytes - 1) / kSector;
    for (uintptr_t x = r.address[l] / kSector; x <= last; ++x) sectors.push_back(x);
  }
  std::sort(sectors.begin(), sectors.end());
  const auto distinct = std::unique(sectors.begin(), sectors.end()) - sectors.begin();
  line.cost += static_cast<uint64_t>(distinct);
  line.ideal += (r.bytes * distinct_addresses(r) + kSector - 1) / kSector;
}

void account(uint32_t where, const Request& r) {
  AccessLine& line = lines[where];
  line.is_shared = r.is_shared;
  ++line.requests;
  if (r.is_shared)
    account_shared(r, line);
  else
    account_global(r, line);
}

struct PrintAtExit {
  ~PrintAtExit() {
    if (!std::getenv("DIPTYCH_SIMT_REPORT")) return;
    std::printf("%-60s %-7s %10s %12s %8s\n", "accesses at", "memory", "requests", "cost",
                "of ideal");
    for (const AccessLine& l : take_access_report())
      std::printf("%-60s %-7s %10llu %12llu %7.2fx\n", l.place.c_str(),
                  l.is_shared ? "shared" : "global", static_cast<unsigned long long>(l.requests),
                  static_cast<unsigned long long>(l.cost),
                  static_cast<double>(l.cost) / static_cast<double>(l.ideal));
  }
} print_at_exit;

}  // namespace

uint32_t where(const void* return_address) {
  return static_cast<uint32_t>(static_cast<const char*>(return_address) - &__executable_start);
}

uint32_t where(Site s) {
  const auto [i, fresh] =
      site_numbers.try_emplace({s.file, s.line}, static_cast<uint32_t>(sites.size()));
  if (fresh) sites.push_back(s);
  return i->second | kIsSite;
}

std::string place(uint32_t w) {
  if (w & kIsSite) {
    const Site& s = sites[w & ~kIsSite];
    return std::string(s.file) + ":" + std::to_string(s.line);
  }
  static std::map<uint32_t, std::string> known;
  std::string& text = known[w];
  if (text.empty()) text = source_line(w);
  return text;
}

void count_visit(const Visit& v) {
  const auto warp = static_cast<unsigned>(v.thread / 32);
  const int l = v.thread % 32;
  Lanes& lanes = requests[uint64_t{v.where} << 6 | warp];
  const uint32_t n = lanes.visits[l]++;
  Request& r = lanes.open[n];
  r.address[l] = v.address;
  r.lanes |= 1u << l;
  r.bytes = v.bytes;
  r.is_shared = v.is_shared;
  if (r.lanes != ~0u) return;
  account(v.where, r);
  lanes.open.erase(n);
}

void count_open_requests() {
  for (const auto& [key, lanes] : requests)
    for (const auto& [n, r] : lanes.open) account(static_cast<uint32_t>(key >> 6), r);
  requests.clear();
}

std::vector<AccessLine> take_access_report() {
  std::map<std::pair<std::string, bool>, AccessLine> by_line;  // several instructions, one line
  for (const auto& [w, line] : lines) {
    AccessLine& sum = by_line[{place(w), line.is_shared}];
    sum.requests += line.requests;
    sum.cost += line.cost;
    sum.ideal += line.ideal;
  }
  lines.clear();
  std::vector<AccessLine> all;
  for (auto& [key, sum] : by_line) {
    sum.place = key.first;
    sum.is_shared = key.second;
    all.push_back(sum);
  }
  return all;
}

}  // namespace diptych::simt

#endif
