// JsonLine: one flat JSON object on one line, for files of measurements.
// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

#include "kernels/common/check.h"

namespace diptych {

class JsonLine {
 public:
  JsonLine& add(const char* key, const std::string& value) {
    name(key);
    text_ += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') {
        text_ += '\\';
        text_ += c;
      } else {
        text_ += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
      }
    }
    text_ += '"';
    return *this;
  }

  JsonLine& add(const char* key, const char* value) { return add(key, std::string(value)); }

  // Six digits. JSON has no NaN and no infinity.
  JsonLine& add(const char* key, double value) {
    DIPTYCH_CHECK(std::isfinite(value), "JsonLine: ", key, " is ", value);
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", value);
    name(key);
    text_ += digits;
    return *this;
  }

  JsonLine& add(const char* key, int value) {
    name(key);
    text_ += std::to_string(value);
    return *this;
  }

  JsonLine& add(const char* key, bool value) {
    name(key);
    text_ += value ? "true" : "false";
    return *this;
  }

  // Fields of another line, behind those of this one.
  JsonLine& add(const JsonLine& other) {
    if (!other.text_.empty()) text_ += (text_.empty() ? "" : ", ") + other.text_;
    return *this;
  }

  std::string line() const { return "{" + text_ + "}"; }

 private:
  void name(const char* key) {
    if (!text_.empty()) text_ += ", ";
    text_ += '"';
    text_ += key;
    text_ += "\": ";
  }

  std::string text_;
};

}  // namespace diptych
