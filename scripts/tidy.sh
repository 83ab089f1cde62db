#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs clang-tidy by .clang-tidy. Not a part of .ci/run: every file costs seconds, all of them more than the tests.
#   scripts/tidy.sh [--base REF]   the sources that differ from REF (default main), committed or not
#   scripts/tidy.sh FILE.cpp ..    these
# Uses the compile commands of build/ci, which are made when they are missing.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
base=main
if [ "${1:-}" = --base ]; then base="${2:?usage: scripts/tidy.sh [--base REF] [FILE.cpp ...]}"; shift 2; fi
command -v clang-tidy >/dev/null || { echo "tidy: install clang-tidy (apt-get install clang-tidy)" >&2; exit 1; }
files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$base" -- '*.cpp')
fi
[ ${#files[@]} -gt 0 ] || { echo "tidy: no source differs from $base"; exit 0; }
[ -f build/ci/compile_commands.json ] || cmake --preset ci >/dev/null
bad=0
for file in "${files[@]}"; do
  clang-tidy --quiet -p build/ci "$file" 2>/dev/null || bad=$((bad + 1))
done
echo "tidy: ${#files[@]} sources, $bad with findings"
[ "$bad" -eq 0 ]
