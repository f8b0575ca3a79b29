#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kts probe on a GPU, twice, in at most four minutes:
#
#     tests/gpu/probe_visit.sh [OUT] [--bin FOLDER]
#
# OUT: $OUT or probe-visit. FOLDER: with kts, kts-worker and the CUDA module; else dist/, which
# ./dev image makes. First a smoke test of every task of a prober: one of the plain ones that fails
# ends the visit, one of the others is told at the end by the exit status. Then two whole sheets and
# what their methods say of each other.
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

# smoke NAME: the tasks of standard input, each once, in one context.
smoke() {
  local name=$1 code=0 ready ends wanted
  cat >"$out/$name.tasks"
  wanted=$(wc -l <"$out/$name.tasks")
  timeout 60 "$bin/kts-worker" probe --device cuda <"$out/$name.tasks" \
    >"$out/$name.txt" 2>"$out/$name.stderr.txt" || code=$?
  ready=$(grep -c '^KTS_PROBE,v1,ready,' "$out/$name.txt" || true)
  ends=$(grep -c '^KTS_PROBE,v1,end$' "$out/$name.txt" || true)
  if ((code != 0 || ready != 1 || ends != wanted)); then
    say "$name FAILED: exit $code, $ends of $wanted tasks done"
    cat "$out/$name.stderr.txt"
    grep -a -A2 '^KTS_PROBE,v1,\(ready\|error\|begin\)' "$out/$name.txt" | cut -c1-200
    return 1
  fi
  say "$name: all $wanted tasks done"
}

smoke smoke <<'EOT' || exit 1
stamps
events rounds=5
launches rounds=5
spin length_ns=20000000
metronome length_ns=20000000 work_ns=200000
train length_ns=20000000 work_ns=500000
sweep length_ns=20000000 bytes=1048576 rest_ns=1000000
pulses length_ns=20000000 every_ns=5000000 work_ns=100000
clock
engine kind=membw bytes=512MiB
load length_ns=20000000
engine kind=gemm size=1024 slot=1
load length_ns=20000000 slot=both
EOT
# What these lack, the sheets say as well.
status=0
smoke smoke-full <<'EOT' || status=1
spin length_ns=20000000 full=1
metronome length_ns=20000000 work_ns=200000 full=1
train length_ns=20000000 work_ns=500000 full=1
EOT
echo "shares in use, and looks at the clock in 20 ms (4000: every 5 us):"
grep -a -E '^(shared_ratio|register_ratio|steps) ' "$out/smoke-full.txt" | head -n 3 || true
smoke smoke-chase <<'EOT' || status=1
chase to_bytes=1073741824
chase
laps length_ns=20000000 to_bytes=33554432 rest_ns=1000000
laps length_ns=20000000 to_bytes=536870912 rest_ns=1000000
engine kind=membw bytes=64MiB slot=6
load length_ns=20000000 slot=6
EOT
grep -a -E '^(size_bytes|took_ns|first_ns|second_ns):' "$out/smoke-chase.txt" | cut -c1-900 || true

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
