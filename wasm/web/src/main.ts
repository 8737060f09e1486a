import { changed, core, exampleRepository, hash, local, localRepository, messages, navigate, onchange, open, state, status } from "./app";
import * as changes from "./changes";
import { Cancelled } from "./core";
import { byId, type Child, dialog, fill, h, plural } from "./dom";
import { fromDrop, fromFolder, fromInput, fromPicker, fromZip, picker, type Taken } from "./files";
import { allowed, forget, recall, remember } from "./recent";
import { Explore } from "./views/explore";
import { Lint } from "./views/lint";
import { Scaffold } from "./views/scaffold";
import type { View } from "./views/view";

const lint = new Lint();
const explore = new Explore((text) => {
  lint.only(text);
  navigate.to("lint");
});
const views: Record<"scaffold" | "lint" | "explore", View> = { scaffold: new Scaffold(), lint, explore };
type Name = keyof typeof views;
const names = Object.keys(views) as Name[];

function go(view: Name, focus = false) {
  if (byId(view).hidden) {
    scrollTo(0, 0);
    for (const n of names) if (n !== view && !byId(n).hidden && hash().view !== view) views[n].hide?.();
  }
  for (const n of names) {
    const tab = byId("tab-" + n);
    tab.setAttribute("aria-selected", String(n === view));
    tab.tabIndex = n === view ? 0 : -1;
    byId(n).hidden = n !== view;
    if (n === view && focus) tab.focus();
  }
  views[view].show();
}

for (const n of names) {
  byId("tab-" + n).addEventListener("click", () => go(n));
}
byId("tabs").addEventListener("keydown", (e) => {
  const at = names.findIndex((n) => byId("tab-" + n).tabIndex === 0);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: names.length - 1 }[e.key];
  if (to === undefined) return;
  e.preventDefault();
  go(names[(to + names.length) % names.length]!, true);
});

async function takeIn(what: () => Promise<Taken>) {
  try {
    status("Reading…");
    const t = await what();
    if (!t.files.length) throw new Error(["no relevant files found", ...t.skipped].join("; "));
    if (!(await changes.leave())) return status("Ready", "ok");
    await open(t.name, t.files, { folder: t.folder, skipped: t.skipped });
    if (t.folder) recent(t.folder);
    if (!byId("scaffold").hidden) go("lint");
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") return status("Ready", "ok");
    if (e instanceof Cancelled) return;
    status("Could not open", "bad");
    await dialog(
      "Could not open",
      h(
        "ul",
        {},
        messages(e).map((m) => h("li", {}, m)),
      ),
      "Close",
      false,
    );
    if (state.opened) status("Ready", "ok");
  }
}

// A step in the history, or an address that somebody has changed.
addEventListener("hashchange", () => {
  const view = hash().view as Name;
  if (names.includes(view) && byId(view).hidden) go(view);
});

const tell = (t: string) => status(t);
byId("cancel").addEventListener("click", () => core.cancel());
navigate.to = (view) => go(view, true);

// chooser is an input that takes files, which a button opens.
const chooser = (id: string, props: Record<string, unknown>, taken: (files: FileList) => Promise<Taken>) =>
  h("input", {
    type: "file",
    id,
    hidden: true,
    ...props,
    onchange: (e: Event) => {
      const { files } = e.target as HTMLInputElement;
      if (files?.length) void takeIn(() => taken(files));
    },
  });

const button = (text: string, onclick: () => void, props: Record<string, unknown> = {}) =>
  h("button", { type: "button", onclick, ...props }, text);

// recent offers a directory again; without a place to keep it, the page works as before.
function recent(folder: FileSystemDirectoryHandle | undefined) {
  if (folder && folder !== state.recent) remember(folder).catch(() => {});
  state.recent = folder;
  drawSource();
}

// reopen is the way to the directory that was opened last, and to forget it.
function reopen(): Child {
  const folder = state.recent;
  if (!folder || folder === state.folder) return false;
  const again = async () => {
    if (!(await allowed(folder))) throw new Error(`read permission for ${folder.name} was denied in the browser`);
    return fromFolder(folder, tell);
  };
  return [
    button(`Reopen ${folder.name}`, () => void takeIn(again), { id: "reopen" }),
    button("Forget it", () => void forget().then(() => recent(undefined)), {
      id: "forget",
      class: "quiet",
      title: "This browser keeps which directory you opened last, not its contents",
    }),
  ];
}

// sources are the ways to open something.
function sources(): Child {
  if (local) return button("Reload", () => void start());
  const folder = chooser("folder", { webkitdirectory: true, "aria-label": "Directory" }, (files) => fromInput(files, tell));
  const zip = chooser("zip", { accept: ".zip", "aria-label": "Zip archive" }, (files) => fromZip(files[0]!, tell));
  return [
    h("span", { class: "muted wide" }, "drop a directory or zip anywhere, or"),
    !state.example && button("Example", () => void openExample(), { class: "quiet", id: "open-example" }),
    state.name !== "Broken repository" && button("Try a broken repository", () => void openBroken(), { class: "quiet", id: "open-broken" }),
    button("Paste a manifest", () => void paste(), { id: "open-paste" }),
    reopen(),
    button("Open a directory", () => {
      if (picker) void takeIn(() => fromPicker(tell));
      else folder.click();
    }),
    folder,
    button("Open a zip", () => zip.click()),
    zip,
  ];
}

