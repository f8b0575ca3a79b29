#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where the time goes on a GPU, about eight minutes: an FFT beside a GEMM and beside a language model that
# decodes, under time-slicing, with enough requests for p99, and beside the GEMM under MPS; reports by
# the card's own data sheet. Prints what each growth is made of and its residue; beside both, whether
# what the FFT waits for each goes away with it (--leave-one-out). Results in OUT.
#
#     bash tests/gpu/attribution_visit.sh [SHEET]   binaries in dist/ (./dev image), else build/*/bin;
#                                                   SHEET: a datasheet.json, else kts probe --quick
#     RUNS="left-out" bash …                        of gemm, decode, gemm-mps and left-out these alone
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
sheet=${1:-}
# shellcheck source=tests/gpu/visit.sh
. tests/gpu/visit.sh
if [[ -z $sheet ]]; then
  "$bin/kts" probe --device cuda --quick --out "$out/sheet" >"$out/sheet.txt" 2>&1
  sheet=$out/sheet/datasheet.json
fi

# measure NAME SHARING RATE CYCLES WORKLOAD [ANOTHER]: rates are such that the FFT keeps up.
measure() {
  local name=$1 code=0 more=() block=2s rate=$3 cycles=$4
  [[ " ${RUNS:-gemm decode gemm-mps left-out} " == *" $name "* ]] || return 0
  if [[ -n ${6:-} ]]; then
    more=(--leave-one-out)
    block=800ms
  fi
  cat >"$out/$name.yaml" <<YAML
schema: kts.scenario/1
name: $name
device: cuda
sharing: $2
plan: {cycles: ${CYCLES:-$cycles}, block: $block}
agents:
  - {name: fft, workload: {kind: fft, size: 4096}, arrival: {process: poisson, rate: $rate}}
  - {name: heavy, workload: $5, arrival: {process: saturate}}
${6:+  - {name: other, workload: $6, arrival: {process: saturate\}\}}
YAML
  timeout 200 "$bin/kts" run "$out/$name.yaml" "${more[@]}" --out "$out/$name" >"$out/$name.txt" 2>"$out/$name.stderr.txt" || code=$?
  printf '== %s, %d s: exit %d; %s\n' "$name" "$SECONDS" "$code" "$(tail -1 "$out/$name.stderr.txt")"
  [[ -e $out/$name/summary.json ]] || { failed=1; return 0; }
  "$bin/kts" report "$out/$name" --datasheet "$sheet" >"$out/$name.txt" 2>"$out/$name.report.txt" || true
  python3 - "$out/$name/summary.json" <<'PY' || failed=1
import json, sys
s = json.load(open(sys.argv[1]))
for a in s["attribution"]:
    growth, residue = a["latency_growth_ms"], a["residue_ms"]
    if growth is None or residue is None:
        continue
    share = abs(residue / growth) if growth else 0
    parts = ", ".join(f"{e['part']}/{e['cause']} {e['ms']:.4f} ({e['basis']})" for e in a["explained"] if e["ms"] is not None)
    print(f"{a['agent']} {a['at']}: grew {growth:.4f} ms, residue {residue:.4f} ({share:.1%}): {parts}")
for w in s["waits"]:
    print("waits", {k: w[k] for k in ("agent", "on", "at", "ms") if k in w})
for l in s["left_out"]:
    print("without", {k: l[k] for k in ("agent", "left_out", "at", "predicted", "drop", "agreement", "cycles_needed")})
print("turns", json.dumps(s["turns"]))
PY
}

measure gemm time-slicing 400 17 '{kind: gemm, size: 4096}'
measure decode time-slicing 300 22 '{kind: decode, model: llama-3.1-8b, launch: graph}'
measure gemm-mps mps 200 12 '{kind: gemm, size: 4096}'
measure left-out time-slicing 100 15 '{kind: gemm, size: 4096}' '{kind: decode, model: llama-3.2-1b, launch: graph}'
exit "$failed"
