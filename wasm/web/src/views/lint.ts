// The Lint view: findings by file, each with its source, its causes, its rule and its fix.
import { changed, check, core, make, messages, onchange, progress, rules, setHash, state, status } from "../app";
import { Cancelled } from "../core";
import { byId, copyButton, dialog, download, filesView, fill, h, paint, plural, say, unpressed } from "../dom";
import type { Finding, Fixed, Linted, Related, Report } from "../types";

const ranks = ["error", "warning", "info"];
const marks = { error: "✕", warning: "!", info: "i" } as const;

let report: Report | undefined;
let failures: Linted["failures"] = [];
let shown: Finding[] = [];
let chosen: Finding | undefined;
const filter = { severities: new Set(["error", "warning", "info"]), rule: "", text: "", suppressed: false };

// findingCard is a finding in one line, which opens; remedy leads to what makes it go away.
export function findingCard(f: Finding, remedy: HTMLElement | false = false): HTMLElement {
  return h(
    "details",
    { class: "finding " + f.severity },
    h(
      "summary",
      {},
      h("span", { class: "mark", "aria-hidden": "true" }, marks[f.severity]),
      h("span", { class: "sr" }, f.severity + ": "),
      h("span", { class: "message" }, f.message),
      h("code", { class: "rule" }, f.rule),
    ),
    h("div", { class: "row between" }, h("p", { class: "muted" }, `${f.file}:${f.line}`), remedy),
  );
}

export const worstFirst = (a: Finding, b: Finding) => ranks.indexOf(a.severity) - ranks.indexOf(b.severity);

function source(file: string, line: number, end = line, around = 2): HTMLElement | false {
  const text = state.files.get(file)?.text;
  if (text === undefined || line < 1) return false;
  const lines = text.split("\n");
  const from = Math.max(1, line - around);
  const to = Math.min(lines.length, Math.max(line, Math.min(end, line + 8)) + around);
  const pre = h("pre", { class: "code excerpt", tabindex: 0, "aria-label": `${file}, line ${line}` });
  for (let n = from; n <= to; n++)
    pre.append(
      h(
        "span",
        { class: n >= line && n <= Math.max(line, end) ? "hit" : "" },
        h("span", { class: "number" }, String(n).padStart(4) + "  "),
        paint(lines[n - 1]!.slice(0, 400)),
        "\n",
      ),
    );
  return pre;
}

function place(f: { file: string; line: number }, what: string | HTMLElement, end?: number, around?: number) {
  return h(
    "li",
    {},
    h("div", { class: "where" }, h("code", {}, f.file + (f.line ? ":" + f.line : "")), " ", what),
    source(f.file, f.line, end, around),
  );
}

