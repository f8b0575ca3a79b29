#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_trace.py FILE...: whether each is a trace.json that Perfetto reads whole. Exit 1 with what is wrong.
check_trace.py --wrong FILE: whether each wrong event in FILE (data/wrong_events.json) is found.

The Chrome trace event format (JSON object form) as Perfetto's trace processor takes it: it sorts by
ts, of X slices that begin at once the longer first, and stacks a thread's slices; one that begins in
another and outlasts it is dropped, as are negative instants, counters that are no numbers and async
events without an id. Instants are read as doubles of microseconds, whose thousandfold is cut off:
nanoseconds up to 2^51. A tid is the whole trace's: one that two processes have is a reused one.
"""
import collections
import json
import math
import sys

LONGEST_NS = 2**51
METADATA = {"process_name": "name", "process_labels": "labels", "process_sort_index": "sort_index",
            "thread_name": "name", "thread_sort_index": "sort_index"}


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_id(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


class Trace:
    def __init__(self):
        self.problems, self.counts = [], collections.Counter()
        self.slices = collections.defaultdict(list)
        self.pending, self.named, self.used = {}, set(), set()
        self.process_of = {}

    def nanoseconds(self, event, key):
        value = event.get(key)
        if not is_number(value) or value < 0 or value * 1000 >= LONGEST_NS:
            raise ValueError(f"{key} is no time from 0 to 2^51 ns")
        return int(value * 1000.0)  # cut off, as the reader does

    def add(self, event):
        if not isinstance(event, dict):
            raise ValueError("no object")
        phase, name, pid, tid = (event.get(key) for key in ("ph", "name", "pid", "tid"))
        if not (isinstance(phase, str) and isinstance(name, str) and name and is_id(pid) and is_id(tid)):
            raise ValueError("ph, name, pid or tid is missing or of another type")
        self.counts[phase] += 1
        args = event.get("args", {})
        if not isinstance(args, dict):
            raise ValueError("args is no object")
        if tid not in (0, pid) and self.process_of.setdefault(tid, pid) != pid:
            raise ValueError("its tid is another process' as well")
        if phase == "M":
            return self.add_metadata(name, pid, tid, args)
        self.used.add((pid, None))
        start = self.nanoseconds(event, "ts")
        if phase == "X":
            self.used.add((pid, tid))
            end = start + self.nanoseconds(event, "dur")
            self.slices[pid, tid].append((start, -end, len(self.slices[pid, tid]), name))
        elif phase in "be":
            self.add_async(event, phase, name, pid, start)
        elif phase == "C":
            if not args or not all(is_number(value) for value in args.values()):
                raise ValueError("a counter's values are no numbers")
        elif phase == "i":
            self.used.add((pid, tid))
            if event.get("s") != "t":
                raise ValueError("an instant that isn't its thread's")
        else:
            raise ValueError("unknown ph")

    def add_metadata(self, name, pid, tid, args):
        if name not in METADATA:
            raise ValueError("unknown metadata")
        value = args.get(METADATA[name])
        if METADATA[name] == "sort_index":
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError("sort_index is no integer")
        elif not isinstance(value, str) or not value:
            raise ValueError("an empty name")
        if name in ("process_name", "thread_name"):
            self.named.add((pid, tid if name == "thread_name" else None))

    def add_async(self, event, phase, name, pid, at):
        category, key = event.get("cat"), event.get("id")
        if not isinstance(category, str) or not (isinstance(key, str) and key):
            raise ValueError("cat or id is missing or no text")
        track = (pid, category, key)
        if phase == "b":
            if track in self.pending:
                raise ValueError("begun twice")
            self.pending[track] = (name, at)
            return
        begun, begun_at = self.pending.pop(track, (None, 0))
        if begun != name or at < begun_at:
            raise ValueError("ends what wasn't begun")

    def finish(self):
        for track in self.pending:
            self.problems.append(f"never ended: {track}")
        self.problems += [f"no name: {track}" for track in sorted(self.used - self.named, key=str)]
        for track, slices in self.slices.items():
            ends = []
            for start, negative_end, _, name in sorted(slices):
                while ends and ends[-1] <= start:
                    ends.pop()
                if ends and -negative_end > ends[-1]:
                    self.problems.append(f"slices overlap on {track} at {start} ns: {name}")
                    continue  # as the reader does
                ends.append(-negative_end)


def check(trace):
    found = Trace()
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list):
        return ["no object with an array traceEvents"], {}, None
    if "displayTimeUnit" in trace:
        found.problems.append("displayTimeUnit: versions of Perfetto scale instants by it")
    if not isinstance(trace.get("otherData"), dict):
        found.problems.append("no otherData")
    for event in trace["traceEvents"]:
        try:
            found.add(event)
        except ValueError as problem:
            found.problems.append(f"{problem}: {json.dumps(event)}")
    found.finish()
    return found.problems, dict(found.counts), trace.get("otherData")


def check_file(path):
    try:
        with open(path, encoding="utf-8") as file:
            trace = json.load(file, parse_constant=no_constant)
    except (OSError, ValueError) as error:
        problems, counts, other = [str(error)], {}, None
    else:
        problems, counts, other = check(trace)
    print(path, counts, json.dumps(other))
    for problem in problems[:20]:
        print("  wrong:", problem)
    return not problems


def finds_what_is_wrong(path):
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    good = cases["good"]
    ok = True

    def expect(what, events, wrong):
        nonlocal ok
        problems = check({"otherData": {}, "traceEvents": events})[0]
        if bool(problems) != wrong:
            ok = False
            print(f"FAILED {what}: {problems or 'was accepted'}")

    expect("the good events", good, wrong=False)
    for case in cases["right"]:
        expect(case["what"], good + case["events"], wrong=False)
    for case in cases["wrong"]:
        expect(case["what"], good + case["events"], wrong=True)
    return ok and bool(cases["wrong"])


def main():
    if sys.argv[1:2] == ["--wrong"]:
        return 0 if all([finds_what_is_wrong(path) for path in sys.argv[2:]]) else 1
    return 0 if all([check_file(path) for path in sys.argv[1:]]) else 1


if __name__ == "__main__":
    sys.exit(main())
