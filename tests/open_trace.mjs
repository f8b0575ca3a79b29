// SPDX-License-Identifier: Apache-2.0
// node open_trace.mjs FILE...: opens each trace.json as Chrome DevTools' performance panel does, by
// the same importer (npm: @paulirish/trace_engine, BSD-3-Clause), and compares what came of it with
// the file: each track's slices, their lengths and which slice is in which. Exit 1 with what
// differs, 77 without the importer, which is sought in KTS_TRACE_ENGINE (its folder) and beside
// this file as npm installs it. Nothing is downloaded.
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

const kPackage = '@paulirish/trace_engine';

function folderOfEngine() {
  if (process.env.KTS_TRACE_ENGINE) return process.env.KTS_TRACE_ENGINE;
  for (let at = path.dirname(fileURLToPath(import.meta.url));; at = path.dirname(at)) {
    const folder = path.join(at, 'node_modules', kPackage);
    if (fs.existsSync(folder)) return folder;
    if (at === path.dirname(at)) return null;
  }
}

// A browser's; the engine looks at it when it is loaded.
globalThis.DOMRect ??= class {
  static fromRect(r) { return Object.assign(new this(), r); }
};

// [name, begin, length, depth, whether it begins or ends just where another one ends] in the order
// of their begins, the longer first; instants in whole ns.
function nested(slices) {
  const ns = (us) => Math.round(us * 1000);
  const sorted = slices.map((e) => [e.name, ns(e.ts), ns(e.dur ?? 0)]);
  sorted.sort((a, b) => a[1] - b[1] || b[2] - a[2]);
  const ends = [];
  return sorted.map(([name, begin, length]) => {
    let touches = false;
    while (ends.length > 0 && ends.at(-1) <= begin && begin + length > ends.at(-1)) {
      touches ||= ends.pop() === begin;
    }
    touches ||= ends.at(-1) === begin + length;
    ends.push(begin + length);
    return [name, begin, length, ends.length - 1, touches];
  });
}

async function open(engine, file) {
  const {traceEvents} = JSON.parse(fs.readFileSync(file, 'utf8'));
  const expected = new Map();
  for (const event of traceEvents) {
    if (event.ph !== 'X') continue;
    const track = `${event.pid}/${event.tid}`;
    if (!expected.has(track)) expected.set(track, []);
    expected.get(track).push(event);
  }
  const model = engine.TraceModel.Model.createWithAllHandlers();
  await model.parse(traceEvents);
  const {data} = model.parsedTrace();
  const problems = [];
  let slices = 0;
  let unplaced = 0;
  for (const [pid, {threads}] of data.Renderer.processes) {
    for (const [tid, {entries}] of threads) {
      const track = `${pid}/${tid}`;
      const wanted = nested(expected.get(track) ?? []);
      expected.delete(track);
      const ns = (us) => Math.round(us * 1000);
      const got = entries.map((e) => [e.name, ns(e.ts), ns(e.dur ?? 0), data.Renderer.entryToNode.get(e)?.depth]);
      slices += got.length;
      if (got.length !== wanted.length) {
        problems.push(`track ${track}: ${got.length} slices of ${wanted.length}`);
        continue;
      }
      const at = got.findIndex(([name, begin, length, depth], i) => {
        const [wantedName, wantedBegin, wantedLength, wantedDepth, touches] = wanted[i];
        if (name !== wantedName || begin !== wantedBegin || length !== wantedLength) return true;
        // It adds doubles of microseconds: what touches may overlap, by less than a ns, and isn't placed.
        if (depth === undefined && touches) ++unplaced;
        return depth !== wantedDepth && !(depth === undefined && touches);
      });
      if (at >= 0) problems.push(`track ${track}, slice ${at}: ${got[at]} in place of ${wanted[at]}`);
    }
  }
  for (const [track, events] of expected) {
    if (events.length > 0) problems.push(`track ${track} is missing`);
  }
  for (const problem of problems) console.error(`${file}: ${problem}`);
  if (problems.length === 0) {
    console.log(`${file}: ${slices} slices on ${data.Renderer.processes.size} processes' tracks, as in the file; ${unplaced} not placed by rounding`);
  }
  return problems.length === 0;
}

const folder = folderOfEngine();
if (!folder) {
  console.log(`skipped: ${kPackage} isn't installed: npm install --ignore-scripts ${kPackage}, or name its folder in KTS_TRACE_ENGINE`);
  process.exit(77);
}
const engine = await import(pathToFileURL(path.join(folder, 'models/trace/trace.js')));
let good = true;
for (const file of process.argv.slice(2)) good = await open(engine, file) && good;
process.exit(good ? 0 : 1);
