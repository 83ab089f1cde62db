#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Steps through a kernel on the CPU, or shows what its memory accesses cost.
#   scripts/gdb/step_kernel.sh                  lists the tests, with TEST alone its kernels
#   scripts/gdb/step_kernel.sh TEST KERNEL [options] [-- GDB ARGUMENTS]
#   scripts/gdb/step_kernel.sh TEST --report [FILE]
# TEST is a sim test (dssim, blur, kernels, ...; tests/sim/CMakeLists.txt has them all), KERNEL a kernel's name without
# its template arguments.
#   --block X[,Y,Z]     stop in this block      (default 0,0,0)
#   --thread X[,Y,Z]    stop in this thread     (default 0,0,0)
#   --line FILE:LINE    stop there instead of at the kernel's start
#   --filter PATTERN    only GoogleTest cases that match
#   --build DIR         build folder, configured before (default build/cpu)
#   --report [FILE]     run the checker and print bank conflicts and sectors by source line, of FILE alone if given
# In gdb: simt (where am I), simt-thread X Y Z (go to another thread), simt-barrier; next and step stay in the thread.
#   scripts/gdb/step_kernel.sh dssim dssim_forward_tiled_kernel --block 1 --thread 5,3
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
usage() { sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit "${1:-2}"; }
fail() { echo "step_kernel: $*" >&2; exit 1; }

tests="$root/tests/sim/CMakeLists.txt"
if [ $# -eq 0 ]; then
  usage 0 | head -n 6
  echo "tests: $(sed -nE 's/^diptych_sim_test\(([a-z0-9_]+) .*/\1/p' "$tests" | tr '\n' ' ')"
  exit 0
fi
case "$1" in -h | --help) usage 0 ;; esac
test="$1"
grep -q "^diptych_sim_test($test " "$tests" || fail "there is no sim test $test; without arguments I list them"

# The kernels of $test: in its own files, and in the folders of its ops.
kernels_of_test() {
  local name file
  for name in $(awk -v head="diptych_sim_test($test " 'index($0, head) == 1 { on = 1 } on { print } /\)$/ { on = 0 }' "$tests" |
    grep -oE '[a-z0-9_]+\.cu\b'); do
    for file in "$root"/kernels/*/"$name"; do if [ -f "$file" ]; then ls "${file%/*}"/*.cu*; fi; done
    if [ -f "$root/tests/sim/$name" ]; then ls "$root/tests/sim/$name" "$root"/tests/sim/*kernel*.cuh; fi
  done | sort -u | xargs -d '\n' grep -ohE '\b[a-z0-9_]+_kernel\(' | tr -d '(' | sort -u
}
shift
kernel="" block=0,0,0 thread=0,0,0 line="" filter='*' build="$root/build/cpu" report=0 file=""
while [ $# -gt 0 ]; do
  case "$1" in
    --block) block="$2,0,0"; shift 2 ;;
    --thread) thread="$2,0,0"; shift 2 ;;
    --line) line="$2"; shift 2 ;;
    --filter) filter="$2"; shift 2 ;;
    --build) build="$2"; shift 2 ;;
    --report)
      report=1
      shift
      case "${1:-}" in "" | --*) ;; *) file="$1"; shift ;; esac
      ;;
    --) shift; break ;;
    -*) usage ;;
    *) kernel="$1"; shift ;;
  esac
done
[ "$report" -eq 1 ] || [ -n "$kernel" ] || [ -n "$line" ] || { echo "kernels of $test:"; kernels_of_test; exit 0; }
[ -f "$build/CMakeCache.txt" ] || fail "$build is not configured; run: cmake --preset cpu, or give --build DIR"

build_target() {
  cmake --build "$build" --target "$1" >"$build/step_kernel.log" 2>&1 ||
    { tail -n 20 "$build/step_kernel.log" >&2; fail "cannot build $1; is $test a test of tests/sim/CMakeLists.txt?"; }
  binary="$(find "$build" -name "$1" -type f -perm -u+x | head -n 1)"
}

if [ "$report" -eq 1 ]; then
  build_target "${test}_sim_check"
  cd "$root"
  DIPTYCH_SIMT_REPORT=1 "$binary" --gtest_brief=1 --gtest_filter="$filter" |
    sed -n '/^accesses at/,$p' | sed -e "s|$root/||" -e 's|^\(\.\./\)*||' | { IFS= read -r head && echo "$head"; grep -F -- "$file" || true; }
  exit 0
fi

command -v gdb >/dev/null || fail "gdb is not installed: apt-get install gdb"
build_target "${test}_sim_step"
IFS=, read -r bx by bz _ <<<"$block"
IFS=, read -r tx ty tz _ <<<"$thread"
condition="blockIdx.x == $bx && blockIdx.y == $by && blockIdx.z == $bz"
condition="$condition && threadIdx.x == $tx && threadIdx.y == $ty && threadIdx.z == $tz"
cd "$root"
exec env DIPTYCH_SIMT_ABORT=1 gdb -q -x scripts/gdb/simt.gdb \
  -ex "tbreak ${line:-$kernel} if $condition" -ex run -ex simt "$@" \
  --args "$binary" --gtest_filter="$filter"
