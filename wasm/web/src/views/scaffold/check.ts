// What lint says about a plan.

import { changed, state } from "../../app";
import { fill, h, plural } from "../../dom";
import form from "../../form.json";
import type { Finding, Linted } from "../../types";
import { findingCard, worstFirst } from "../finding";
import type { State } from "./ask";
import { fieldOf, focusOn, label } from "./fields";
import { jump } from "./jump";

export const strictSwitch = () =>
  h(
    "label",
    { class: "switch" },
    h("input", {
      type: "checkbox",
      id: "check-strict",
      checked: state.strict,
      onchange: (e: Event) => {
        state.strict = (e.target as HTMLInputElement).checked;
        changed();
      },
    }),
    "Strict",
  );

// remedy leads from a finding to the field of the form that makes it go away.
function remedy(f: Finding) {
  const name = (form.remedies as Record<string, string>)[f.rule];
  const field = fieldOf(name);
  if (!name || !field) return false;
  return h(
    "button",
    { type: "button", class: "quiet", onclick: () => focusOn(field) },
    `Change ${fieldName(field) ?? label(name.replace("set.", ""))}`,
  );
}

const fieldName = (field: HTMLElement) => document.querySelector(`label[for="${field.id}"]`)?.textContent;

export function drawCheck(v: State, l: Linted) {
  const box = v.checks;
  box.removeAttribute("aria-busy");
  const report = l.report;
  const found = (report?.findings.filter((f) => !f.suppressed) ?? []).sort(worstFirst);
  const s = report?.summary;
  fill(
    box,
    h(
      "div",
      { class: "row between" },
      h(
        "h3",
        {},
        found.length === 0
          ? "✓ Lint passed"
          : `Checks: ${[s!.errors && plural(s!.errors, "error"), s!.warnings && plural(s!.warnings, "warning"), s!.infos && plural(s!.infos, "info")].filter(Boolean).join(", ")}`,
      ),
      strictSwitch(),
    ),
    l.failures.map((f) => h("p", { class: "bad-text" }, f.message)),
    found.length > 0 &&
      h(
        "div",
        { class: "findings" },
        found.slice(0, 30).map((f) => findingCard(f, remedy(f))),
      ),
  );
  const good = found.length === 0 && l.failures.length === 0;
  box.classList.toggle("good", good);
  const files = v.shown ? plural(v.shown.planned.files.filter((f) => f.action !== "unchanged").length, "file") : "";
  jump(good ? `✓ ${files}, lint passed` : `${files}, ${plural(found.length, "finding")}`, good ? "good" : "bad");
}