// markdown shows the paragraphs, lists and code of a rule's documentation; all of it as text.
function markdown(text: string): HTMLElement[] {
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((block) => {
      if (/^( {4}|```)/.test(block))
        return h("pre", { class: "code", tabindex: 0 }, block.replace(/^```\w*\n?|```$/g, "").replace(/^ {4}/gm, ""));
      const list = /^[-*] /.test(block);
      const inline = (s: string) =>
        s.split(/(`[^`]+`)/).map((part) => (part.startsWith("`") && part.length > 1 ? h("code", {}, part.slice(1, -1)) : part));
      return list
        ? h(
            "ul",
            {},
            block.split(/\n(?=[-*] )/).map((i) => h("li", {}, inline(i.slice(2)))),
          )
        : h("p", {}, inline(block.replace(/\n/g, " ")));
    });
}

async function drawDetail() {
  const box = byId("detail");
  const f = chosen;
  if (!f) return fill(box, h("p", { class: "muted" }, shown.length ? "Select a finding to see its source, origin and fix." : ""));
  const fix = h("div", {});
  const doc = h("div", { class: "doc" });
  fill(
    box,
    h(
      "div",
      { class: "row" },
      h("span", { class: "badge " + f.severity }, f.severity),
      h("code", {}, f.rule),
      f.count && f.count > 1 && h("span", { class: "muted" }, `in ${f.count} places`),
    ),
    h("h3", { id: "detail-title", tabindex: -1 }, f.message),
    f.resource &&
      h(
        "p",
        { class: "muted" },
        `${f.resource.kind} ${f.resource.namespace ? f.resource.namespace + "/" : ""}${f.resource.name}${f.path.length ? " · " + f.path.join(".") : ""}`,
      ),
    f.suppressed && h("p", { class: "note" }, `Suppressed by a ${f.suppressed.kind}: ${f.suppressed.reason}`),
    h(
      "ol",
      { class: "chain" },
      place(f, "", f.endLine),
      f.related.map((r: Related) => place(r, r.message, undefined, 1)),
    ),
    fix,
    doc,
  );
  if (f.fixable && !f.suppressed && !report?.soFar) {
    fill(
      fix,
      h(
        "div",
        { class: "row between" },
        h("h4", {}, fixTitle(f)),
        h("button", { type: "button", onclick: () => void showFix(f, fix) }, "Show the diff"),
      ),
      why(f),
    );
  }
  const r = (await rules().catch(() => undefined))?.get(f.rule);
  if (!r || chosen !== f) return;
  fill(
    doc,
    h("h4", {}, "Why it matters"),
    markdown(r.description),
    r.remediation && [h("h4", {}, "How to fix"), ...markdown(r.remediation)],
    r.references.length > 0 && [
      h("h4", {}, "References"),
      h(
        "ul",
        { class: "refs" },
        r.references.map((u) =>
          h("li", {}, /^https:\/\//.test(u) ? h("a", { href: u, rel: "noreferrer noopener", target: "_blank" }, u) : u),
        ),
      ),
    ],
  );
}

const options = () => ({ strict: state.strict });

const fixTitle = (f: Finding) => (f.fixSafe ? "Fix: " : "Suggested fix: ") + f.fix;
const why = (f: Finding) => !f.fixSafe && f.fixReason !== undefined && h("p", { class: "note" }, "Not verified as safe: " + f.fixReason);

async function showFix(f: Finding, box: HTMLElement) {
  const ask = { ...options(), only: [f.rule], paths: [f.file], suggested: !f.fixSafe };
  fill(box, h("p", { class: "muted" }, "Looking…"));
  try {
    const fixed = await core.call<Fixed>("fix", { ...ask, apply: false });
    if (chosen !== f) return;
    if (!fixed.files.length)
      return fill(
        box,
        h("p", { class: "note" }, `No automatic fix: ${fixed.left[0]?.reason ?? "it would not resolve the finding"}. Fix it manually.`),
      );
    fill(
      box,
      why(f),
      h(
        "div",
        { class: "row between" },
        h("h4", {}, fixTitle(f)),
        h("button", { type: "button", class: "primary", onclick: () => void applyFix(ask, fixed) }, "Apply and lint again"),
      ),
      filesView(fixed.files),
    );
  } catch (e) {
    fill(box, h("p", { class: "bad-text" }, messages(e).join("; ")));
  }
}

// applyFix makes the fixes that were shown; those that have become others are refused by the core.
async function applyFix(ask: object, shown: Fixed) {
  try {
    const fixed = await make<Fixed>("fix", { ...ask, apply: true, plan: shown.id });
    say(`${plural(fixed.done, "finding")} fixed`);
  } catch (e) {
    if (!(e instanceof Cancelled)) status(messages(e)[0]!, "bad");
  }
}

let running = 0;
let current = 0; // the opening that report is of
let soFar: Finding[] = []; // of a run that goes on
let drawn = 0;

// early shows what has been found so far, where nothing else is shown: some more of it every second.
function early(found: Finding[]) {
  soFar.push(...found);
  if ((report && current === state.opening && !report.soFar) || performance.now() - drawn < 1000) return;
  drawn = performance.now();
  const count = (severity: string) => soFar.filter((f) => f.severity === severity).length;
  report = {
    findings: [...soFar].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line)),
    notices: [],
    soFar: true,
    summary: { files: 0, resources: 0, errors: count("error"), warnings: count("warning"), infos: count("info"), suppressed: 0 },
  };
  [failures, current] = [[], state.opening];
  chosen = report.findings.find((f) => same(f, chosen));
  draw();
}

const same = (a: Finding, b: Finding | undefined) =>
  b !== undefined && a.rule === b.rule && a.file === b.file && a.line === b.line && a.message === b.message;

