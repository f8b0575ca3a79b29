#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kernel traces on a GPU, about two minutes: what tracing costs (p50 and p99 with and without, in turns),
# a run with --trace-kernels, its trace.json against the format's rules, losses, how well CUPTI's
# instants and the CUDA events agree, and which kernels grew beside the other agent. Results in OUT.
#
#     bash tests/gpu/traces_visit.sh        binaries in dist/ (./dev image), else build/*/bin
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
# shellcheck source=tests/gpu/visit.sh
. tests/gpu/visit.sh

# cost NAME ARGUMENTS...: one agent alone, off, on, on, off.
cost() {
  local name=$1 turn code flags
  shift
  for turn in 1-off 2-on 3-on 4-off; do
    flags=() code=0
    [[ $turn == *on ]] && flags=(--trace-kernels --kernels "$work/$name.kernels.csv")
    timeout 40 "$bin/kts-worker" "$@" --device cuda --record v2 "${flags[@]}" \
      >"$work/$name-$turn.log" 2>"$out/$name-$turn.txt" || code=$?
    ((code == 0)) || failed=1
    note "$name, tracing ${turn#*-}: exit $code; $(tail -1 "$out/$name-$turn.txt")"
    grep -o '"kernels[a-z_]*":[0-9]*' "$work/$name-$turn.log" | paste -sd' ' | tee -a "$out/steps.txt" >&2 || true
  done
  head -40 "$work/$name.kernels.csv" >"$out/$name.kernels.head.csv" || true
}
cost fft fft --size 4096 --arrival poisson --rate 200 --duration 3s
cost decode decode --model llama-3.2-1b --arrival saturate --duration 2s

cat >"$work/traced.yaml" <<'YAML'
schema: kts.scenario/1
name: traced
device: cuda
sharing: time-slicing
plan: {cycles: 5, block: 500ms}
agents:
  - name: fft
    workload: {kind: fft, size: 4096}
    arrival: {process: poisson, rate: 200}
  - name: decode
    workload: {kind: decode, model: llama-3.2-1b}
    arrival: {process: saturate}
YAML
code=0
timeout 120 "$bin/kts" run "$work/traced.yaml" --trace-kernels --out "$work/run" \
  >"$out/run.txt" 2>"$out/run.stderr.txt" || code=$?
# 5: five short cycles may not conclude.
[[ $code == 0 || $code == 5 ]] || failed=1
note "kts run --trace-kernels: exit $code"
cp "$work"/run/{results.md,report.html,summary.json,kernels.csv} "$out/" || failed=1
cp "$work"/run/workers/*.log "$out/" || true
gzip -9c "$work/run/trace.json" >"$out/trace.json.gz" || failed=1
python3 tests/check_trace.py "$work/run/trace.json" >"$out/trace-rules.txt" 2>&1 || failed=1
cut -c1-600 "$out/trace-rules.txt" | tee -a "$out/steps.txt" >&2
grep -ho '"kernels[a-z_]*":[0-9]*' "$work"/run/blocks/*/*.log | sort | uniq -c | tee -a "$out/steps.txt" >&2
python3 - "$out/summary.json" <<'PY' | tee -a "$out/steps.txt" >&2 || failed=1
import json, sys
summary = json.load(open(sys.argv[1]))
kernels = summary.get("kernels", [])
assert kernels, "no kernels in summary.json"
for k in kernels:
    assert k["iterations"] > 0 and k["n"] > 0, f"nothing was joined, are the clocks one? {k}"
    print(k["agent"], k["phase"], "iterations", k["iterations"], "joined", k["n"], "unjoined", k["unjoined"],
          "lost", k["lost"], "gpu_time", round(k["gpu_time_ms"], 4), "busy", round(k["busy_ms"], 4), "gap",
          round(k["gap_ms"], 4), "overhang", k["overhang_ms"], "top", k["top"][:3])
changes = summary["kernel_changes"]
assert {c["agent"] for c in changes} == {"fft", "decode"}, "kernels of both agents"
for agent in ("fft", "decode"):
    of_agent = [c for c in changes if c["agent"] == agent]
    added = sum(c["added_ms"]["value"] or 0 for c in of_agent)
    assert any(c["launch_ratio"]["ci_low"] is not None for c in of_agent), "five cycles give intervals"
    print(agent, len(of_agent), "kernels, added", round(added, 4), "ms; most:",
          [(c["name"][:40], c["launch_ratio"], c["added_ms"]) for c in of_agent[:3]])
PY
note "buffers too small on purpose"
code=0
timeout 40 "$bin/kts-worker" decode --model llama-3.2-1b --arrival saturate --duration 1s --device cuda --trace-kernels \
  --trace-buffer 1MiB --kernels "$work/small.csv" >"$work/small.log" 2>"$out/small.txt" || code=$?
grep -o '"kernels[a-z_]*":[0-9]*' "$work/small.log" | paste -sd' ' | tee -a "$out/steps.txt" >&2 || failed=1
note "done: exit $failed"
exit "$failed"
