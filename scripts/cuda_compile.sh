#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles every kernel with nvcc for all chips, on a machine that needs no GPU, and shows what ptxas made of it:
# registers, shared memory, spills, and how many blocks a multiprocessor holds. Threads and dynamic shared memory are
# those of the sim tests' launches. Fails when a kernel does not compile, when one that is not naive spills, when no sim
# test launches one, or when docs/registers.md no longer tells the truth.
#   scripts/cuda_compile.sh            compile and compare with docs/registers.md
#   scripts/cuda_compile.sh --write    compile and rewrite docs/registers.md
#   scripts/cuda_compile.sh FILE.cu .. compile these and print their table
# DIPTYCH_LAUNCHES names the folder where ctest left what the sim tests launched (default: build/ci/sim_launches).
# NVCC names the compiler (default: from PATH, then /usr/local/cuda/bin). Objects and logs go to build/cuda_compile; a
# file is compiled again only when it, or what it includes, has changed.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
table=docs/registers.md
out="${DIPTYCH_CUDA_COMPILE_DIR:-build/cuda_compile}"
# Kernels that may spill, by name (extended regular expression): those that are there to be read. All others are hot.
cold='_naive_kernel'
launches="${DIPTYCH_LAUNCHES:-build/ci/sim_launches}"

nvcc="${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}"
[ -x "$nvcc" ] || { echo "cuda_compile: no nvcc at $nvcc; install a CUDA toolkit or set NVCC" >&2; exit 1; }
version="$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
flags=(-std=c++20 -O3 -lineinfo -I. -Xcompiler -Wall,-Wextra -Xptxas -v
  -gencode "arch=compute_80,code=[sm_80,compute_80]" -gencode arch=compute_90a,code=sm_90a)
more_chips=(-gencode arch=compute_86,code=sm_86 -gencode arch=compute_89,code=sm_89)  # of kernels in the table

# stale OBJECT DEPENDENCIES: true when the object is older than anything it was made from.
stale() {
  [ -f "$1" ] && [ -f "$2" ] || return 0
  local file
  for file in $(sed -e 's/^[^:]*://' -e 's/\\$//' "$2"); do
    [ "$file" -nt "$1" ] || [ ! -e "$file" ] && return 0
  done
  return 1
}

# compile FILE: object, log of ptxas and dependencies under $out.
compile() {
  local name="${1//\//.}"
  local base="$out/${name%.cu}"
  stale "$base.o" "$base.d" || return 0
  local chips=("${flags[@]}")
  case "$1" in kernels/common/* | bench/* | tests/*) ;; *) chips+=("${more_chips[@]}") ;; esac
  if ! "$nvcc" "${chips[@]}" -MD -MF "$base.d" -c "$1" -o "$base.o.new" >"$base.log.new" 2>&1; then
    cat "$base.log.new" >&2
    echo "cuda_compile: $1 does not compile" >&2
    return 1
  fi
  grep -iE 'warning|ptxas.*C7[0-9]+' "$base.log.new" >&2 || true
  mv "$base.log.new" "$base.log"
  mv "$base.o.new" "$base.o"
}

# Kernels as the page names them, by the compilers' demangled names.
short_names() {
  sed -E -e 's/\(anonymous namespace\):://g' -e 's/(^|\|)void /\1/g' -e 's/diptych:://g' -e 's/simt:://g' \
    -e 's/__nv_bfloat16/bf16/g' -e 's/\([A-Za-z_]+\)(-?[0-9])/\1/g' -e 's/\([^|]*\)\|/|/'
}

# rows FILE: "source|kernel|chip|registers|static shared bytes|spilled bytes" of a file's log.
rows() {
  local name="${1//\//.}"
  awk -F"'" -v file="${1#kernels/}" '
    /Compiling entry function/ { kernel = $2; chip = $4; spill = 0 }
    /bytes spill stores/ { split($0, w, " "); spill = w[5] + w[9] }
    /Used [0-9]+ registers/ {
      match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5, RLENGTH - 5)
      shared = 0
      if (match($0, /[0-9]+ bytes smem/)) { shared = substr($0, RSTART, RLENGTH); sub(/ .*/, "", shared) }
      print file "|" kernel "|" chip "|" registers "|" shared "|" spill
    }' "$out/${name%.cu}.log" | c++filt | short_names
}

