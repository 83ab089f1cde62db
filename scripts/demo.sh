#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The main job on the CPU, from two bundled clips of fictional people to a swapped video. Sets up and builds what is
# missing. Run it again to go on from where it stopped.
#   scripts/demo.sh [--minutes N] [--out DIR]     minutes of training, default 5
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
minutes=5
out="$root/demo"
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes) minutes="$2"; shift 2 ;;
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

# A small network, so that minutes are enough; bf16 where the CPU multiplies it in hardware.
settings=(archi=df-ud resolution=64 face_type=f ae_dims=64 e_dims=32 d_dims=32 d_mask_dims=16
          batch_size=8 learning_rate=3e-4 random_dst_flip=off)
dtype=f32
if grep -qw amx_bf16 /proc/cpuinfo; then dtype=bf16; fi

start=$SECONDS
if [ ! -f "$out/project.toml" ]; then
  "$diptych" init "$out" --src examples/synthetic_a.mp4 --dst examples/synthetic_b.mp4 \
    --consent-src synthetic --consent-dst synthetic --set "${settings[@]}"
fi
"$diptych" extract "$out"
# Warped inputs teach what a face is; the last fifth without them sharpens it.
"$diptych" train "$out" --dtype "$dtype" --minutes "$(awk -v m="$minutes" 'BEGIN {print 0.8 * m}')"
"$diptych" train "$out" --dtype "$dtype" --minutes "$(awk -v m="$minutes" 'BEGIN {print 0.2 * m}')" --set random_warp=off
# At 64 pixels the usual soft edge is a sixth of the face, and dst's eyebrows show through: a wider mask, a harder edge.
"$diptych" merge "$out" -o "$out/out/result.mp4" --force --erode -20 --blur 20
"$diptych" verify "$out/out/result.mp4"
echo
echo "demo: done in $((SECONDS - start)) s (without set-up and build)"
echo "  video:   $out/out/result.mp4"
echo "  preview: $out/out/preview.png   (src | reconstruction | dst | reconstruction | swap)"
echo "  faces:   $out/out/src_faces.png, $out/out/dst_faces.png"
