// The Scaffold view: a form made from the schema, and what it would do to the repository.
import form from "./form.json";
import { canWrite, changed, core, hash, local, messages, onchange, save, setHash, state, status, take } from "./app";
import { Cancelled, CoreError } from "./core";
import { again, byId, codeView, copyButton, dialog, diffView, download, fill, h, plural, say } from "./dom";
import { pick, picker } from "./files";
import { findingCard } from "./lint";
import { writeZip } from "./zip";
import type { ChangedFile, Linted, Planned, Problem } from "./types";

interface Schema {
  type?: string;
  default?: unknown;
  description?: string;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  anyOf?: Schema[];
}

const operator = form.operators[0]!;
const properties = (operator.schema as unknown as { properties: Record<string, Schema> }).properties;
// auth and networkPolicy have fields of their own, or follow from the configuration.
const values = operator.order.filter((k) => k !== "auth");

interface Ask {
  kind: "resource" | "application" | "deployment";
  app: string;
  type: string;
  suffix: string;
  profile: string;
  size: string;
  auth: string;
  secret: string;
  store: string;
  cert: string;
  namespace: string;
  name: string;
  image: string;
  hostname: string;
  onConflict: string;
  kustomize: boolean;
  set: Record<string, string>;
}

const blank = (): Ask => ({
  kind: "resource", app: "shop", type: "", suffix: "jobs", profile: "queue", size: "", auth: "", secret: "", store: "", cert: "", namespace: "",
  name: "", image: "", hostname: "", onConflict: "", kustomize: false, set: {},
});
let ask = blank();
let planned: Planned | undefined;

// kept are the fields that a link carries. A certificate is left out: it is long, and the colleague's cluster has its own.
const kept = ["kind", "app", "type", "suffix", "profile", "size", "auth", "secret", "store", "namespace", "name", "image", "hostname", "onConflict"] as const;

function params(): URLSearchParams {
  const p = new URLSearchParams();
  p.set("v", "1");
  for (const k of kept) if (ask[k]) p.set(k, ask[k]);
  if (ask.kustomize) p.set("kustomize", "1");
  for (const k of values) if (ask.set[k] !== undefined) p.set("set." + k, ask.set[k]!);
  if (state.strict !== (state.opened?.strict ?? false)) p.set("strict", state.strict ? "1" : "0");
  return p;
}

export function fromHash() {
  const { view, params: p } = hash();
  if (view !== "scaffold" || !p.has("v")) return;
  ask = { ...blank(), suffix: "", profile: "" };
  for (const k of kept) if (p.has(k)) (ask as unknown as Record<string, string>)[k] = p.get(k)!;
  if (!["resource", "application", "deployment"].includes(ask.kind)) ask.kind = "resource";
  ask.kustomize = p.get("kustomize") === "1";
  for (const k of values) if (p.has("set." + k)) ask.set[k] = p.get("set." + k)!;
  if (p.has("strict")) state.strict = p.get("strict") === "1";
}

const request = () => {
  const { kind, app, set } = ask;
  const some = (o: Record<string, unknown>) => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== "" && v !== false));
  const common = { kind, app, ...some({ onConflict: ask.onConflict, strict: state.strict }) };
  const exists = state.opened?.applications.some((a) => a.name === app);
  if (kind === "application") return { ...common, ...some({ kustomize: ask.kustomize }) };
  if (kind === "deployment") return { ...common, type: ask.type || state.opened?.deployments?.[0] || "web", ...some({ newApp: !exists, name: ask.name, image: ask.image, hostname: ask.hostname }) };
  return {
    ...common,
    type: ask.type || "redis",
    ...some({
      newApp: !exists, suffix: ask.suffix, profile: ask.profile, size: ask.size, auth: ask.auth, namespace: ask.namespace,
      secret: ask.auth && ask.auth !== "none" ? ask.secret : "", store: ask.auth === "external" ? ask.store : "", cert: ask.auth === "sealed" ? ask.cert : "",
    }),
    set,
  };
};

