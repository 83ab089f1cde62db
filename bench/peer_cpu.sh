#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Training step on the CPU, ours beside the PyTorch peer, alternating in one run. Ends with "ratio f32 X" and
# "ratio bf16 X": the peer's median time over ours.
#   bench/peer_cpu.sh PEER.py [--rounds N] [--steps N] [--threads N] [--archi df-ud] [--resolution 128]
#                     [--dims "256 64 64 22"] [--batch 4] [--record FILE.jsonl]
# --record adds a line per dtype for bench/report.py.
# PEER.py is saehd_torch.py; PYTHON names an interpreter that has torch (default python3).
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
peer="${1:?usage: bench/peer_cpu.sh PEER.py [options]}"
shift
rounds=3 steps=5 threads=1 archi=df-ud resolution=128 dims="256 64 64 22" batch=4 record=""
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds) rounds="$2" ;; --steps) steps="$2" ;; --threads) threads="$2" ;; --archi) archi="$2" ;;
    --resolution) resolution="$2" ;; --dims) dims="$2" ;; --batch) batch="$2" ;; --record) record="$2" ;;
    *) echo "peer_cpu: unknown option $1" >&2; exit 1 ;;
  esac
  shift 2
done
read -r ae e d mask <<<"$dims"
python="${PYTHON:-python3}"
step_bench="${STEP_BENCH:-$root/build/cpu/bench/step_bench}"
[ -x "$step_bench" ] || { echo "peer_cpu: $step_bench is missing; build with: cmake --preset cpu && cmake --build --preset cpu --target step_bench" >&2; exit 1; }
"$python" -c 'import torch' 2>/dev/null || { echo "peer_cpu: $python has no torch; set PYTHON to one that has" >&2; exit 1; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS="$threads"

field() { "$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$1" "$2"; }
median() { sort -n | awk '{v[NR]=$1} END {print (NR%2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2)}'; }

echo "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), threads $threads, torch $("$python" -c 'import torch; print(torch.__version__)'), $(date -u +%F), commit $(git -C "$root" rev-parse --short HEAD)"
for dtype in f32 bf16; do
  : >"$work/ours" ; : >"$work/peer"
  if [ "$dtype" = f32 ]; then modes="fp32"; else modes="bf16 bf16-native"; fi
  for round in $(seq "$rounds"); do
    "$step_bench" --archi "$archi" --resolution "$resolution" --ae "$ae" --e "$e" --d "$d" --mask "$mask" --batch "$batch" \
      --dtype "$dtype" --threads "$threads" --steps "$steps" --json "$work/o.json" >/dev/null
    ours="$(field "$work/o.json" median_ms)"
    best=""
    for mode in $modes; do  # the peer's number is its best mode
      "$python" "$peer" --arch "$archi" --res "$resolution" --ae "$ae" --e "$e" --d "$d" --dm "$mask" --batch "$batch" \
        --dtype "$mode" --device cpu --threads "$threads" --steps "$steps" --warmup 2 --json "$work/p.json" >/dev/null 2>&1
      ms="$(field "$work/p.json" median_ms)"
      best="$(printf '%s\n%s\n' "$ms" "$best" | sed '/^$/d' | sort -n | head -n 1)"
    done
    echo "$dtype round $round: ours $ours ms, peer $best ms"
    echo "$ours" >>"$work/ours"; echo "$best" >>"$work/peer"
  done
  o="$(median <"$work/ours")"; p="$(median <"$work/peer")"
  echo "$dtype median: ours $o ms, peer $p ms"
  if [ -n "$record" ]; then
    "$python" -c 'import json,sys; a=sys.argv; print(json.dumps(dict(date=a[1],commit=a[2],cpu=a[3],threads=int(a[4]),torch=a[5],archi=a[6],resolution=int(a[7]),dims=a[8],batch=int(a[9]),dtype=a[10],ours_ms=round(float(a[11]),1),peer_ms=round(float(a[12]),1),peak_mib=round(float(a[13])))))' \
      "$(date -u +%F)" "$(git -C "$root" rev-parse --short HEAD)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
      "$threads" "$("$python" -c 'import torch; print(torch.__version__)')" "$archi" "$resolution" "$dims" "$batch" "$dtype" "$o" "$p" \
      "$(field "$work/o.json" peak_mib)" >>"$record"
  fi
  echo "ratio $dtype $(awk -v p="$p" -v o="$o" 'BEGIN {printf "%.2f", p/o}')" >>"$work/ratios"
done
cat "$work/ratios"
