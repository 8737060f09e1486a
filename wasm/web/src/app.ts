// What the three views share: the repository, the core, and where changes can go.
import { Cancelled, Core, CoreError, type Progress } from "./core";
import { byId, say } from "./dom";
import { clear, write } from "./files";
import type { ChangedFile, Changes, Linted, Opened, RepoFile, Rule } from "./types";

// Written is what was written to disk, and where.
export interface Written {
  files: ChangedFile[];
  command: string;
  where: string;
  folder: FileSystemDirectoryHandle | undefined; // undefined: by way of the local server
  made: string[]; // directories
}

export interface State {
  name: string;
  example: boolean;
  files: Map<string, RepoFile>; // as they are now: base with steps
  base: Map<string, RepoFile>; // as they were opened, or written last
  steps: { what: string; files: ChangedFile[] }[]; // since then
  changes: Changes;
  opened?: Opened;
  folder?: FileSystemDirectoryHandle;
  recent?: FileSystemDirectoryHandle; // that was opened last, perhaps on an earlier visit
  strict: boolean;
  linked?: boolean; // strict as a link says, for the first repository
  skipped: string[]; // files that were left out, and why
  opening: number; // counts what was opened: two repositories may have the same name
  checked?: Promise<Linted>; // the check of the whole repository, which two views show and one of them may have asked for
  rules?: Promise<Map<string, Rule>>;
  resting?: string; // what the status said before the program was found at work, and says again when it rests
  written?: Written; // last, of what is open
  failed?: { message: string; again: string; retry: () => void }; // why nothing works at the moment
}

const none = (): Changes => ({ files: [], patch: "", masked: [], steps: [] });

export const state: State = {
  name: "",
  example: false,
  files: new Map(),
  base: new Map(),
  steps: [],
  changes: none(),
  strict: false,
  skipped: [],
  opening: 0,
};

const base = new URL(".", location.href).href;

// doing is what the status says of a call that takes longer than a moment.
const doing: Record<string, string> = {
  plan: "Planning…",
  check: "Linting the plan…",
  lint: "Linting…",
  fix: "Fixing…",
  instances: "Rendering…",
  open: "Opening…",
};

// Watched offers to cancel what takes longer than a moment.
class Watched extends Core {
  up = false; // it has been ready once; loading is not cancelled
  cancelled: () => void = () => {};
  private busy = 0;
  private timer = 0;

  override async call<T>(name: string, request: unknown = {}, progress?: (p: Progress) => void): Promise<T> {
    if (this.busy++ === 0)
      this.timer = window.setTimeout(() => {
        byId("cancel").hidden = !this.up;
        working(doing[name] ?? "Working…");
      }, 400);
    const start = performance.now();
    try {
      return await super.call<T>(name, request, progress);
    } finally {
      performance.measure("core-call", { start, detail: name });
      if (--this.busy === 0) {
        clearTimeout(this.timer);
        byId("cancel").hidden = true;
        rested();
      }
    }
  }

  override cancel() {
    super.cancel();
    status("Cancelled", "bad");
    say("Cancelled");
    this.cancelled();
  }
}

export const core = new Watched(base);

// local says that a redis-gitops on this machine serves the page for a folder.
export const local = document.querySelector('meta[name="redis-gitops-local"]') !== null;

const listeners: (() => void)[] = [];
export const onchange = (f: () => void) => void listeners.push(f);
export const changed = () => {
  state.checked = undefined;
  for (const f of listeners) f();
};

// check lints the whole repository, once.
export function check(tell: (p: Progress) => void): Promise<Linted> {
  if (state.checked) return state.checked;
  const mine = core.call<Linted>("lint", { strict: state.strict }, tell);
  mine.catch(() => {
    if (state.checked === mine) state.checked = undefined;
  });
  state.checked = mine;
  return mine;
}

// navigate shows another view; main sets it.
export const navigate = { to: (_view: "scaffold" | "lint" | "explore") => {} };

core.restore = () => (state.opened ? { files: [...state.base.values()], steps: state.steps } : undefined);

function working(text: string) {
  const kind = byId("status").dataset.kind;
  if (kind !== "ok") return; // it says already what goes on, or what is wrong
  const resting = byId("status-text").textContent!;
  status(text);
  state.resting = resting;
}

function rested() {
  if (state.resting !== undefined) status(state.resting, "ok");
}

export function status(text: string, kind: "busy" | "ok" | "bad" = "busy", share?: number) {
  state.resting = undefined;
  const s = byId("status");
  s.dataset.kind = kind;
  byId("status-text").textContent = text;
  s.style.setProperty("--share", share === undefined ? "0" : String(share));
}

export const progress = (what: string) => (p: Progress) =>
  status(`${what} ${p.done.toLocaleString("en")} of ${p.total.toLocaleString("en")}`, "busy", p.done / Math.max(1, p.total));

export async function open(
  name: string,
  files: RepoFile[],
  more: { example?: boolean; folder?: FileSystemDirectoryHandle; skipped?: string[] } = {},
) {
  status(`Opening ${name}…`);
  const opened = await core.opened("open", { files });
  state.opening++;
  state.failed = undefined;
  state.name = name;
  state.example = more.example ?? false;
  state.folder = more.folder;
  state.skipped = more.skipped ?? [];
  state.base = new Map(files.map((f) => [f.path, f]));
  state.files = new Map(state.base);
  [state.steps, state.changes] = [[], none()];
  state.written = undefined;
  state.opened = opened;
  state.strict = state.linked ?? opened.strict;
  state.linked = undefined;
  say(`${name} is open: ${files.length} files`);
  status("Ready", "ok");
  changed();
}

