#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds for a GPU and, where there is one, tests, sanitizes and times everything on it. For a bare machine: nvcc, CMake
# and ninja; PyTorch for the peer. Needs no OpenCV, oneDNN or Google Benchmark.
#   scripts/gpu_check.sh               all parts, a subset of each, within one limit; sanitizers last
#   scripts/gpu_check.sh PART [NAME]   one part in full: build, tests, sanitize, layers, steps
#                                      NAME: only this network of layers or steps, for example df-ud-128-b8
#   scripts/gpu_check.sh carry         before the tree is copied to such a machine: puts what it may lack, GoogleTest's
#                                      source, the peer and the commit, into build/carry, to be copied along
# Without a GPU it builds everything, runs what needs none, says so, and skips the rest.
# Settings, from the environment:
#   OUT           results: summary.txt, layers.jsonl, steps.jsonl, logs.tar.gz (build/gpu_check)
#   BUILD         build folder, kept between calls (build/gpu)
#   GTEST_SOURCE  GoogleTest's source, where the package is not installed (build/carry/googletest, /usr/src/googletest)
#   CUDNN_ROOT, CUBLAS_ROOT   their folders, where they are not in the toolkit; PyTorch's are found
#   PEER          the PyTorch peer (saehd_torch.py in build/carry, shared/peer, ../shared/peer), PYTHON its interpreter
#   LIMIT         seconds that this call may take (520)
#   COMMIT        recorded with the figures (git's, build/carry/commit)
# Exit code: 0, or 1 when something failed to build, a test failed, or a sanitizer found something.
set -uo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root" || exit 1
part="${1:-all}"
only="${2:-}"
out="${OUT:-build/gpu_check}"
build="${BUILD:-build/gpu}"
python="${PYTHON:-python3}"
carried=build/carry
# first FILE..: the first that exists, else the last.
first() {
  local file
  for file in "$@"; do [ -e "$file" ] && break; done
  echo "$file"
}
peer="${PEER:-$(first "$carried/saehd_torch.py" shared/peer/saehd_torch.py ../shared/peer/saehd_torch.py)}"
limit="${LIMIT:-520}"
commit="${COMMIT:-$(git rev-parse --short HEAD 2>/dev/null || cat "$carried/commit" 2>/dev/null || echo unknown)}"
started="$(date +%s)"
case "$part" in all | build | tests | sanitize | layers | steps | carry) ;; *)
  echo "gpu_check: no part is named $part; there are build, tests, sanitize, layers, steps, all and carry" >&2
  exit 1 ;;
esac
case "$limit" in "" | *[!0-9]*)
  echo "gpu_check: LIMIT is '$limit', not a number of seconds" >&2
  exit 1 ;;
esac

part_carry() {
  local gtest="${GTEST_SOURCE:-/usr/src/googletest}"
  local peer="${PEER:-$(first shared/peer/saehd_torch.py ../shared/peer/saehd_torch.py)}"  # not the copy that is replaced
  [ -f "$gtest/googletest/CMakeLists.txt" ] ||
    { echo "gpu_check: no GoogleTest source in $gtest; install libgtest-dev or set GTEST_SOURCE" >&2; exit 1; }
  rm -rf "$carried"
  mkdir -p "$carried/googletest/googletest"
  cp "$gtest/CMakeLists.txt" "$carried/googletest/"
  cp -r "$gtest"/googletest/{CMakeLists.txt,cmake,include,src} "$carried/googletest/googletest/"
  if [ -f "$peer" ]; then cp "$peer" "$carried/"; else echo "gpu_check: no peer at $peer: not carried" >&2; fi
  echo "$commit" >"$carried/commit"
  du -sh "$carried"
}
if [ "$part" = carry ]; then
  part_carry
  exit 0
fi

