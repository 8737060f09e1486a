// The list of findings by file, of which only the rows in view are in the document.
import { byId, fill, h, unpressed } from "../../dom";
import type { Finding } from "../../types";
import { marks, ranks } from "../finding";
import { drawDetail } from "./detail";
import type { State } from "./state";

// Every row has the same height, so that which ones are in view is a division.
const rowHeight = 44;

// order puts the files with the worst findings first, and in a file the worst of them.
function order(all: Finding[]) {
  const worst = new Map<string, number>();
  for (const f of all) worst.set(f.file, Math.min(ranks.indexOf(f.severity), worst.get(f.file) ?? ranks.length));
  return (a: Finding, b: Finding) =>
    worst.get(a.file)! - worst.get(b.file)! ||
    (a.file < b.file ? -1 : a.file > b.file ? 1 : ranks.indexOf(a.severity) - ranks.indexOf(b.severity) || a.line - b.line);
}

// select takes what matches the filter.
export function select(v: State) {
  const words = v.filter.text.toLowerCase();
  v.shown = (v.report?.findings ?? []).filter(
    (f) =>
      (v.filter.suppressed || !f.suppressed) &&
      v.filter.severities.has(f.severity) &&
      (!v.filter.rule || f.rule === v.filter.rule) &&
      (!words ||
        (f.message + " " + f.file + " " + f.rule + (f.resource ? ` ${f.resource.kind}/${f.resource.name}` : ""))
          .toLowerCase()
          .includes(words)),
  );
  v.shown.sort(order(v.shown));
  v.rows = [];
  let file: string | undefined;
  for (const f of v.shown) {
    if (f.file !== file) v.rows.push({ file: f.file });
    file = f.file;
    v.rows.push({ finding: f });
  }
}

export function scrolled(v: State, list: HTMLElement) {
  const top = Math.floor(list.scrollTop / rowHeight);
  const end = Math.min(v.rows.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight));
  if (top < v.inView.from || end > v.inView.to) drawRows(v);
}

export function drawRows(v: State) {
  if (!unpressed(v, () => drawRows(v))) return;
  const list = byId("list");
  const inner = list.firstElementChild as HTMLElement;
  const from = Math.max(0, Math.floor(list.scrollTop / rowHeight) - 8);
  const to = Math.min(v.rows.length, Math.ceil((list.scrollTop + list.clientHeight) / rowHeight) + 8);
  v.inView = { from, to };
  inner.style.height = v.rows.length * rowHeight + "px";
  const out: HTMLElement[] = [];
  for (let i = from; i < to; i++) {
    const r = v.rows[i]!;
    const f = r.finding;
    const e = f
      ? h(
          "div",
          {
            role: "option",
            id: "row-" + i,
            "aria-selected": f === v.chosen ? "true" : "false",
            "aria-setsize": v.rows.length,
            "aria-posinset": i + 1,
            class: `item ${f.severity}${f.suppressed ? " suppressed" : ""}`,
            onclick: () => choose(v, f),
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
  const at = v.rows.findIndex((r) => r.finding && r.finding === v.chosen);
  if (at >= from && at < to) list.setAttribute("aria-activedescendant", "row-" + at);
  else list.removeAttribute("aria-activedescendant");
}

function choose(v: State, f: Finding, move = false) {
  v.chosen = f;
  if (move) {
    const list = byId("list");
    const top = v.rows.findIndex((r) => r.finding === f) * rowHeight;
    if (top < list.scrollTop + rowHeight) list.scrollTop = Math.max(0, top - rowHeight);
    if (top + rowHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + rowHeight - list.clientHeight;
  }
  drawRows(v);
  void drawDetail(v);
  if (!move && matchMedia("(max-width: 60rem)").matches) byId("detail").scrollIntoView({ block: "start" });
}

export function key(v: State, e: KeyboardEvent) {
  const all = v.rows.filter((r) => r.finding).map((r) => r.finding!);
  if (!all.length) return;
  const at = v.chosen ? all.indexOf(v.chosen) : -1;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: at + 10, PageUp: at - 10 }[e.key];
  if (e.key === "Enter" && v.chosen) return byId("detail-title").focus();
  if (to === undefined) return;
  e.preventDefault();
  choose(v, all[Math.max(0, Math.min(all.length - 1, to))]!, true);
}
