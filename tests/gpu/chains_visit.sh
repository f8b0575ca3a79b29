#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Chains of agents on a GPU, about four minutes: the scenario chain, which forks, under time-slicing
# and MPS, a chain that can't keep up, and one that forks within a fork with three calls of one tool
# at once, of which one branch can't keep up. Checks that every step joins its request, that the
# steps' shares add up to the whole latency and the branches' counts to the requests. Results in OUT.
#
#     bash tests/gpu/chains_visit.sh        binaries in dist/ (./dev image), else build/*/bin
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
# shellcheck source=tests/gpu/visit.sh
. tests/gpu/visit.sh

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

cat >"$work/forks.yaml" <<'YAML'
schema: kts.scenario/1
name: forks
device: cuda
plan: {cycles: 5, block: 1s}
agents:
  - {name: router, workload: {kind: encoder, model: bert-base, tokens: 128}, arrival: {process: chain}}
  - {name: guard, workload: {kind: encoder, model: bert-base, tokens: 256}, arrival: {process: chain}}
  - {name: tool, workload: {kind: topk, vectors: 1000000, dimensions: 128, k: 10}, arrival: {process: chain}}
  - {name: batch, workload: {kind: gemm, size: 4096}, arrival: {process: saturate}}
chains:
  - name: answer
    arrival: {process: poisson, rate: 20}
    steps: [router, [guard, [router, [tool, tool, tool], guard]], router]
YAML
sed -e 's/name: forks/name: late-branch/' -e 's/rate: 20/rate: 60/' \
  -e 's/kind: topk, vectors: 1000000, dimensions: 128, k: 10/kind: gemm, size: 8192/' \
  "$work/forks.yaml" >"$work/late-branch.yaml"

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
    for division in phase["divisions"]:
        for place, fork in enumerate(division["forks"]):
            counts = {b["branch"]: b["critical"] for b in fork["branches"]}
            # A fork within a fork has those of its branch alone.
            assert sum(counts.values()) <= division["n"], f"more branches than requests: {counts}"
            assert place > 0 or sum(counts.values()) == division["n"], f"branches without requests: {counts}"
            print("  ", division["at"], division["n"], counts)
    print(phase["chain"], phase["phase"], "finished", phase["finished"], "unfinished", phase["unfinished"],
          "mean ms", round(whole, 3), [round(s["latency_ms"], 3) for s in mean["steps"]])
PY
}
measure time-slicing chain --device cuda
measure mps chain --device cuda --sharing mps --quick
measure late "$work/late.yaml"
measure forks "$work/forks.yaml"
measure late-branch "$work/late-branch.yaml"
for name in late late-branch; do
  grep -q 'overloaded' "$out/$name.txt" || { note "$name: nobody is overloaded"; failed=1; }
done
note "done: exit $failed"
exit "$failed"
