#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fails when a source is not formatted by .clang-format or lacks its SPDX line, or any file has marks of a merge. Looks at
# the files git tracks.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.cuh' '*.cu')
mapfile -t licensed < <(printf '%s\n' "${sources[@]}"
  git ls-files '*.py' '*.sh' '*.awk' '*.cmake' 'CMakeLists.txt' '*/CMakeLists.txt')
bad=0
if git grep -nE '^(<{7}|>{7}) '; then
  echo "marks of a merge"
  bad=1
fi
# One process for all files: starting one for each takes ten times as long.
if ! complaints="$(clang-format --dry-run -Werror "${sources[@]}" 2>&1)"; then
  sed -n 's/^\([^: ]*\):[0-9].*clang-format.*/not formatted: \1/p' <<<"$complaints" | sort -u | grep . || echo "$complaints"
  bad=1
fi
unlicensed="$(awk '
  FNR == 1 { if (file && !found) print "no SPDX line: " file; file = FILENAME; found = 0 }
  FNR <= 60 && /SPDX-License-Identifier: MIT/ { found = 1 }
  END { if (!found) print "no SPDX line: " file }' "${licensed[@]}")"
if [ -n "$unlicensed" ]; then
  echo "$unlicensed"
  bad=1
fi
exit "$bad"