function field(label: string, input: HTMLElement, help = "", id = input.id) {
  const described = help ? id + "-help" : undefined;
  if (described) input.setAttribute("aria-describedby", described);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, help && h("p", { class: "help", id: described }, help));
}

function textField(id: string, label: string, get: () => string, put: (v: string) => void, help = "", props: Record<string, unknown> = {}) {
  return field(label, h("input", { id, type: "text", value: get(), autocomplete: "off", spellcheck: "false", oninput: (e: Event) => { put((e.target as HTMLInputElement).value); update(); }, ...props }), help);
}

function choice(id: string, label: string, options: [string, string][], get: () => string, put: (v: string) => void, help = "", redraw = false) {
  const s = h("select", { id, onchange: (e: Event) => { put((e.target as HTMLSelectElement).value); if (redraw) drawForm(); update(); } },
    options.map(([value, text]) => h("option", { value, selected: value === get() }, text)));
  return field(label, s, help);
}

// preset is what a value is when the form leaves it alone.
function preset(key: string): unknown {
  for (const name of [ask.size, ask.profile]) {
    const v = operator.profiles.find((p) => p.name === name)?.values as Record<string, unknown> | undefined;
    if (v && key in v) return v[key];
  }
  return properties[key]!.default;
}

const options = (s: Schema): unknown[] | undefined => s.enum ?? (s.anyOf?.every((a) => a.enum) ? s.anyOf.flatMap((a) => a.enum!) : undefined);
const isNumber = (s: Schema): boolean => s.type === "integer" || s.type === "number";

// bounds are what a number may be; the core says more when it is wrong.
const bounds = (s: Schema) => s.minimum === undefined && s.maximum === undefined ? "" : s.maximum === undefined ? ` At least ${s.minimum}.` : ` ${s.minimum ?? 0} to ${s.maximum}.`;

// pattern is what the browser itself can check of a text.
function pattern(s: Schema): string | undefined {
  const whole = (p: string) => p.replace(/^\^|\$$/g, "");
  if (s.pattern) return whole(s.pattern);
  const some = s.anyOf?.flatMap((a) => (a.pattern ? [whole(a.pattern)] : []));
  return some?.length ? some.map((p) => `(?:${p})`).join("|") : undefined;
}

function valueField(key: string) {
  const s = properties[key]!;
  const id = "value-" + key;
  const before = preset(key);
  const shown = before === "" ? "none" : String(before);
  const put = (v: string) => { if (v === "") delete ask.set[key]; else ask.set[key] = v; };
  const list = options(s);
  if (list) return choice(id, label(key), [["", `${shown} (default)`], ...list.map((v) => [String(v), String(v)] as [string, string])], () => ask.set[key] ?? "", put, s.description);
  const number = isNumber(s) ? { type: "number", min: s.minimum, max: s.maximum, step: s.type === "integer" ? 1 : "any" } : { pattern: pattern(s) };
  return textField(id, label(key), () => ask.set[key] ?? "", put, (s.description ?? "") + bounds(s), { placeholder: shown, ...number });
}

const label = (key: string) => key === "cpu" ? "CPU" : key.replace(/[A-Z]/g, (c) => " " + c.toLowerCase()).replace(/^./, (c) => c.toUpperCase());