export async function run() {
  if (!state.opened) return;
  const mine = ++running;
  stale = false;
  [soFar, drawn] = [[], performance.now()];
  if (!report || current !== state.opening) {
    // What was found in another repository is not to be read as what is in this one.
    report = undefined;
    chosen = undefined;
    draw();
    byId("summary").textContent = "Checking…";
  }
  const start = performance.now();
  try {
    const told = progress("Linted");
    const l = await check((p) => {
      told(p);
      if (p.found && mine === running) early(p.found);
    });
    if (mine !== running) return;
    const r = l.report!;
    [report, failures, current] = [r, l.failures, state.opening];
    // A fix moves lines; then it is the one that says the same.
    chosen = r.findings.find((f) => same(f, chosen)) ?? r.findings.find((f) => chosen && same({ ...f, line: chosen.line }, chosen));
    status(`Linted in ${Math.round(performance.now() - start).toLocaleString("en")} ms`, "ok");
    draw();
    say(byId("summary").textContent!);
  } catch (e) {
    if (mine !== running) return;
    if (e instanceof Cancelled) {
      stale = true;
      fill(byId("summary"), "Cancelled. ", h("button", { type: "button", onclick: () => void run() }, "Lint again"));
      return;
    }
    report = undefined;
    byId("summary").textContent = messages(e).join("; ");
    status("Linting failed", "bad");
  }
}

// order puts the files with the worst findings first, and in a file the worst of them.
function order(all: Finding[]) {
  const worst = new Map<string, number>();
  for (const f of all) worst.set(f.file, Math.min(ranks.indexOf(f.severity), worst.get(f.file) ?? ranks.length));
  return (a: Finding, b: Finding) =>
    worst.get(a.file)! - worst.get(b.file)! ||
    (a.file < b.file ? -1 : a.file > b.file ? 1 : ranks.indexOf(a.severity) - ranks.indexOf(b.severity) || a.line - b.line);
}

function select() {
  const words = filter.text.toLowerCase();
  shown = (report?.findings ?? []).filter(
    (f) =>
      (filter.suppressed || !f.suppressed) &&
      filter.severities.has(f.severity) &&
      (!filter.rule || f.rule === filter.rule) &&
      (!words ||
        (f.message + " " + f.file + " " + f.rule + (f.resource ? ` ${f.resource.kind}/${f.resource.name}` : ""))
          .toLowerCase()
          .includes(words)),
  );
  shown.sort(order(shown));
  rows = [];
  let file: string | undefined;
  for (const f of shown) {
    if (f.file !== file) rows.push({ file: f.file });
    file = f.file;
    rows.push({ finding: f });
  }
}

interface Row {
  file?: string;
  finding?: Finding;
}

// Every row has the same height, so that which ones are in view is a division.
const rowHeight = 44;
let rows: Row[] = [];

// The rows that are in the document. While they cover what is in view they stay.
let inView = { from: 0, to: 0 };

function scrolled(list: HTMLElement) {
  const top = Math.floor(list.scrollTop / rowHeight);
  const end = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight));
  if (top < inView.from || end > inView.to) drawRows();
}

function drawRows() {
  if (!unpressed(drawRows)) return;
  const list = byId("list");
  const inner = list.firstElementChild as HTMLElement;
  const from = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 8);
  const to = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight) + 8);
  inView = { from, to };
  inner.style.height = rows.length * rowHeight + "px";
  const out: HTMLElement[] = [];
  for (let i = from; i < to; i++) {
    const r = rows[i]!;
    const f = r.finding;
    const e = f
      ? h(
          "div",
          {
            role: "option",
            id: "row-" + i,
            "aria-selected": f === chosen ? "true" : "false",
            "aria-setsize": rows.length,
            "aria-posinset": i + 1,
            class: `item ${f.severity}${f.suppressed ? " suppressed" : ""}`,
            onclick: () => choose(f),
          },
          h("span", { class: "mark", "aria-hidden": "true" }, marks[f.severity]),
          h("span", { class: "sr" }, f.severity + " "),
          h("span", { class: "line" }, f.line || ""),
          h("span", { class: "message" }, f.message),
          f.fixable && !f.suppressed && h("span", { class: "tag" }, f.fixSafe ? "fix" : "suggestion"),
        )
      : h("div", { role: "presentation", class: "item group" }, r.file || "the repository");
    e.style.top = i * rowHeight + "px";
    out.push(e);
  }
  fill(inner, out);
  const at = rows.findIndex((r) => r.finding && r.finding === chosen);
  if (at >= from && at < to) list.setAttribute("aria-activedescendant", "row-" + at);
  else list.removeAttribute("aria-activedescendant");
}

function choose(f: Finding, move = false) {
  chosen = f;
  if (move) {
    const list = byId("list");
    const top = rows.findIndex((r) => r.finding === f) * rowHeight;
    if (top < list.scrollTop + rowHeight) list.scrollTop = Math.max(0, top - rowHeight);
    if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight - list.clientHeight;
  }
  drawRows();
  void drawDetail();
  if (!move && matchMedia("(max-width: 60rem)").matches) byId("detail").scrollIntoView({ block: "start" });
}

