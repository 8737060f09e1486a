// How a finding looks, in every view.
import { h } from "../dom";
import type { Finding } from "../types";

export const ranks = ["error", "warning", "info"] as const;
export const marks = { error: "✕", warning: "!", info: "i" } as const;

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