mkdir -p "$out" "$build/logs"
out="$(cd "$out" && pwd)"
logs="$(cd "$build/logs" && pwd)"
rm -f "$logs"/*
summary="$out/summary.txt"
failed=0
: >"$summary"

kept=0  # seconds of the limit that are for parts to come
[ "$part" = all ] && kept=60
left() { echo $((limit - kept - ($(date +%s) - started))); }
note() { printf '%-10s %-8s %s\n' "$1" "$2" "$3" | tee -a "$summary"; }
fail() { note "$1" FAILED "$2"; failed=1; }
finish() {
  tar -czf "$out/logs.tar.gz" -C "$logs" .  # one file: there are dozens
  printf '\n%s\n' "gpu_check $part, commit $commit, ${gpu:-no GPU}, $(($(date +%s) - started)) s of $limit; results in $out"
  cat "$summary"
  exit "$failed"
}
trap 'echo "gpu_check: stopped" >&2; failed=1; finish' INT TERM

# within SECONDS LOG COMMAND..: runs it with its output in LOG, no longer than SECONDS and the time that is left. Kernels
# that hang are ended with their process.
within() {
  local most="$1" log="$2"
  shift 2
  [ "$(left)" -lt "$most" ] && most="$(left)"
  [ "$most" -lt 5 ] && { echo "out of time" >"$log"; return 124; }
  timeout -k 5 "$most" "$@" >"$log" 2>&1
}

gpu="$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)"
[ -n "$gpu" ] && nvidia-smi >"$logs/nvidia-smi.txt" 2>&1

# Where PyTorch's wheels keep a library: NAME of a folder under nvidia/.
wheel_folder() {
  "$python" - "$1" 2>/dev/null <<'END'
import importlib.util, os, sys
spec = importlib.util.find_spec("nvidia")
for place in spec.submodule_search_locations if spec else []:
    if os.path.isdir(os.path.join(place, sys.argv[1], "include")):
        print(os.path.join(place, sys.argv[1]))
        break
END
}

# cuDNN and cuBLAS: where the environment says, else the toolkit's, else those of PyTorch's wheels. The loader learns of the
# wheels last.
toolkit="$(dirname "$(dirname "$(readlink -f "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")")")"
cudnn="${CUDNN_ROOT:-}" cublas="${CUBLAS_ROOT:-}"
[ -z "$cudnn" ] && [ ! -e "$toolkit/include/cudnn_version.h" ] && [ ! -e /usr/include/cudnn_version.h ] && cudnn="$(wheel_folder cudnn)"
[ -z "$cublas" ] && [ ! -e "$toolkit/include/cublasLt.h" ] && cublas="$(wheel_folder cu13)"
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${cudnn:+$cudnn/lib:}${cublas:+$cublas/lib:}$toolkit/lib64"

# The chip's own target; without a GPU Hopper's, which has every kernel.
architecture() {
  local capability
  capability="$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)"
  case "$capability" in "" | 90) echo 90a ;; *) echo "$capability" ;; esac
}

configure() {
  local options=(-G Ninja -DCMAKE_BUILD_TYPE=Release -DDIPTYCH_CUDA=ON -DDIPTYCH_FACES=OFF
    "-DCMAKE_CUDA_ARCHITECTURES=$(architecture)")
  local gtest="${GTEST_SOURCE:-$(first "$carried/googletest" /usr/src/googletest)}"
  if [ -n "${GTEST_SOURCE:-}" ] || [ ! -e /usr/include/gtest/gtest.h ]; then
    if [ -f "$gtest/CMakeLists.txt" ]; then
      { cmake -S "$gtest" -B "$build/gtest" -G Ninja -DBUILD_GMOCK=OFF -DCMAKE_CXX_STANDARD=17 \
          "-DCMAKE_INSTALL_PREFIX=$PWD/$build/gtest/installed" && cmake --build "$build/gtest" --target install; } \
        >"$logs/gtest.log" 2>&1 || { fail build "GoogleTest from $gtest, see gtest.log"; return 1; }
      options+=("-DGTest_ROOT=$PWD/$build/gtest/installed")
    else
      note build note "no GoogleTest: the tests are not built; set GTEST_SOURCE"
      options+=(-DDIPTYCH_TESTS=OFF)
    fi
  fi
  [ -n "$cudnn" ] && options+=("-DCUDNN_ROOT=$cudnn")
  [ -n "$cublas" ] && options+=("-DCUBLAS_ROOT=$cublas")
  if ! cmake -S . -B "$build" "${options[@]}" >"$logs/configure.log" 2>&1; then
    tail -n 20 "$logs/configure.log"
    fail build "configure, see configure.log"
    return 1
  fi
  grep '^-- diptych' "$logs/configure.log"
}

part_build() {
  configure || return
  local begun
  begun="$(date +%s)"
  if within "$limit" "$logs/build.log" cmake --build "$build" -- -k 0; then
    note build ok "everything, sm_$(architecture), $(($(date +%s) - begun)) s"
  else
    grep -E '^FAILED|error' "$logs/build.log" | head -n 20
    fail build "$(grep -c '^FAILED' "$logs/build.log") targets, see build.log$([ "$(left)" -lt 5 ] && echo '; out of time')"
  fi
}

# What later parts need. Builds when nobody has.
need_build() {
  [ -f "$build/build.ninja" ] || part_build
  [ -f "$build/build.ninja" ]
}

no_gpu() {
  [ -n "$gpu" ] && return 1
  note "$1" skipped "no GPU"
}

# run_ctest PART NAME SECONDS ARGUMENTS..: ctest, its log and its results as JUnit.
run_ctest() {
  local name="$1" log="$logs/$2.log" most="$3"
  shift 3
  local begun code
  begun="$(date +%s)"
  within "$most" "$log" ctest --test-dir "$build" --timeout 120 --output-on-failure \
    --output-junit "${log%.log}.xml" --no-tests=error "$@"
  code=$?
  local told
  told="$(grep -E 'tests passed|No tests were found' "$log" | tail -n 1), $(($(date +%s) - begun)) s"
  if [ "$code" -eq 0 ]; then
    note "$name" ok "$* : $told"
    local skipped  # a driver that is too old skips everything
    skipped="$(grep -c '\*\*\*Skipped' "$log")"
    [ "$skipped" -gt 0 ] && note "$name" note "$skipped of them were skipped: $(grep '\*\*\*Skipped' "$log" | sed 's/.*Test *#[0-9]*: //;s/ \.\.\..*//' | sort | head -n 8 | tr '\n' ' ')"
  else
    sed -n '/The following tests FAILED/,$p' "$log" | head -n 40
    fail "$name" "$* : ${told:-out of time}, see $(basename "$log")"
  fi
}

