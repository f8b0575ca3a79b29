#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Chains of agents on a GPU, about three minutes: the scenario chain under time-slicing and MPS, and a
# chain that can't keep up. Checks that every step joins its request and that the steps' latencies
# add up to the whole one's. Results in OUT.
#
#     bash tests/gpu/chains_visit.sh        binaries in dist/ (./dev image), else build/*/bin
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
out=$(readlink -m "${OUT:-chains-visit}")
mkdir -p "$out"
# shellcheck source=tests/gpu/binaries.sh
. tests/gpu/binaries.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
note() { printf '%3d s  %s\n' "$SECONDS" "$*" | tee -a "$out/steps.txt" >&2; }

cat >"$work/late.yaml" <<'YAML'
schema: kts.scenario/1
name: late
device: cuda
plan: {cycles: 5, block: 500ms}
agents:
  - {name: router, workload: {kind: encoder, model: bert-base, tokens: 128}, arrival: {process: chain}}
  - {name: thinker, workload: {kind: gemm, size: 8192}, arrival: {process: chain}}
  - {name: batch, workload: {kind: gemm, size: 4096}, arrival: {process: saturate}}
chains:
  - {name: answer, arrival: {process: poisson, rate: 300}, steps: [router, thinker, router]}
YAML

# measure NAME ARGUMENTS...
measure() {
  local name=$1 code=0
  shift
  timeout 240 "$bin/kts" run "$@" --out "$work/$name" >"$out/$name.txt" 2>"$out/$name.stderr.txt" || code=$?
  # 5: too few samples, or an overload.
  [[ $code == 0 || $code == 5 ]] || failed=1
  note "$name: exit $code; $(tail -1 "$out/$name.stderr.txt")"
  [[ -e $work/$name/summary.json ]] || return 0
  mkdir -p "$out/$name"
  cp "$work/$name"/{results.md,summary.json,summary.csv,environment.json} "$out/$name/"
  python3 - "$out/$name/summary.json" <<'PY' | tee -a "$out/steps.txt" >&2 || failed=1
import json, sys
summary = json.load(open(sys.argv[1]))
assert len(summary["chains"]) == 2, "no chain in both phases"
for phase in summary["chains"]:
    mean = phase["divisions"][0]
    # Where neighbours were absent as well as parked, both are in the division.
    rows = [r for r in summary["results"] if r["agent"] == phase["chain"] and r["phase"] == phase["phase"]
            and r["measure"] == "latency" and r["n"] > 0]
    assert sum(r["n"] for r in rows) == mean["n"], "samples and divided requests differ"
    whole = sum(r["mean"] * r["n"] for r in rows) / mean["n"]
    steps = sum(s["latency_ms"] for s in mean["steps"])
    assert abs(whole - steps) < 1e-6 * whole, f"the steps add up to {steps}, the whole way is {whole}"
    print(phase["chain"], phase["phase"], "finished", phase["finished"], "unfinished", phase["unfinished"],
          "mean ms", round(whole, 3), [round(s["latency_ms"], 3) for s in mean["steps"]])
PY
}
measure time-slicing chain --device cuda
measure mps chain --device cuda --sharing mps --quick
measure late "$work/late.yaml"
grep -q 'overloaded' "$out/late.txt" || { note "late: nobody is overloaded"; failed=1; }
note "done: exit $failed"
exit "$failed"