# One line per kernel: file, name, registers per chip, launch, spills.
make_table() {
  local file
  for file in "$@"; do rows "$file"; done >"$out/rows"
  cat "$launches"/*.txt 2>/dev/null | short_names >"$out/launches" || true
  awk -f scripts/registers.awk input=1 "$out/launches" input=2 "$out/rows" | (sed -u 2q; LC_ALL=C sort)
}

make_page() {
  cat <<END
# Registers and shared memory

What ptxas makes of every kernel, and what a multiprocessor holds of it. Compiled by nvcc $version; written by
scripts/cuda_compile.sh --write.

- \`sm_80\` to \`sm_90a\`: registers per thread. A kernel for sm_90a alone is empty on the others.
- \`threads\`, \`dynamic\`: of a block, and its bytes of dynamic shared memory: the most that a sim test launches.
- \`static\`: bytes of static shared memory.
- \`blocks\`: how many a multiprocessor of sm_80, sm_86, sm_89 and sm_90a holds at once by registers, shared memory and
  threads; - when one block does not fit.
- \`spilled\`: bytes, on the worst chip.

END
  make_table "$@"
}

# The page without what comes from launches.
without_launches() {
  awk -F'|' -v OFS='|' '/^\|/ { $8 = $10 = $11 = "" } 1' "$1"
}

mkdir -p "$out"
write=0
files=()
for argument in "$@"; do
  if [ "$argument" = --write ]; then write=1; else files+=("$argument"); fi
done
some=${#files[@]}
if [ "$some" -eq 0 ]; then
  mapfile -t files < <(LC_ALL=C ls kernels/*/*.cu | grep -v "^kernels/common/")
  others=(kernels/common/cuda/*.cu bench/*/*.cu)
  for file in tests/sim/*.cu; do  # those that run on a GPU too
    grep -q "ON_EMULATOR_ONLY SOURCES $(basename "$file")" tests/sim/CMakeLists.txt || others+=("$file")
  done
fi
export -f compile stale
export nvcc out
jobs="${DIPTYCH_JOBS:-$(nproc)}"
failed=0
running=0
for file in "${files[@]}" ${others[@]+"${others[@]}"}; do
  compile "$file" &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
done
while [ "$running" -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
[ "$failed" -eq 0 ] || exit 1

make_page "${files[@]}" >"$out/registers.md"
sed -n '/^|/p' "$out/registers.md"
spilling="$(awk -F'|' -v cold="$cold" '/^\|/ && /`/ && $12 + 0 > 0 && $3 !~ cold' "$out/registers.md")"
if [ -n "$spilling" ]; then
  printf 'cuda_compile: hot kernels spill:\n%s\n' "$spilling" >&2
  exit 1
fi
[ "$some" -eq 0 ] || exit 0

compared=cat
if ! ls "$launches"/*.txt >/dev/null 2>&1; then
  remedy="build the sim tests and run: ctest --preset ci -R 'sim/.*/plain\$'"
  [ "$write" -eq 0 ] || { echo "cuda_compile: no launches in $launches; $remedy" >&2; exit 1; }
  echo "cuda_compile: no launches in $launches, so threads, dynamic and blocks are not compared; $remedy"
  compared=without_launches
elif grep '^| .*| ? |' "$out/registers.md" >&2; then
  echo "cuda_compile: no sim test launches these; add one that does" >&2
  exit 1
fi
if [ "$write" -eq 1 ]; then
  cp "$out/registers.md" "$table"
elif ! grep -q "Compiled by nvcc $version;" "$table"; then
  echo "cuda_compile: $table was made by another nvcc than $version; registers are not compared"
elif ! diff -u <("$compared" "$table") <("$compared" "$out/registers.md"); then
  echo "cuda_compile: $table is out of date; run scripts/cuda_compile.sh --write" >&2
  exit 1
fi