# The emulator's own tests, as CUDA: the vocabulary (shuffles, mma, bulk copies, wgmma) means on a chip what it means
# there. Then every op.
emulator_tests='^cuda/(vocabulary|tensor_core|bulk_copy|kernels)$'
part_tests() {
  need_build || return
  run_ctest tests tests_host 120 -L cpu -R '^(layer_tables_test|conv2d_cudnn_test)/'
  no_gpu tests && return
  run_ctest tests tests_emulator 120 -R "$emulator_tests"
  run_ctest tests tests_cuda "$limit" -L cuda -E "$emulator_tests" -j 4
}

sanitizer="$(command -v compute-sanitizer || echo "$toolkit/bin/compute-sanitizer")"
# sanitize TOOL SECONDS PROGRAM. Calls that fail are no finding: tests make some on purpose.
sanitize() {
  local name options=()
  name="$(basename "$3")"
  [ "$1" = memcheck ] && options=(--report-api-errors no)
  within "$2" "$logs/$1_$name.log" "$sanitizer" --tool "$1" "${options[@]}" --error-exitcode 9 --print-limit 20 "$3" --gtest_brief=1
}

part_sanitize() {
  need_build || return
  no_gpu sanitize && return
  [ -x "$sanitizer" ] || { note sanitize skipped "compute-sanitizer is not installed"; return; }
  local programs probe tool program code most=90
  mapfile -t programs < <(find "$build" -name '*_sim_cuda' -type f | LC_ALL=C sort)
  probe="$(printf '%s\n' "${programs[@]}" | grep -m 1 depth_to_space)"
  [ -n "$probe" ] || { note sanitize skipped "no tests were built"; return; }
  sanitize memcheck 60 "$probe"
  if grep -qiE 'not supported|unable to|internal error' "$logs/memcheck_$(basename "$probe").log"; then
    note sanitize skipped "compute-sanitizer does not work here: $(grep -iE -m 1 'not supported|unable to|internal error' "$logs/memcheck_$(basename "$probe").log")"
    return
  fi
  if [ "$part" = all ]; then
    mapfile -t programs < <(printf '%s\n' "${programs[@]}" | grep -E 'depth_to_space|reduce|optimizer|gemm')
    most=20
  fi
  for tool in memcheck racecheck; do
    local clean=0 bad=0 late=""
    for program in "${programs[@]}"; do
      sanitize "$tool" "$most" "$program"
      code=$?
      case "$code" in
        0) clean=$((clean + 1)) ;;
        124 | 137) late+=" $(basename "$program")" ;;
        *) bad=$((bad + 1)); fail sanitize "$tool $(basename "$program"), code $code: $(grep -m 1 '=========.*\(Invalid\|Race\|hazard\|ERROR SUMMARY\)' "$logs/${tool}_$(basename "$program").log")" ;;
      esac
    done
    [ "$bad" -eq 0 ] && note sanitize ok "$tool: $clean of ${#programs[@]} programs clean${late:+; out of time:$late}"
  done
}