function drawForm() {
  const apps = state.opened?.applications ?? [];
  const kinds: [Ask["kind"], string][] = [["resource", "A Redis"], ["application", "An application"], ["deployment", "A deployment"]];
  const parts: HTMLElement[] = [
    h("fieldset", { class: "segments" }, h("legend", {}, "What do you want to create?"),
      kinds.map(([value, text]) => h("label", {}, h("input", { type: "radio", name: "kind", id: "kind-" + value, value, checked: ask.kind === value, onchange: () => { ask.kind = value; ask.type = ""; drawForm(); update(); } }), h("span", {}, text)))),
    h("datalist", { id: "apps" }, apps.map((a) => h("option", { value: a.name }))),
    textField("app", "Application", () => ask.app, (v) => (ask.app = v.trim()), ask.kind === "application" ? "Lower-case letters, digits and dashes." : "An existing application, or a new name to create one.", { list: "apps", required: true }),
  ];
  if (ask.kind === "resource") {
    const profiles = operator.profiles.filter((p) => !p.size);
    const own = (state.opened?.profiles ?? []).filter((n) => !profiles.some((p) => p.name === n));
    parts.push(
      form.operators.length > 1
        ? choice("operator", "Operator", form.operators.map((o) => [o.name, label(o.name)]), () => operator.name, () => {}, operator.doc)
        : h("p", { class: "operator" }, h("b", {}, "Operator: "), label(operator.name), h("small", {}, " " + operator.doc)),
      h("fieldset", { class: "cards" }, h("legend", {}, "What is it for?"),
        [...profiles.map((p) => [p.name, p.doc]), ...own.map((n) => [n, "from .redis-gitops.yaml"]), ["", "the defaults of the repository"]].map(([name, doc]) =>
          h("label", {}, h("input", { type: "radio", name: "profile", id: "profile-" + name, value: name, checked: ask.profile === name, onchange: () => { ask.profile = name!; drawForm(); update(); } }), h("span", {}, h("b", {}, label(name || "default")), h("small", {}, doc))))),
      textField("suffix", "Suffix", () => ask.suffix, (v) => (ask.suffix = v.trim()), "For a second instance in the same application; added to every name."),
      h("label", { class: "check" }, h("input", { type: "checkbox", id: "size", checked: ask.size === "dev", onchange: (e: Event) => { ask.size = (e.target as HTMLInputElement).checked ? "dev" : ""; drawForm(); update(); } }), "One small replica, for development"),
      h("div", { class: "grid2" }, values.filter((k) => k !== "networkPolicy").map(valueField)),
      choice("auth", "Password", [["", "the repository's default"], ["none", "none: no authentication"], ["existing", "an existing Secret"], ["external", "generated by External Secrets"], ["sealed", "sealed in this tab, with the controller's certificate"]],
        () => ask.auth, (v) => (ask.auth = v), "Never committed in plain text.", true),
    );
    if (ask.auth && ask.auth !== "none") parts.push(textField("secret", "Secret name", () => ask.secret, (v) => (ask.secret = v.trim()), "", { placeholder: `${ask.app}${ask.suffix ? "-" + ask.suffix : ""}-redis-auth` }));
    if (ask.auth === "external") parts.push(textField("store", "Secret store", () => ask.store, (v) => (ask.store = v.trim()), "A ClusterSecretStore, or SecretStore/NAME."));
    if (ask.auth === "sealed") parts.push(field("Certificate", h("textarea", { id: "cert", rows: 4, spellcheck: "false", value: ask.cert, oninput: (e: Event) => { ask.cert = (e.target as HTMLTextAreaElement).value; update(); } }), "The output of kubeseal --fetch-cert. It is public, and never leaves this tab."));
    parts.push(h("details", {}, h("summary", {}, "More"), valueField("networkPolicy"), textField("namespace", "Namespace", () => ask.namespace, (v) => (ask.namespace = v.trim()), "The target namespace, if Argo CD or Flux does not set it.")));
  } else if (ask.kind === "application") {
    parts.push(h("label", { class: "check" }, h("input", { type: "checkbox", id: "kustomize", checked: ask.kustomize, onchange: (e: Event) => { ask.kustomize = (e.target as HTMLInputElement).checked; update(); } }), "Create a kustomization instead of a chart"));
  } else {
    const types = state.opened?.deployments ?? [];
    parts.push(
      types.length ? choice("type", "Type", types.map((t) => [t, t]), () => ask.type || types[0]!, (v) => (ask.type = v), "From generators/deployments.") : h("p", { class: "help" }, "The repository has no generators/deployments directory."),
      textField("name", "Name", () => ask.name, (v) => (ask.name = v.trim()), "If different from the type."),
      textField("image", "Image", () => ask.image, (v) => (ask.image = v.trim())),
      textField("hostname", "Host name", () => ask.hostname, (v) => (ask.hostname = v.trim())),
    );
  }
  again(() => fill(byId("form"), parts));
}

let asked = 0; // what the form says, counted
let done = 0; // what of it has been asked of the core
let planning = false;
let address = 0;

