#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sets up, builds and runs all tests.
#   scripts/test.sh [PRESET]   cpu (default), ci (warnings are errors), cpu-asan
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
preset="${1:-cpu}"
source "$root/scripts/setup.sh"
cd "$root"
cmake --preset "$preset"
cmake --build --preset "$preset"
ctest --preset "$preset" -j "$(nproc)"
