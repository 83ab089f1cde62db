#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The main job on the CPU, from two bundled clips of fictional people to a swapped video. Sets up and builds what is
# missing. Run it again to go on from where it stopped.
#   scripts/demo.sh [--iters N] [--out DIR]
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
iters=1500
out="$root/demo"
while [ $# -gt 0 ]; do
  case "$1" in
    --iters) iters="$2"; shift 2 ;;
    --out) out="$(realpath -m "$2")"; shift 2 ;;
    -h|--help) sed -n '3,6p' "$0"; exit 0 ;;
    *) echo "demo: unknown option $1" >&2; exit 1 ;;
  esac
done

source "$root/scripts/setup.sh"
cd "$root"
echo "demo: building (a few minutes the first time)"
cmake --preset cpu -DDIPTYCH_TESTS=OFF -DDIPTYCH_BENCH=OFF -B build/demo >/dev/null
cmake --build build/demo --target diptych
diptych="$root/build/demo/apps/diptych"

start=$SECONDS
if [ ! -f "$out/project.toml" ]; then
  "$diptych" init "$out" --src examples/synthetic_a.mp4 --dst examples/synthetic_b.mp4 \
    --consent-src synthetic --consent-dst synthetic
fi
"$diptych" extract "$out"
"$diptych" train "$out" --iters "$iters" @DEMO_SETTINGS@
"$diptych" merge "$out" -o "$out/out/result.mp4" --force
"$diptych" verify "$out/out/result.mp4"
echo
echo "demo: done in $((SECONDS - start)) s (without set-up and build)"
echo "  video:   $out/out/result.mp4"
echo "  preview: $out/out/preview.png   (src | reconstruction | dst | reconstruction | swap)"
echo "  faces:   $out/out/src_faces.png, $out/out/dst_faces.png"