part_layers() {
  need_build || return
  local bench="$build/bench/layers/layers_bench"
  [ -x "$bench" ] || { fail layers "layers_bench was not built"; return; }
  "$bench" --list >"$logs/layer_tables.txt" || { fail layers "layers_bench --list"; return; }
  no_gpu layers && return
  local networks=(df-ud-128-b8 df-ud-128-b32 liae-udt-320-b8 df-ud-512-b8) budget=20 network code most
  [ "$part" = all ] && networks=(df-ud-128-b8) && budget=8
  [ -n "$only" ] && networks=("$only")
  for network in "${networks[@]}"; do
    most="$(left)"
    [ "$part" = all ] && [ "$most" -gt 150 ] && most=150
    [ "$most" -lt 20 ] && { note layers skipped "$network: out of time"; continue; }
    within "$most" "$logs/layers_$network.log" "$bench" --networks "$network" --budget-ms "$budget" --commit "$commit" \
      --minutes "$(awk -v s="$most" 'BEGIN { print (s - 15) / 60 }')" --out "$out/layers.jsonl"
    code=$?
    local lines
    lines="$(grep -c "\"network\": \"$network\"" "$out/layers.jsonl" 2>/dev/null)"
    if [ "$code" -eq 0 ]; then
      note layers ok "$network: $lines figures; $(grep -m 1 '^peaks' "$logs/layers_$network.log"); $(grep '^out of time' "$logs/layers_$network.log")"
    else
      fail layers "$network: code $code after $lines figures: $(grep -m 1 -E 'FAILED|error' "$logs/layers_$network.log")"
    fi
  done
}

# archi resolution ae e d mask batch
networks_of_steps=(
  "df-ud 128 256 64 64 22 8"
  "df-ud 128 256 64 64 22 32"
  "liae-udt 320 384 80 80 26 8"
  "df-ud 512 256 64 64 22 8"
)

# record WHO MODE NETWORK DTYPE FILE: appends a run's JSON to steps.jsonl, with where and when.
record() {
  "$python" - "$@" "$out/steps.jsonl" "$commit" "$gpu" "$(date -u +%F)" \
    "$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)" <<'END'
import json, sys
who, mode, network, dtype, file, to, commit, chip, date, driver = sys.argv[1:]
with open(file, encoding="utf-8") as f:
    run = json.load(f)
line = dict(kind="step", date=date, commit=commit, chip=chip, driver=driver, network=network, dtype=dtype, who=who, mode=mode,
            median_ms=run["median_ms"], min_ms=run["min_ms"], peak_mib=run.get("device_peak_mib", run.get("peak_mem_MiB")))
if "torch" in run:
    line["torch"] = run["torch"]
with open(to, "a", encoding="utf-8") as f:
    f.write(json.dumps(line) + "\n")
print("%-16s %-5s %-8s %-44s %9.3f ms" % (network, dtype, who, mode, run["median_ms"]))
END
}

# ours NETWORK DTYPE MODE ARGUMENTS..: one run of step_bench.
ours() {
  local network="$1" dtype="$2" mode="$3" log json
  shift 3
  log="$logs/step_${network}_${dtype}_${mode// /_}.log"
  json="${log%.log}.json"
  [ "$(left)" -lt 15 ] && { not_run+=" ours:$network/$dtype/$mode"; return; }
  if within 120 "$log" "$build/bench/step_bench" "$@" --dtype "$dtype" --steps 50 --warmup 5 --json "$json"; then
    record diptych "$mode" "$network" "$dtype" "$json"
  else
    fail steps "$network $dtype $mode: $(tail -n 1 "$log")"
  fi
}