// openedText names the repository.
function openedText() {
  const o = state.opened;
  if (!o)
    return h(
      "span",
      { class: "muted" },
      state.failed ? "No repository is open." : local ? "Reading the repository…" : "Opening the example…",
    );
  return [
    h("b", {}, state.example ? "Example repository" : state.name),
    h("span", { class: "muted" }, ` ${plural(state.files.size, "file")}, ${plural(o.applications.length, "application")}`),
  ];
}

function drawSource() {
  const problems = state.opened?.problems ?? [];
  fill(
    byId("source"),
    h("p", {}, openedText()),
    h("div", { class: "row" }, sources()),
    state.failed &&
      h(
        "div",
        { class: "card bad wide", role: "alert", id: "failed" },
        h("p", {}, state.failed.message),
        h(
          "div",
          { class: "row" },
          button(state.failed.again, () => state.failed!.retry(), { id: "retry" }),
        ),
      ),
    state.skipped.length > 0 &&
      h(
        "details",
        { class: "muted wide", id: "skipped" },
        h("summary", {}, plural(state.skipped.length, "file") + " skipped"),
        h(
          "ul",
          {},
          state.skipped.map((s) => h("li", {}, s)),
        ),
      ),
    problems.length > 0 &&
      h(
        "div",
        { class: "note wide", role: "alert" },
        problems.map((p) => h("div", {}, `${p.file ?? ""}${p.line ? ":" + p.line : ""} ${p.message}`)),
      ),
  );
}

const openExample = async () => {
  if (!(await changes.leave())) return;
  try {
    await open("Example repository", await exampleRepository("example.json"), { example: true });
  } catch (e) {
    if (!(e instanceof Cancelled) && !state.failed) broken(messages(e)[0]!, "Retry", () => void openExample());
  }
};

// openBroken shows what the linter finds.
const openBroken = () => takeIn(async () => ({ name: "Broken repository", files: await exampleRepository("broken.json"), skipped: [] }));

const sample = `apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata:
  name: sessions
spec:
  sentinel:
    replicas: 2
  redis:
    replicas: 1
    customConfig:
      - maxmemory-policy=noeviction
`;

// paste makes a repository of one file of what somebody pastes.
async function paste() {
  const text = h("textarea", {
    id: "manifest",
    rows: 16,
    spellcheck: "false",
    class: "code",
    placeholder: sample,
    "aria-describedby": "manifest-help",
  });
  const yes = await dialog(
    "Paste a manifest",
    [
      h("label", { for: "manifest" }, "A custom resource, or several manifests separated by ---"),
      text,
      h("p", { class: "help", id: "manifest-help" }, "Nothing is uploaded. Empty, the example in the field is linted."),
    ],
    "Lint",
  );
  if (yes)
    await takeIn(async () => ({
      name: "Pasted manifest",
      files: [{ path: "manifest.yaml", text: text.value.trim() ? text.value : sample }],
      skipped: [],
    }));
}

async function start() {
  try {
    if (local) {
      if (!(await changes.leave())) return;
      const r = await localRepository();
      await open(r.name, r.files);
    } else await openExample();
  } catch (e) {
    if (!(e instanceof Cancelled) && !state.failed) broken(messages(e)[0]!, "Retry", () => void start());
  }
}

document.addEventListener("dragover", (e) => {
  e.preventDefault();
  if (!local && e.dataTransfer?.types.includes("Files")) document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (e) => {
  if (!e.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (e) => {
  e.preventDefault();
  document.body.classList.remove("dropping");
  if (e.dataTransfer?.types.includes("Files") && !local) void takeIn(() => fromDrop(e.dataTransfer!, tell));
});

core.onload = (p) => {
  // What failed meanwhile, such as the example, stays in sight.
  if (!state.failed) status(`Loading the program ${Math.round((100 * p.done) / p.total)} %`, "busy", p.done / p.total);
};
core.onready = (t) => {
  core.up = true;
  performance.measure("core-load", { start: performance.now() - t.load - t.start, duration: t.load });
  performance.measure("core-start", { start: performance.now() - t.start, duration: t.start });
};
core.onfail = (m) =>
  broken(m, core.up ? "Start again" : "Retry", () => {
    status("Starting…");
    core
      .restart()
      .then(() => (state.opened ? changed() : start()))
      .catch(() => {}); // told by onfail
  });
core.onquiet = (quiet) => {
  byId("cancel").textContent = quiet ? "Start again" : "Cancel";
  if (quiet) status("The program has not answered for 20 s", "bad");
  else if (byId("status-text").textContent!.startsWith("The program has not")) status("Ready", "ok");
};

// broken says why nothing works, in every view, and offers a way out.
function broken(message: string, again: string, retry: () => void) {
  const text = message[0]!.toUpperCase() + message.slice(1).replace(/\.$/, "");
  status(text.split(/[:;,] /)[0]!, "bad");
  state.failed = {
    message: text + ".",
    again,
    retry: () => {
      state.failed = undefined;
      drawSource();
      retry();
    },
  };
  drawSource();
  if (!state.opened) for (const v of names) views[v].failed();
}

for (const v of names) views[v].init();
changes.init();
onchange(drawSource);
drawSource();
const first = hash().view as Name;
go(names.includes(first) ? first : "scaffold");
void start();
if (!local)
  recall()
    .then((folder) => {
      state.recent ??= folder;
      drawSource();
    })
    .catch(() => {});

if ("serviceWorker" in navigator && !local && import.meta.env.PROD && location.protocol !== "file:") {
  core.onready = ((before) => (t: { load: number; start: number }) => {
    before(t);
    navigator.serviceWorker.register("./sw.js").catch(() => {});
  })(core.onready);
}
