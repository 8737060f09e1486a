// A run of the linter, whose findings are shown as they come.
import { check, messages, progress, state, status } from "../../app";
import { Cancelled } from "../../core";
import { byId, fill, h, say } from "../../dom";
import type { Finding } from "../../types";
import { draw } from "./draw";
import type { State } from "./state";

// early shows what has been found so far, where nothing else is shown: some more of it every second.
function early(v: State, found: Finding[]) {
  v.soFar.push(...found);
  if ((v.report && v.current === state.opening && !v.report.soFar) || performance.now() - v.drawn < 1000) return;
  v.drawn = performance.now();
  const count = (severity: string) => v.soFar.filter((f) => f.severity === severity).length;
  v.report = {
    findings: [...v.soFar].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line)),
    notices: [],
    soFar: true,
    summary: { files: 0, resources: 0, errors: count("error"), warnings: count("warning"), infos: count("info"), suppressed: 0 },
  };
  [v.failures, v.current] = [[], state.opening];
  v.chosen = v.report.findings.find((f) => same(f, v.chosen));
  draw(v);
}

const same = (a: Finding, b: Finding | undefined) =>
  b !== undefined && a.rule === b.rule && a.file === b.file && a.line === b.line && a.message === b.message;

export async function run(v: State) {
  if (!state.opened) return;
  const mine = ++v.running;
  v.stale = false;
  [v.soFar, v.drawn] = [[], performance.now()];
  if (!v.report || v.current !== state.opening) {
    // What was found in another repository is not to be read as what is in this one.
    v.report = undefined;
    v.chosen = undefined;
    draw(v);
    byId("summary").textContent = "Checking…";
  }
  const start = performance.now();
  try {
    const told = progress("Linted");
    const l = await check((p) => {
      told(p);
      if (p.found && mine === v.running) early(v, p.found);
    });
    if (mine !== v.running) return;
    const r = l.report!;
    [v.report, v.failures, v.current] = [r, l.failures, state.opening];
    // A fix moves lines; then it is the one that says the same.
    v.chosen =
      r.findings.find((f) => same(f, v.chosen)) ?? r.findings.find((f) => v.chosen && same({ ...f, line: v.chosen.line }, v.chosen));
    status(`Linted in ${Math.round(performance.now() - start).toLocaleString("en")} ms`, "ok");
    draw(v);
    say(byId("summary").textContent!);
  } catch (e) {
    if (mine !== v.running) return;
    if (e instanceof Cancelled) {
      v.stale = true;
      fill(byId("summary"), "Cancelled. ", h("button", { type: "button", onclick: () => void run(v) }, "Lint again"));
      return;
    }
    v.report = undefined;
    byId("summary").textContent = messages(e).join("; ");
    status("Linting failed", "bad");
  }
}