# theirs NETWORK DTYPE MODE ARGUMENTS..: one run of the peer; dtype as we name it, MODE holds the peer's options. A mode
# that the peer cannot run is noted and is no failure of ours.
theirs() {
  local network="$1" dtype="$2" mode="$3" log json
  shift 3
  log="$logs/peer_${network}_${dtype}_${mode// /_}.log"
  json="${log%.log}.json"
  [ "$(left)" -lt 30 ] && { not_run+=" peer:$network/$dtype/$mode"; return; }
  if within 240 "$log" "$python" "$peer" "$@" --steps 50 --warmup 10 --json "$json"; then
    record peer "$mode" "$network" "$dtype" "$json"
  else
    note steps note "the peer did not run $network $dtype $mode: $(tail -n 1 "$log")"
  fi
}

part_steps() {
  need_build || return
  [ -x "$build/bench/step_bench" ] || { fail steps "step_bench was not built"; return; }
  no_gpu steps && return
  local spec name archi resolution ae e d mask batch dtype mode engine options specs=() not_run=""
  for spec in "${networks_of_steps[@]}"; do
    read -r archi resolution _ _ _ _ batch <<<"$spec"
    name="$archi-$resolution-b$batch"
    if [ -n "$only" ]; then [ "$name" = "$only" ] || continue; fi
    specs+=("$spec")
    [ "$part" = all ] && break
  done
  [ ${#specs[@]} -gt 0 ] || { fail steps "no network is named $only"; return; }
  for spec in "${specs[@]}"; do  # ours first: the peer's compiler takes the rest of the time
    read -r archi resolution ae e d mask batch <<<"$spec"
    name="$archi-$resolution-b$batch"
    options=(--archi "$archi" --resolution "$resolution" --ae "$ae" --e "$e" --d "$d" --mask "$mask" --batch "$batch")
    for dtype in bf16 f32; do
      for engine in cuda cudnn; do
        ours "$name" "$dtype" "$engine" "${options[@]}" --engine "$engine"
      done
    done
    ours "$name" bf16 "cuda eager" "${options[@]}" --engine cuda --eager
  done
  if [ ! -f "$peer" ]; then
    note steps skipped "the peer: no $peer; set PEER"
  elif ! "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    note steps skipped "the peer: $python has no PyTorch that sees the GPU; set PYTHON"
  else
    export TORCHINDUCTOR_CACHE_DIR="$PWD/$build/inductor"
    local autotune="--compile --compile-mode max-autotune-no-cudagraphs" compile kind
    # All of README.md's grid; quick modes of all networks first.
    for compile in "" "--compile" "$autotune"; do
      for spec in "${specs[@]}"; do
        read -r archi resolution ae e d mask batch <<<"$spec"
        name="$archi-$resolution-b$batch"
        options=(--arch "$archi" --res "$resolution" --ae "$ae" --e "$e" --d "$d" --dm "$mask" --batch "$batch")
        for kind in bf16:bf16 bf16:bf16-native f32:fp32 tf32:tf32; do
          for mode in "--cuda-graph" ""; do
            # shellcheck disable=SC2086  # the options are words
            theirs "$name" "${kind%%:*}" "${kind##*:}${compile:+ $compile}${mode:+ $mode}" "${options[@]}" --dtype "${kind##*:}" $compile $mode
          done
        done
      done
    done
  fi
  [ -n "$not_run" ] && note steps note "out of time, not run:$not_run"
  [ -f "$out/steps.jsonl" ] && note steps ok "$(wc -l <"$out/steps.jsonl") runs in steps.jsonl"
}

[ -n "$gpu" ] && echo "gpu_check: $gpu" || echo "gpu_check: no GPU: everything is built, what needs a GPU is skipped"
if [ "$part" = all ]; then
  part_build
  for each in tests layers steps; do "part_$each"; done
  kept=0
  part_sanitize
else
  "part_$part"
fi
finish