export const real = (files: ChangedFile[]) => files.filter((f) => f.action !== "unchanged");

// make has the core make a change that was shown: a plan, or fixes.
export async function make<T extends { files: ChangedFile[] }>(name: "apply" | "fix", request: object): Promise<T> {
  const made = await core.call<T>(name, request);
  const files = real(made.files);
  if (files.length) state.steps.push({ what: "", files }); // the core has no step for nothing either
  await refresh();
  return made;
}

// refresh lays the steps over the files that the page knows, as the core has done already, and asks what that makes of the repository.
async function refresh(again = true): Promise<void> {
  state.files = new Map(state.base);
  for (const step of state.steps)
    for (const f of step.files) {
      if (f.action === "remove") state.files.delete(f.path);
      else state.files.set(f.path, { path: f.path, text: f.new });
    }
  try {
    state.opened = await core.opened("files", { changes: [] });
    state.changes = await core.call<Changes>("changes");
  } catch (e) {
    if (e instanceof Cancelled && again) return refresh(false); // the program that was started in its place knows the same
    throw e;
  }
  for (const [n, what] of state.changes.steps.entries()) if (state.steps[n]) state.steps[n].what = what;
  changed();
}

// undo takes back the last step.
export async function undo() {
  await core.call("undo");
  state.steps.pop();
  await refresh();
}

// discard takes back all steps.
export async function discard() {
  await core.call("discard");
  state.steps = [];
  await refresh();
}

export const canWrite = () => local || state.folder !== undefined;

// put writes the changes of the tab to disk; what is written is the base of the next ones.
export async function put(files: ChangedFile[], command: string, where: string, folder = state.folder) {
  const made = folder ? await write(folder, files) : await send("apply", files, command);
  state.written = { files, command, where, folder, made };
  state.folder = folder;
  await core.call("written");
  [state.base, state.steps] = [new Map(state.files), []];
  await refresh();
}

// back are the changes that take back what was written last.
export async function back(): Promise<ChangedFile[]> {
  const actions = { create: "remove", remove: "create", update: "update", unchanged: "unchanged" } as const;
  const over = state.written!.files.map((f) => ({ path: f.path, action: actions[f.action], old: f.new, new: f.old }));
  return (await core.call<Changes>("changes", { over })).files;
}

// unwrite takes back on disk what was written last, if nothing else has changed there; files are those of back.
export async function unwrite(files: ChangedFile[]) {
  const { files: written, command, folder, made } = state.written!;
  if (folder) {
    await write(folder, files, "take back that change first, or undo both with git restore");
    await clear(folder, made);
  } else await send("undo", written, command);
  state.written = undefined;
  for (const f of files) {
    if (f.action === "remove") state.base.delete(f.path);
    else state.base.set(f.path, { path: f.path, text: f.new });
  }
  await core.opened("open", core.restore());
  await refresh();
}

// send has the local server make changes, or take them back.
async function send(what: "apply" | "undo", changes: ChangedFile[], command: string): Promise<string[]> {
  const r = await fetch(base + "api/" + what, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ command, changes: changes.map(({ path, action, old, new: now }) => ({ path, action, old, new: now })) }),
  }).catch(() => undefined);
  if (!r) throw new Error(gone);
  if (!r.ok) throw new Error(await r.text());
  return []; // it knows itself which directories it made
}

const gone = "redis-gitops web does not answer; start it again, and open the address that it prints";

export async function localRepository(): Promise<{ name: string; files: RepoFile[] }> {
  const r = await fetch(base + "api/repository").catch(() => undefined);
  if (!r) throw new Error(gone);
  if (!r.ok) throw new Error(await r.text());
  return r.json();
}

export async function exampleRepository(file: "example.json" | "broken.json"): Promise<RepoFile[]> {
  const r = await fetch(base + file).catch(() => undefined);
  if (!r?.ok) throw new Error(`could not load the example: ${r ? `the server answers ${r.status}` : "the server does not answer"}`);
  return r.json();
}

export const rules = () => (state.rules ??= core.call<Rule[]>("rules").then((all) => new Map(all.map((r) => [r.rule, r]))));

export const messages = (e: unknown): string[] =>
  e instanceof CoreError
    ? e.problems.map((p) => (p.file ? `${p.file}${p.line ? `:${p.line}:${p.column}` : ""}: ` : "") + p.message)
    : [e instanceof Error ? e.message : String(e)];

// The hash holds which view is open and what the form says; never a secret.
export function hash(): { view: string; params: URLSearchParams } {
  const [view = "", query = ""] = location.hash.slice(1).split("?", 2);
  return { view, params: new URLSearchParams(query) };
}

// setHash replaces the address; another view is an entry of its own in the history.
export function setHash(view: string, params?: URLSearchParams) {
  const q = params?.toString();
  const to = "#" + view + (q ? "?" + q : "");
  if (to === location.hash) return;
  const before = hash().view;
  if (before && before !== view) history.pushState(null, "", to);
  else history.replaceState(null, "", to);
}
