#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compiles every kernel with nvcc for all chips, on a machine that needs no GPU, and shows what ptxas made of it:
# registers, static shared memory, spills. Fails when a kernel does not compile, when one that is not naive spills, or
# when docs/registers.md no longer tells the truth.
#   scripts/cuda_compile.sh            compile and compare with docs/registers.md
#   scripts/cuda_compile.sh --write    compile and rewrite docs/registers.md
#   scripts/cuda_compile.sh FILE.cu .. compile these and print their table
# NVCC names the compiler (default: from PATH, then /usr/local/cuda/bin). Objects and logs go to build/cuda_compile; a
# file is compiled again only when it, or what it includes, has changed.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
table=docs/registers.md
out="${DIPTYCH_CUDA_COMPILE_DIR:-build/cuda_compile}"
# Kernels that may spill, by their name (extended regular expression): those that are there to be read. All others are hot.
cold='_naive_kernel'

nvcc="${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}"
[ -x "$nvcc" ] || { echo "cuda_compile: no nvcc at $nvcc; install a CUDA toolkit or set NVCC" >&2; exit 1; }
version="$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
flags=(-std=c++20 -O3 -lineinfo -I. -Xcompiler -Wall,-Wextra -Xptxas -v
  -gencode "arch=compute_80,code=[sm_80,compute_80]" -gencode arch=compute_86,code=sm_86
  -gencode arch=compute_89,code=sm_89 -gencode arch=compute_90a,code=sm_90a)

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
  if ! "$nvcc" "${flags[@]}" -MD -MF "$base.d" -c "$1" -o "$base.o.new" >"$base.log.new" 2>&1; then
    cat "$base.log.new" >&2
    echo "cuda_compile: $1 does not compile" >&2
    return 1
  fi
  grep -iE 'warning|ptxas.*C7[0-9]+' "$base.log.new" >&2 || true
  mv "$base.log.new" "$base.log"
  mv "$base.o.new" "$base.o"
}

# rows FILE: "kernel|chip|registers|static shared bytes|spilled bytes" of a file's log.
rows() {
  local name="${1//\//.}"
  awk -F"'" '
    /Compiling entry function/ { kernel = $2; chip = $4; spill = 0 }
    /bytes spill stores/ { split($0, w, " "); spill = w[5] + w[9] }
    /Used [0-9]+ registers/ {
      match($0, /Used [0-9]+/); registers = substr($0, RSTART + 5, RLENGTH - 5)
      shared = 0
      if (match($0, /[0-9]+ bytes smem/)) { shared = substr($0, RSTART, RLENGTH); sub(/ .*/, "", shared) }
      print kernel "|" chip "|" registers "|" shared "|" spill
    }' "$out/${name%.cu}.log" | c++filt |
    sed -E -e 's/\(anonymous namespace\):://g' -e 's/^(void )?//' -e 's/diptych:://g' -e 's/simt:://g' \
      -e 's/__nv_bfloat16/bf16/g' -e 's/\([A-Za-z_]+\)(-?[0-9])/\1/g' -e 's/\([^|]*\)\|/|/'
}

# One line per kernel: file, name, registers per chip, shared memory, spills.
make_table() {
  local file
  echo '| file | kernel | sm_80 | sm_86 | sm_89 | sm_90a | static shared | spilled |'
  echo '| --- | --- | --- | --- | --- | --- | --- | --- |'
  for file in "$@"; do
    rows "$file" | awk -F'|' -v file="${file#kernels/}" '
      { registers[$1, $2] = $3; if ($4 > shared[$1]) shared[$1] = $4; if ($5 > spill[$1]) spill[$1] = $5; names[$1] }
      END { for (k in names) printf "| %s | `%s` | %s | %s | %s | %s | %d | %d |\n", file, k, registers[k, "sm_80"],
              registers[k, "sm_86"], registers[k, "sm_89"], registers[k, "sm_90a"], shared[k], spill[k] }' | LC_ALL=C sort
  done
}

make_page() {
  cat <<END
# Registers

What ptxas makes of every kernel: registers per thread on each chip, bytes of static shared memory, bytes spilled on the
worst chip. Compiled by nvcc $version. A kernel for sm_90a alone is empty on the others. Dynamic shared memory is part of
the launch, not of this table. Written by scripts/cuda_compile.sh --write.

END
  make_table "$@"
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
spilling="$(awk -F'|' -v cold="$cold" '/`/ && $9 + 0 > 0 && $3 !~ cold' "$out/registers.md")"
if [ -n "$spilling" ]; then
  printf 'cuda_compile: hot kernels spill:\n%s\n' "$spilling" >&2
  exit 1
fi
if [ "$write" -eq 1 ]; then
  cp "$out/registers.md" "$table"
elif [ "$some" -eq 0 ]; then
  if ! grep -q "Compiled by nvcc $version\." "$table"; then
    echo "cuda_compile: $table was made by another nvcc than $version; registers are not compared"
  elif ! diff -u "$table" "$out/registers.md"; then
    echo "cuda_compile: $table is out of date; run scripts/cuda_compile.sh --write" >&2
    exit 1
  fi
fi