function key(e: KeyboardEvent) {
  const all = rows.filter((r) => r.finding).map((r) => r.finding!);
  if (!all.length) return;
  const at = chosen ? all.indexOf(chosen) : -1;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: at + 10, PageUp: at - 10 }[e.key];
  if (e.key === "Enter" && chosen) return byId("detail-title").focus();
  if (to === undefined) return;
  e.preventDefault();
  choose(all[Math.max(0, Math.min(all.length - 1, to))]!, true);
}

function draw() {
  select();
  if (!report?.soFar && !shown.includes(chosen!)) chosen = shown[0];
  const s = report?.summary;
  const clean = report?.findings.every((f) => f.suppressed) ?? false;
  const nothing = clean && !report!.soFar && s!.resources === 0 && report!.findings.length === 0;
  byId("summary").textContent = !s
    ? ""
    : nothing
      ? "Nothing to lint."
      : s.errors + s.warnings + s.infos === 0
        ? `No findings in ${plural(s.files, "file")} and ${plural(s.resources, "resource")}.`
        : report!.soFar
          ? `${plural(s.errors, "error")}, ${plural(s.warnings, "warning")}, ${plural(s.infos, "info")} so far…`
          : `${plural(s.errors, "error")}, ${plural(s.warnings, "warning")}, ${plural(s.infos, "info")} in ${plural(s.resources, "resource")}.`;
  const count = (sev: string) => report?.findings.filter((f) => f.severity === sev && !f.suppressed).length ?? 0;
  for (const sev of ranks) {
    byId("count-" + sev).textContent = String(count(sev));
    byId("noun-" + sev).textContent = count(sev) === 1 ? sev : sev + "s";
  }
  const names = [...new Set(report?.findings.map((f) => f.rule))].sort();
  fill(
    byId("rule-filter"),
    h("option", { value: "" }, "all rules"),
    names.map((n) => h("option", { value: n, selected: n === filter.rule }, n)),
  );
  (byId("strict") as HTMLInputElement).checked = state.strict;
  byId("suppressed-count").textContent = s?.suppressed ? `show ${s.suppressed} suppressed` : "show suppressed";
  byId("fix-all").toggleAttribute("disabled", !report || report.soFar || !report.findings.some((f) => f.fixSafe && !f.suppressed));
  for (const b of document.querySelectorAll("#exports button")) b.toggleAttribute("disabled", !report || report.soFar === true);
  const more = [...(report?.notices ?? []).map((n) => `${n.file}: ${n.message}`), ...failures.map((f) => "could not run: " + f.message)];
  fill(
    byId("notices"),
    more.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, plural(more.length, "notice")),
        h(
          "ul",
          {},
          more.map((m) => h("li", {}, m)),
        ),
      ),
  );
  byId("lint-body").classList.toggle("empty", rows.length === 0);
  fill(byId("nothing"), rows.length === 0 && report !== undefined && instead(clean, nothing));
  drawRows();
  void drawDetail();
}

// instead is what is shown in the place of a list without entries.
function instead(clean: boolean, nothing: boolean) {
  if (nothing)
    return h(
      "p",
      { class: "card" },
      `No Kubernetes manifest found in ${plural(state.files.size, "file")}; open the directory of a GitOps repository, or a part of it.`,
    );
  if (clean) return h("p", { class: "card good" }, "✓ No findings." + (state.strict ? "" : " Strict mode applies more rules."));
  return h(
    "div",
    { class: "card" },
    h("p", {}, `No finding matches the filter; ${plural(report!.findings.length, "finding")} without it.`),
    h("div", { class: "row" }, h("button", { type: "button", id: "clear-filter", onclick: clearFilter }, "Clear the filter")),
  );
}

function clearFilter() {
  Object.assign(filter, { severities: new Set(["error", "warning", "info"]), rule: "", text: "" });
  (byId("search") as HTMLInputElement).value = "";
  for (const name of filter.severities) (byId("show-" + name) as HTMLInputElement).checked = true;
  if (!report?.findings.some((f) => !f.suppressed)) {
    filter.suppressed = true;
    (byId("suppressed") as HTMLInputElement).checked = true;
  }
  draw();
  byId("list").focus();
}

