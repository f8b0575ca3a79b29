#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""validate_schemas.py REPOSITORY KTS: the golden summaries, clusters and fleets, the built-in scenarios
and what `kts workload` prints against schemas/.

Exits with 77 (skipped) where python3-jsonschema or python3-yaml is missing.
"""
import copy
import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"kts-skip: {missing}; apt install python3-jsonschema python3-yaml")
    sys.exit(77)

root = pathlib.Path(sys.argv[1])


def validator(name):
    schema = json.loads((root / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


failures = 0


def check(kind, label, document, valid=True):
    global failures
    error = jsonschema.exceptions.best_match(kind.iter_errors(document))
    if (error is None) != valid:
        failures += 1
        print(f"FAILED {label}: {error.message if error else 'was accepted'}")


summary = validator("summary")
summaries = sorted((root / "tests/golden/report").glob("*/summary.json"))
for path in summaries:
    check(summary, path, json.loads(path.read_text(encoding="utf-8")))

cluster = validator("cluster")
clusters = sorted((root / "tests/golden/cluster").glob("*.json"))
for path in clusters:
    check(cluster, path, json.loads(path.read_text(encoding="utf-8")))

modes = validator("modes")
comparisons = sorted((root / "tests/golden/modes").glob("*.json"))
for path in comparisons:
    check(modes, path, json.loads(path.read_text(encoding="utf-8")))
fleets = sorted((root / "tests/golden/fleet").glob("*/fleet.json"))
for path in fleets:
    check(validator("fleet"), path, json.loads(path.read_text(encoding="utf-8")))
fleet_summaries = sorted((root / "tests/golden/fleet").glob("*/summary.json"))
for path in fleet_summaries:
    check(validator("fleet_summary"), path, json.loads(path.read_text(encoding="utf-8")))

check(validator("comparison"), "golden comparison",
      json.loads((root / "tests/golden/comparison/comparison.json").read_text(encoding="utf-8")))

for path in sorted((root / "tests/golden/probe").glob("*.json")):
    check(validator("datasheet"), path, json.loads(path.read_text(encoding="utf-8")))

check(validator("matrix"), "golden matrix",
      json.loads((root / "tests/golden/matrix/matrix.json").read_text(encoding="utf-8")))

def said_by_kts(*words, command="workload"):
    return json.loads(subprocess.run([sys.argv[2], command, *words, "--json"], check=True,
                                     capture_output=True, text=True).stdout)


workload = validator("workload")
listed = said_by_kts("list")
check(workload, "kts workload list", listed)
kinds = [entry["kind"] for entry in listed["workloads"]]
for kind in kinds:
    shown = said_by_kts("show", kind)
    check(workload, f"kts workload show {kind}", shown)
    check(workload, f"{kind} without memory",
          {key: value for key, value in shown.items() if key != "memory_bytes"}, valid=False)
check(workload, "a floor",
      said_by_kts("show", "decode", "--peak-tflops", "989", "--peak-gbs", "4800"))

scenarios_listed = said_by_kts("list", command="scenario")
check(validator("scenarios"), "kts scenario list", scenarios_listed)
check(validator("scenarios"), "a scenario without devices",
      {"schema": "kts.scenarios/1", "scenarios": [{"name": "a", "meaning": "b"}]}, valid=False)

scenario = validator("scenario")
scenarios = sorted((root / "scenarios").glob("*.yaml"))
for path in scenarios:
    check(scenario, path, yaml.safe_load(path.read_text(encoding="utf-8")))


def changed(document, change):
    document = copy.deepcopy(document)
    change(document)
    return document


good = {
    "schema": "kts.scenario/1",
    "name": "study",
    "agents": [
        {
            "name": "router",
            "workload": {"kind": "fft", "size": 4096},
            "arrival": {"process": "poisson", "rate": 200},
            "slo": {"quantile": 0.99, "latency": "5ms"},
        }
    ],
}
check(scenario, "minimal scenario", good)
for arrival in [
    {"process": "closed", "think": "5ms"},
    {"process": "gamma", "rate": 50, "cv": 2.5},
    {"process": "on-off", "rate": 400, "on": "200ms", "off": "1s"},
    {"process": "on-off", "rate": 400, "on": "200ms", "off": "1s", "phases": "fixed"},
    {"process": "trace", "file": "t.csv"},
    {"process": "trace", "file": "t.csv", "scale": 2, "wrap": False, "from": "10min", "length": "90s"},
]:
    check(scenario, arrival, changed(good, lambda s: s["agents"][0].update(arrival=arrival)))
for label, change in {
    "unknown key": lambda s: s.update(agent=[]),
    "no agents": lambda s: s.update(agents=[]),
    "name with a capital": lambda s: s.update(name="Study"),
    "duration without a unit": lambda s: s["agents"][0]["slo"].update(latency="5"),
    "duration as a bare number": lambda s: s["agents"][0]["slo"].update(latency=5),
    "open arrivals without a rate": lambda s: s["agents"][0]["arrival"].pop("rate"),
    "rate of a closed agent": lambda s: s["agents"][0]["arrival"].update(process="saturate"),
    "cv of a poisson agent": lambda s: s["agents"][0]["arrival"].update(cv=2),
    "gamma without cv": lambda s: s["agents"][0]["arrival"].update(process="gamma"),
    "on-off without phases": lambda s: s["agents"][0]["arrival"].update(process="on-off"),
    "trace without a file": lambda s: s["agents"][0].update(arrival={"process": "trace"}),
    "trace with a rate": lambda s: s["agents"][0]["arrival"].update(process="trace", file="t.csv"),
    "scale 0": lambda s: s["agents"][0].update(
        arrival={"process": "trace", "file": "t.csv", "scale": 0}),
    "unknown workload": lambda s: s["agents"][0]["workload"].update(kind="fftt"),
    "parameter of another workload": lambda s: s["agents"][0]["workload"].update(tokens=4),
    "custom model without dimensions": lambda s: s["agents"][0].update(
        workload={"kind": "decode", "model": "custom"}),
    "known model with dimensions": lambda s: s["agents"][0].update(
        workload={"kind": "decode", "model": "tiny", "layers": 2}),
    "bytes with a wrong unit": lambda s: s["agents"][0].update(
        workload={"kind": "membw", "bytes": "3GB"}),
    "more threads than there are": lambda s: s["agents"][0].update(mps={"threads": 101}),
    "a priority that MPS doesn't know": lambda s: s["agents"][0].update(mps={"priority": "high"}),
    "a share of the card's SMs and a cap": lambda s: s["agents"][0].update(
        mps={"threads": 50, "partition": 50}),
    "no share of the card's SMs": lambda s: s["agents"][0].update(mps={"partition": 0}),
    "a variant of time-slicing": lambda s: s.update(variants=[
        {"name": "v", "sharing": "time-slicing", "agents": [{"name": "router"}]}]),
}.items():
    check(scenario, label, changed(good, change), valid=False)
for workload in (
    {"kind": "decode", "model": "llama-3.1-8b", "batch": 1, "context": 2048, "launch": "graph"},
    {"kind": "encoder", "model": "custom", "layers": 2, "hidden": 64, "ffn": 128, "heads": 4,
     "kv_heads": 4, "vocab": 100},
    {"kind": "copy", "bytes": "64MiB", "direction": "both"},
    {"kind": "idle-hold"},
):
    check(scenario, workload, changed(good, lambda s: s["agents"][0].update(workload=workload)))

chain = {"name": "answer", "arrival": {"process": "poisson", "rate": 5},
         "steps": ["router", "router"], "slo": {"quantile": 0.95, "latency": "20ms"}}
in_chain = lambda s: (s["agents"][0].update(arrival={"process": "chain"}),
                      s.update(chains=[chain]))
check(scenario, "chains", changed(good, in_chain))
for label, steps in {
    "chain that forks": ["router", ["router", ["router", "router"]], "router"],
    "chain that is a fork": [["router", "router"]],
}.items():
    check(scenario, label, changed(good, lambda s: (
        in_chain(s), s.update(chains=[{**chain, "steps": steps}]))))
for label, change in {
    "chain that begins by a trace": {"arrival": {"process": "trace", "file": "t.csv"}},
    "chain of one step": {"steps": ["router"]},
    "chain with an empty group": {"steps": ["router", []]},
    "chain with a group of one": {"steps": ["router", ["router"]]},
    "chain with a step that is a map": {"steps": ["router", {"agent": "router"}]},
    "chain with an unknown key": {"after": []},
}.items():
    check(scenario, label, changed(good, lambda s: (
        in_chain(s), s.update(chains=[{**chain, **change}]))), valid=False)

check(scenario, "a static partition", changed(good, lambda s: s["agents"][0].update(
    mps={"partition": 50, "priority": "normal"})))
check(scenario, "demands and variants", changed(good, lambda s: (
    s["agents"][0].update(mps={"threads": 75, "priority": "below-normal", "memory": "8GiB"}),
    s.update(variants=[{"name": "v", "sharing": "streams", "agents": [
        {"name": "router", "stream": {"priority": "high"}}]}]))))

if not all((kinds, summaries, scenarios, clusters, fleets, fleet_summaries, comparisons)):
    failures += 1
    print("FAILED: nothing to validate")
print(f"{len(summaries)} summaries, {len(scenarios)} scenarios, {len(clusters)} clusters, "
      f"{len(fleet_summaries)} fleets, {failures} failures")
sys.exit(1 if failures else 0)
