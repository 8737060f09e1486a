// A finding with its source, its causes, its rule and its fix.
import { rules, state } from "../../app";
import { byId, fill, h, paint } from "../../dom";
import type { Related, Rule } from "../../types";
import { fixBox } from "./fix";
import type { State } from "./state";

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

export async function drawDetail(v: State) {
  const box = byId("detail");
  const f = v.chosen;
  if (!f) return fill(box, h("p", { class: "muted" }, v.shown.length ? "Select a finding to see its source, origin and fix." : ""));
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
    f.fixable && !f.suppressed && !v.report?.soFar && fixBox(v, f),
    doc,
  );
  const r = (await rules().catch(() => undefined))?.get(f.rule);
  if (!r || v.chosen !== f) return;
  fill(doc, documentation(r));
}

const documentation = (r: Rule) => [
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
];
