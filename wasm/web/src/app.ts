// What the three views share: the repository, the core, and where changes can go.
import { Core, CoreError, type Progress } from "./core";
import { byId, say } from "./dom";
import { write } from "./files";
import type { ChangedFile, Linted, Opened, RepoFile, Rule } from "./types";

export interface State {
  name: string;
  example: boolean;
  files: Map<string, RepoFile>;
  opened?: Opened;
  folder?: FileSystemDirectoryHandle;
  strict: boolean;
}

export const state: State = { name: "", example: false, files: new Map(), strict: false };

const base = new URL(".", location.href).href;

// Watched offers to cancel what takes longer than a moment.
class Watched extends Core {
  up = false; // it has been ready once; loading is not cancelled
  cancelled: () => void = () => {};
  private busy = 0;
  private timer = 0;

  override async call<T>(name: string, request: unknown = {}, progress?: (p: Progress) => void): Promise<T> {
    if (this.busy++ === 0) this.timer = window.setTimeout(() => (byId("cancel").hidden = !this.up), 400);
    const start = performance.now();
    try {
      return await super.call<T>(name, request, progress);
    } finally {
      performance.measure("core-call", { start, detail: name });
      if (--this.busy === 0) {
        clearTimeout(this.timer);
        byId("cancel").hidden = true;
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
  checked = undefined;
  for (const f of listeners) f();
};

// The check of the whole repository, which two views show and one of them may have asked for.
let checked: Promise<Linted> | undefined;

export function check(tell: (p: Progress) => void): Promise<Linted> {
  if (checked) return checked;
  const mine = core.call<Linted>("lint", { strict: state.strict }, tell);
  mine.catch(() => {
    if (checked === mine) checked = undefined;
  });
  checked = mine;
  return mine;
}

// navigate shows another view; main sets it.
export const navigate = { to: (_view: "scaffold" | "lint" | "explore") => {} };

core.restore = () => (state.opened ? { files: [...state.files.values()] } : undefined);

export function status(text: string, kind: "busy" | "ok" | "bad" = "busy", share?: number) {
  const s = byId("status");
  s.dataset.kind = kind;
  byId("status-text").textContent = text;
  s.style.setProperty("--share", share === undefined ? "0" : String(share));
}

export const progress = (what: string) => (p: Progress) =>
  status(`${what} ${p.done.toLocaleString("en")} of ${p.total.toLocaleString("en")}`, "busy", p.done / Math.max(1, p.total));

export async function open(name: string, files: RepoFile[], more: { example?: boolean; folder?: FileSystemDirectoryHandle } = {}) {
  status(`Opening ${name}…`);
  const opened = await core.opened("open", { files });
  state.name = name;
  state.example = more.example ?? false;
  state.folder = more.folder;
  state.files = new Map(files.map((f) => [f.path, f]));
  state.opened = opened;
  state.strict = opened.strict;
  say(`${name} is open: ${files.length} files`);
  status("Ready", "ok");
  changed();
}

// take lays changes over the files that the page knows; the core has made them already.
export async function take(changes: ChangedFile[]) {
  for (const c of changes) {
    if (c.action === "remove") state.files.delete(c.path);
    else if (c.action !== "unchanged") state.files.set(c.path, { path: c.path, text: c.new });
  }
  state.opened = await core.opened("files", { changes: [] });
  changed();
}

export const canWrite = () => local || state.folder !== undefined;

// save writes changes to disk: into the folder that was opened, or by way of the local server.
export async function save(changes: ChangedFile[], command: string, folder = state.folder) {
  const real = changes.filter((c) => c.action !== "unchanged");
  if (folder) return write(folder, real);
  const r = await fetch(base + "api/apply", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ command, changes: real.map(({ path, action, old, new: now }) => ({ path, action, old, new: now })) }),
  });
  if (!r.ok) throw new Error(await r.text());
}

export async function localRepository(): Promise<{ name: string; files: RepoFile[] }> {
  const r = await fetch(base + "api/repository");
  if (!r.ok) throw new Error(await r.text());
  return r.json();
}

export async function exampleRepository(): Promise<RepoFile[]> {
  return (await fetch(base + "example.json")).json();
}

let ruleList: Promise<Map<string, Rule>> | undefined;
export const rules = () => (ruleList ??= core.call<Rule[]>("rules").then((all) => new Map(all.map((r) => [r.rule, r]))));

export const messages = (e: unknown): string[] =>
  e instanceof CoreError
    ? e.problems.map((p) => (p.file ? `${p.file}${p.line ? `:${p.line}:${p.column}` : ""}: ` : "") + p.message)
    : [e instanceof Error ? e.message : String(e)];

// The hash holds which view is open and what the form says; never a secret.
export function hash(): { view: string; params: URLSearchParams } {
  const [view = "", query = ""] = location.hash.slice(1).split("?", 2);
  return { view, params: new URLSearchParams(query) };
}

export function setHash(view: string, params?: URLSearchParams) {
  const q = params?.toString();
  history.replaceState(null, "", "#" + view + (q ? "?" + q : ""));
}