// update plans what the form says now. Nothing waits: while the core is at work the newest state of the form is next.
export function update() {
  asked++;
  clearTimeout(address);
  address = window.setTimeout(() => { if (!byId("scaffold").hidden) setHash("scaffold", params()); }, 150); // browsers count changes of it
  if (!planning) void plan();
}

// problem tells what is wrong, and marks the field that it is about: the core names flags of the command line.
function problem(p: Problem): HTMLElement {
  const [, key, flag] = /^--(?:set ([\w-]+)|([\w-]+))/.exec(p.file ?? "") ?? [];
  const name = key ?? flag ?? "";
  const input = document.getElementById(key ? "value-" + key : name);
  if (!name || !input?.closest("#form")) return h("li", {}, messages(new CoreError([p]))[0]);
  input.setAttribute("aria-invalid", "true");
  return h("li", {}, h("button", { type: "button", class: "link", onclick: () => input.focus() }, label(name)), ": ", p.message);
}

// jump is the way from the form to what it makes, where the two do not stand side by side.
function jump(text: string, kind: "good" | "bad" | "") {
  const b = byId("jump");
  b.textContent = text + " ↓";
  b.className = kind;
}

async function plan() {
  planning = true;
  while (state.opened && done !== asked) {
    const mine = (done = asked);
    try {
      const r = request();
      const p = await core.call<Planned>("plan", r);
      planned = p;
      for (const e of byId("form").querySelectorAll("[aria-invalid]")) e.removeAttribute("aria-invalid");
      again(drawPlan);
      if (p.conflicts.length > 0 || mine !== asked) continue;
      const l = await core.call<Linted>("check", r);
      if (mine === asked) again(() => drawCheck(l));
    } catch (e) {
      planned = undefined;
      if (e instanceof Cancelled) {
        fill(byId("preview"), h("div", { class: "card" }, h("h3", {}, "Cancelled"), h("div", { class: "row" }, h("button", { type: "button", onclick: () => update() }, "Try again"))));
        break;
      }
      again(() => fill(byId("preview"), h("div", { class: "card bad", role: "alert" }, h("h3", {}, "Cannot generate this"), h("ul", {}, e instanceof CoreError ? e.problems.map(problem) : messages(e).map((m) => h("li", {}, m))))));
      jump("Cannot generate", "bad");
    }
  }
  planning = false;
}

const openFiles = new Set<string>();
const wholeFiles = new Set<string>();
const checkBox = h("div", { id: "checked", class: "card", "aria-live": "polite" });

