#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fails when a source is not formatted by .clang-format or lacks its SPDX line, or any file has marks of a merge. Looks at
# the files git tracks.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.cuh' '*.cu')
bad=0
if git grep -nE '^(<{7}|>{7}) '; then
  echo "marks of a merge"
  bad=1
fi
for file in "${sources[@]}"; do
  if ! clang-format --dry-run -Werror "$file" >/dev/null 2>&1; then
    echo "not formatted: $file"
    bad=1
  fi
done
while read -r file; do
  if ! head -n 60 "$file" | grep -q 'SPDX-License-Identifier: MIT'; then
    echo "no SPDX line: $file"
    bad=1
  fi
done < <(git ls-files '*.h' '*.cpp' '*.cuh' '*.cu' '*.py' '*.sh' '*.cmake' 'CMakeLists.txt' '*/CMakeLists.txt')
exit "$bad"
