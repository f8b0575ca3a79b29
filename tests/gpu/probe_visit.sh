#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kts probe on a GPU, twice, in at most four minutes:
#
#     tests/gpu/probe_visit.sh [OUT] [--bin FOLDER]
#
# OUT: $OUT or probe-visit. FOLDER: with kts, kts-worker and the CUDA module; else dist/, which
# ./dev image makes. First a smoke test of every task of a prober, which fails loudly; then two
# whole sheets and what their methods say of each other.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
out=${OUT:-probe-visit} bin=dist
while (($#)); do
  case $1 in
    --bin) bin=$2; shift ;;
    -*) echo "usage: see the head of $0" >&2; exit 2 ;;
    *) out=$1 ;;
  esac
  shift
done
[[ -x $bin/kts-worker ]] || { echo "no kts-worker in $bin: ./dev image makes it, or --bin FOLDER" >&2; exit 2; }
mkdir -p "$out"
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-/usr/local/cuda/lib64}
SECONDS=0
say() { echo "[$SECONDS s] $*"; }

nvidia-smi >"$out/nvidia-smi.txt" 2>&1 || say "no nvidia-smi"

say "smoke: each task once, in one context"
{
  echo "stamps"
  echo "events rounds=5"
  echo "launches rounds=5"
  echo "spin length_ns=20000000"
  echo "spin length_ns=20000000 full=1"
  echo "metronome length_ns=20000000 work_ns=200000"
  echo "metronome length_ns=20000000 work_ns=200000 full=1"
  echo "train length_ns=20000000 work_ns=500000"
  echo "train length_ns=20000000 work_ns=500000 full=1"
  echo "sweep length_ns=20000000 bytes=1048576 rest_ns=1000000"
  echo "pulses length_ns=20000000 every_ns=5000000 work_ns=100000"
  echo "clock"
  echo "engine kind=membw bytes=512MiB"
  echo "load length_ns=20000000"
  echo "engine kind=gemm size=1024 slot=1"
  echo "load length_ns=20000000 slot=both"
} >"$out/smoke.tasks"
code=0
timeout 60 "$bin/kts-worker" probe --device cuda <"$out/smoke.tasks" \
  >"$out/smoke.txt" 2>"$out/smoke.stderr.txt" || code=$?
ready=$(grep -c '^KTS_PROBE,v1,ready,' "$out/smoke.txt" || true)
ends=$(grep -c '^KTS_PROBE,v1,end$' "$out/smoke.txt" || true)
wanted=$(wc -l <"$out/smoke.tasks")
if ((code != 0 || ready != 1 || ends != wanted)); then
  say "SMOKE FAILED: exit $code, $ends of $wanted tasks done"
  cat "$out/smoke.stderr.txt"
  grep -a -A2 '^KTS_PROBE,v1,\(ready\|error\|begin\)' "$out/smoke.txt" | cut -c1-200
  exit 1
fi
say "smoke: all $wanted tasks done"
grep -a -E '^(shared_ratio|register_ratio|clock_step_ns|globaltimer_bound_ns|event_bound_ns|gaps_without_room) ' \
  "$out/smoke.txt" || true

status=0
say "quick sheet"
timeout --signal=INT --kill-after=10 40 "$bin/kts" probe --device cuda --quick --out "$out/quick" \
  >"$out/quick.txt" 2>"$out/quick.stderr.txt" || { code=$?; say "quick: exit $code"; }
grep -E 'time slice|context switch|agree' "$out/quick.txt" || true
for n in 1 2; do
  left=$((235 - SECONDS))
  ((left > 20)) || { say "sheet $n: skipped, $left s left"; break; }
  ((left < 110)) || left=110
  say "sheet $n"
  code=0
  timeout --signal=INT --kill-after=10 "$left" "$bin/kts" probe --device cuda --out "$out/sheet-$n" \
    >"$out/sheet-$n.txt" 2>"$out/sheet-$n.stderr.txt" || code=$?
  say "sheet $n: exit $code"
  ((code == 0)) || status=$code
  cat "$out/sheet-$n.txt"
  tail -n 5 "$out/sheet-$n.stderr.txt"
done
if command -v python3 >/dev/null && [[ -e $out/sheet-2/datasheet.json ]]; then
  python3 - "$out" <<'PY'
import json, sys
one, two = (json.load(open(f"{sys.argv[1]}/sheet-{n}/datasheet.json")) for n in (1, 2))
other = {f["key"]: f for f in two["figures"]}
print("figure: first sheet, second, difference")
for f in one["figures"]:
    g = other.get(f["key"])
    if g and f["value"]:
        print(f'{f["key"]}: {f["value"]:.5g} {g["value"]:.5g} {f["unit"]} {(g["value"] / f["value"] - 1) * 100:+.2f} %')
for n, sheet in (("first", one), ("second", two)):
    for a in sheet["agreements"]:
        print(f'{n}: {a["key"]} / {a["other"]}: {a["difference_ratio"] * 100:.3f} % of {a["limit_ratio"] * 100:.0f} %')
PY
fi
find "$out" -name '*.txt' -path '*/traces/*' -size +200k -delete
say "done"
exit "$status"