async function fixAll() {
  try {
    const fixed = await core.call<Fixed>("fix", { ...options(), apply: false }, progress("Fixing, checked"));
    status("Ready", "ok");
    const yes = await dialog(
      `Fix ${plural(fixed.done, "finding")} in ${plural(fixed.files.length, "file")}?`,
      [
        h(
          "p",
          {},
          copyButton(() => fixed.diff, "Copy patch"),
          " The files in this tab will be changed; what is changed there can be downloaded or written.",
        ),
        filesView(fixed.files),
      ],
      "Apply and lint again",
    );
    if (yes) await applyFix(options(), fixed);
  } catch (e) {
    if (!(e instanceof Cancelled)) status(messages(e)[0]!, "bad");
  }
}

// exported hands out what was found in a format of the command line.
async function exported(format: string, file: string, type: string) {
  try {
    await check(progress("Linted")); // a program that was started anew has checked nothing yet
    download(file, await core.call<string>("report", { format }), type);
  } catch (e) {
    if (!(e instanceof Cancelled)) status(messages(e)[0]!, "bad");
  }
}

// only shows what fits a text, and chooses the first of it.
export function only(text: string) {
  filter.text = text;
  filter.rule = "";
  (byId("search") as HTMLInputElement).value = text;
  chosen = undefined;
}

let stale = true;

export function init() {
  const severity = (name: "error" | "warning" | "info") =>
    h(
      "label",
      { class: "pill " + name },
      h("input", {
        type: "checkbox",
        id: "show-" + name,
        checked: true,
        onchange: (e: Event) => {
          if ((e.target as HTMLInputElement).checked) filter.severities.add(name);
          else filter.severities.delete(name);
          draw();
        },
      }),
      h("span", {}, h("b", { id: "count-" + name }, "0"), " ", h("span", { id: "noun-" + name }, name + "s")),
    );
  const out = (name: string, format: string, file: string, type: string) =>
    h("button", { type: "button", class: "quiet", disabled: true, onclick: () => void exported(format, file, type) }, name);
  const list = h(
    "div",
    { id: "list", role: "listbox", tabindex: 0, "aria-label": "Findings", onkeydown: (e: Event) => key(e as KeyboardEvent) },
    h("div", { class: "inner", role: "presentation" }),
  );
  list.addEventListener("scroll", () => requestAnimationFrame(() => scrolled(list)), { passive: true });
  new ResizeObserver(() => drawRows()).observe(list);
  fill(
    byId("lint"),
    h(
      "div",
      { class: "toolbar" },
      h("h2", { id: "summary", class: "summary" }, ""),
      h(
        "div",
        { class: "row" },
        severity("error"),
        severity("warning"),
        severity("info"),
        h(
          "label",
          { class: "switch" },
          h("input", {
            type: "checkbox",
            id: "strict",
            onchange: (e: Event) => {
              state.strict = (e.target as HTMLInputElement).checked;
              changed();
            },
          }),
          "Strict",
        ),
      ),
      h(
        "div",
        { class: "row" },
        h("label", { class: "sr", for: "rule-filter" }, "Rule"),
        h("select", {
          id: "rule-filter",
          onchange: (e: Event) => {
            filter.rule = (e.target as HTMLSelectElement).value;
            draw();
          },
        }),
        h("label", { class: "sr", for: "search" }, "Search"),
        h("input", {
          id: "search",
          type: "search",
          placeholder: "Search",
          oninput: (e: Event) => {
            filter.text = (e.target as HTMLInputElement).value;
            draw();
          },
        }),
        h(
          "label",
          { class: "check" },
          h("input", {
            type: "checkbox",
            id: "suppressed",
            onchange: (e: Event) => {
              filter.suppressed = (e.target as HTMLInputElement).checked;
              draw();
            },
          }),
          h("span", { id: "suppressed-count" }, "show suppressed"),
        ),
        h("button", { type: "button", id: "fix-all", disabled: true, onclick: () => void fixAll() }, "Apply safe fixes"),
        h(
          "span",
          { class: "row", id: "exports", role: "group", "aria-label": "Export" },
          out("SARIF", "sarif", "redis-gitops.sarif", "application/sarif+json"),
          out("JSON", "json", "redis-gitops.json", "application/json"),
          out("Markdown", "markdown", "redis-gitops.md", "text/markdown"),
        ),
      ),
    ),
    h("div", { id: "notices" }),
    h("div", { id: "nothing" }),
    h("div", { class: "split lint", id: "lint-body" }, list, h("article", { id: "detail", class: "card", "aria-live": "off" })),
  );
  onchange(() => {
    stale = true;
    if (!byId("lint").hidden) void run();
  });
}

export function show() {
  setHash("lint");
  if (stale) void run();
  else draw();
}

// failed is called when there is no repository to lint, and none to come.
export function failed() {
  byId("summary").textContent = "Nothing was linted.";
}