function drawPlan() {
  const p = planned!;
  const made = p.files.filter((f) => f.action !== "unchanged");
  jump(p.conflicts.length ? "Conflict" : made.length ? plural(made.length, "file") : "Nothing to do", p.conflicts.length ? "bad" : "");
  const out: (HTMLElement | false)[] = [];
  if (p.conflicts.length)
    out.push(
      h("div", { class: "card bad", role: "alert" }, h("h3", {}, "Conflicts with existing content"), h("ul", {}, p.conflicts.map((c) => h("li", {}, h("code", {}, `${c.file}${c.line ? ":" + c.line : ""}`), " ", c.message))),
        h("div", { class: "row" },
          h("button", { type: "button", id: "conflict-keep", onclick: () => { ask.onConflict = "keep"; update(); } }, "Keep existing"),
          h("button", { type: "button", id: "conflict-replace", onclick: () => { ask.onConflict = "replace"; update(); } }, "Overwrite"))),
    );
  else if (ask.onConflict)
    out.push(h("p", { class: "note" }, ask.onConflict === "keep" ? "Existing content is kept. " : "Existing content is overwritten. ", h("button", { type: "button", class: "quiet", id: "conflict-ask", onclick: () => { ask.onConflict = ""; update(); } }, "Ask again")));
  if (!made.length && !p.conflicts.length) out.push(h("p", { class: "card" }, "Nothing to do: already up to date."));
  if (p.url) {
    const url = p.url;
    out.push(h("div", { class: "card url" }, h("div", { class: "row between" }, h("h3", {}, "Connection URL"), copyButton(() => url, "Copy", "copy-url")), h("code", { class: "big" }, url)));
  }
  // What the checks said stays until they have said something new, so that nothing jumps.
  if (p.conflicts.length || !checkBox.firstChild) {
    checkBox.classList.remove("good");
    fill(checkBox, h("div", { class: "row between" }, h("h3", {}, p.conflicts.length ? "Resolve the conflict first" : "Checking…"), strictSwitch()));
  }
  checkBox.setAttribute("aria-busy", String(p.conflicts.length === 0));
  out.push(checkBox);
  if (made.length)
    out.push(
      h("div", { class: "card" },
        h("div", { class: "row between" }, h("h3", {}, plural(made.length, "file")), h("div", { class: "row" }, actions(p, made))),
        made.map(fileView)),
    );
  const env = p.env.join("\n");
  if (env) out.push(h("div", { class: "card" }, h("div", { class: "row between" }, h("h3", {}, "Environment variables for clients"), copyButton(() => env, "Copy", "copy-env")), codeView(env, "Environment variables")));
  const commands = p.commands.join("\n");
  out.push(
    h("div", { class: "card" }, h("div", { class: "row between" }, h("h3", {}, "Command line"), copyButton(() => commands, "Copy", "copy-commands")), h("pre", { class: "code", tabindex: 0, "aria-label": "Commands" }, commands)),
    p.next.length > 0 && h("div", { class: "card" }, h("h3", {}, "Next"), h("ol", {}, p.next.map((n) => h("li", { class: "pre" }, n)))),
    p.notes.length > 0 && h("div", { class: "card" }, h("h3", {}, "Notes"), h("ul", {}, p.notes.map((n) => h("li", {}, n)))),
  );
  fill(byId("preview"), out);
}

function fileView(f: ChangedFile) {
  const name = { create: "new", update: "changed", remove: "removed", unchanged: "" }[f.action];
  const d = h("details", { class: "file", open: openFiles.has(f.path) || (f.action === "update" && f.path.endsWith("values.yaml")) });
  d.append(h("summary", { id: "file/" + f.path }, h("span", { class: "tag " + f.action }, name), h("span", { class: "path" }, f.path)));
  let drawn = false;
  const draw = () => {
    if (drawn || !d.open) return;
    drawn = true;
    const body = h("div", {});
    const show = () => again(() => {
      const whole = f.action === "create" || wholeFiles.has(f.path);
      const toggle = (text: string, on: boolean, id: string) => h("button", { type: "button", id: id + f.path, class: "quiet", "aria-pressed": String(on), onclick: () => { if (id === "whole/") wholeFiles.add(f.path); else wholeFiles.delete(f.path); show(); } }, text);
      fill(body,
        h("div", { class: "row end" }, f.action === "update" && h("span", { class: "pair" }, toggle("Diff", !whole, "diff/"), toggle("Whole file", whole, "whole/")), copyButton(() => f.new, "Copy file", "copy/" + f.path)),
        whole ? codeView(f.new, f.path) : diffView(f.diff ?? "", "Diff of " + f.path));
    });
    show();
    d.append(body);
  };
  d.addEventListener("toggle", () => { if (d.open) openFiles.add(f.path); else openFiles.delete(f.path); draw(); });
  draw();
  return d;
}

function actions(p: Planned, made: ChangedFile[]) {
  const command = p.commands.at(-1)!.replace("redis-gitops ", "");
  const name = `${ask.app}${ask.suffix && ask.kind === "resource" ? "-" + ask.suffix : ""}`.replace(/[^\w.-]/g, "_") || "redis-gitops";
  return [
    h("button", { type: "button", id: "take-patch", class: canWrite() ? "" : "primary", onclick: () => download(name + ".patch", p.diff, "text/x-diff") }, "Download patch"),
    h("button", { type: "button", id: "take-zip", onclick: () => download(name + ".zip", writeZip(made.filter((f) => f.action !== "remove").map((f) => ({ path: f.path, text: f.new }))), "application/zip") }, "Download zip"),
    copyButton(() => { setHash("scaffold", params()); return location.href; }, "Copy link", "take-link"),
    h("button", { type: "button", id: "take-keep", onclick: () => void keep(p) }, "Keep in this tab"),
    (canWrite() || picker) && h("button", { type: "button", id: "take-write", class: canWrite() ? "primary" : "", onclick: () => void writeOut(p, made, command) }, local ? "Write to the repository" : state.folder ? "Write to the directory" : "Write to a directory"),
  ];
}

