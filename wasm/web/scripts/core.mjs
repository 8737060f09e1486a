// Loads the Go program as the Web Worker does, outside of a browser. As a script it answers the calls of standard input,
// one JSON text a line: {"name": …, "request": "…"}.
import { openSync, readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

export async function load(exec, wasm, options = {}) {
  const global = globalThis;
  if (!global.Go) vm.runInThisContext(readFileSync(exec, "utf8"), exec);
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(readFileSync(wasm));
  const go = new global.Go();
  const ready = new Promise((resolve) => (global.redisGitopsReady = resolve));
  global.redisGitopsNow = options.now;
  const instance = await WebAssembly.instantiate(module, go.importObject);
  const ended = go.run(instance).then(() => {
    throw new Error("the program ended");
  });
  await Promise.race([ready, ended]);
  const call = global.redisGitops;
  ended.catch(() => {});
  return {
    module,
    call: (name, request, progress = () => {}) => Promise.race([new Promise((done) => call(name, request, progress, done)), ended]),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , exec, wasm, now, file] = process.argv;
  const out = openSync(file, "w");
  const core = await load(exec, wasm, { now: Number(now) });
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const { name, request } = JSON.parse(line);
    writeSync(out, (await core.call(name, request)) + "\n");
  }
  process.exit(0);
}
