// The rules of SaehdConfig.
// SPDX-License-Identifier: MIT
#include "models/saehd/config.h"

#include <algorithm>
#include <cmath>

namespace diptych {

namespace {

void check_range(const char* name, int value, int low, int high, int multiple) {
  if (value >= low && value <= high && value % multiple == 0) return;
  const int first = (low + multiple - 1) / multiple * multiple;
  const int rounded =
      static_cast<int>(std::lround(static_cast<double>(value) / multiple)) * multiple;
  const int nearest = std::clamp(rounded, first, high / multiple * multiple);
  throw Error(str(name, " = ", value, " is not possible: use a multiple of ", multiple, " from ",
                  first, " to ", high, ", nearest ", nearest));
}

}  // namespace

void SaehdConfig::set_archi(const std::string& archi) {
  const size_t dash = archi.find('-');
  const std::string family = archi.substr(0, dash);
  const std::string letters = dash == std::string::npos ? "" : archi.substr(dash + 1);
  const bool known = (family == "df" || family == "liae") &&
                     letters.find_first_not_of("udtc") == std::string::npos &&
                     (dash == std::string::npos || !letters.empty());
  DIPTYCH_CHECK(known, "archi = ", archi,
                " is not known: use df or liae, then optionally '-' and letters of u, d, t, c, for "
                "example df-ud");
  const auto has = [&](char letter) { return letters.find(letter) != std::string::npos; };
  liae = family == "liae";
  u = has('u');
  d = has('d');
  t = has('t');
  c = has('c');
}

std::string SaehdConfig::archi() const {
  std::string letters;
  if (u) letters += 'u';
  if (d) letters += 'd';
  if (t) letters += 't';
  if (c) letters += 'c';
  return std::string(liae ? "liae" : "df") + (letters.empty() ? "" : "-" + letters);
}

void SaehdConfig::validate() const {
  check_range("resolution", resolution, 64, 640, multiple());
  check_range("ae_dims", ae_dims, 32, 1024, 1);
  check_range("e_dims", e_dims, 16, 256, 2);
  check_range("d_dims", d_dims, 16, 256, 2);
  check_range("d_mask_dims", d_mask_dims, 16, 256, 2);
}

}  // namespace diptych