// keep takes the plan into the repository of this tab, so that Lint and Explore show it and the next plan builds on it.
async function keep(p: Planned) {
  try {
    await core.call("apply", request());
    await take(p.files);
    say("Kept in this tab");
  } catch (e) {
    status(messages(e)[0]!, "bad");
  }
}

async function writeOut(p: Planned, made: ChangedFile[], command: string) {
  try {
    // A repository that came as a zip, or by another way that cannot be written to: its folder is asked for now.
    const folder = canWrite() ? state.folder : await pick();
    const yes = await dialog("Write these changes?", [h("p", {}, `${plural(made.length, "file")} of ${folder?.name || state.name} will be changed.`), diffView(p.diff)], "Write");
    if (!yes) return;
    await save(made, command, folder);
    await core.call("apply", request());
    await take(made);
    status("Written", "ok");
    say("Written");
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") return; // the folder was not chosen
    status(messages(e)[0]!, "bad");
    await dialog("Nothing was written", h("ul", {}, messages(e).map((m) => h("li", {}, m))), "Close");
  }
}

const strictSwitch = () => h("label", { class: "switch" }, h("input", { type: "checkbox", id: "check-strict", checked: state.strict, onchange: (e: Event) => { state.strict = (e.target as HTMLInputElement).checked; changed(); } }), "Strict");

function drawCheck(l: Linted) {
  const box = checkBox;
  box.removeAttribute("aria-busy");
  const report = l.report;
  const found = report?.findings.filter((f) => !f.suppressed) ?? [];
  const s = report?.summary;
  fill(box,
    h("div", { class: "row between" }, h("h3", {}, found.length === 0 ? "✓ Lint passed" : `Checks: ${[s!.errors && plural(s!.errors, "error"), s!.warnings && plural(s!.warnings, "warning"), s!.infos && plural(s!.infos, "info")].filter(Boolean).join(", ")}`), strictSwitch()),
    l.failures.map((f) => h("p", { class: "bad-text" }, f.message)),
    found.length > 0 && h("div", { class: "findings" }, found.slice(0, 30).map((f) => findingCard(f))),
  );
  const good = found.length === 0 && l.failures.length === 0;
  box.classList.toggle("good", good);
  const files = planned ? plural(planned.files.filter((f) => f.action !== "unchanged").length, "file") : "";
  jump(good ? `✓ ${files}, lint passed` : `${files}, ${plural(found.length, "finding")}`, good ? "good" : "bad");
}

export function init() {
  fill(byId("scaffold"),
    h("div", { class: "split" },
      h("form", { id: "form", "aria-label": "Resource to generate", onsubmit: (e: Event) => e.preventDefault() }),
      h("div", { id: "preview", role: "region", tabindex: -1, "aria-label": "Preview" }, h("div", { class: "card skeleton" }, h("h3", {}, "Generated files appear here"), h("p", { class: "muted" }, "The program is loading; you can already fill in the form.")))),
    h("button", { type: "button", id: "jump", onclick: () => { byId("preview").scrollIntoView({ block: "start" }); byId("preview").focus({ preventScroll: true }); } }, "Loading…"));
  new IntersectionObserver(([e]) => (byId("jump").hidden = e!.isIntersecting)).observe(byId("preview"));
  fromHash();
  drawForm();
  onchange(() => {
    drawForm();
    if (!byId("scaffold").hidden) update();
    else stale = true;
  });
  addEventListener("hashchange", () => { if (hash().view === "scaffold") { fromHash(); drawForm(); update(); } });
}

let stale = false;
export function show() {
  if (stale) { stale = false; update(); } else setHash("scaffold", params());
}
