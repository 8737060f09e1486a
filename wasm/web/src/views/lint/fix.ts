// Fixes: of one finding, and all that are safe.
import { core, make, messages, progress, state, status } from "../../app";
import { Cancelled } from "../../core";
import { copyButton, dialog, filesView, fill, h, plural, say } from "../../dom";
import type { Finding, Fixed } from "../../types";
import type { State } from "./state";

const options = () => ({ strict: state.strict });

const fixTitle = (f: Finding) => (f.fixSafe ? "Fix: " : "Suggested fix: ") + f.fix;
const why = (f: Finding) => !f.fixSafe && f.fixReason !== undefined && h("p", { class: "note" }, "Not verified as safe: " + f.fixReason);

// fixBox offers the fix of a finding.
export function fixBox(v: State, f: Finding): HTMLElement {
  const box = h("div", {});
  fill(
    box,
    h(
      "div",
      { class: "row between" },
      h("h4", {}, fixTitle(f)),
      h("button", { type: "button", onclick: () => void showFix(v, f, box) }, "Show the diff"),
    ),
    why(f),
  );
  return box;
}

async function showFix(v: State, f: Finding, box: HTMLElement) {
  const ask = { ...options(), only: [f.rule], paths: [f.file], suggested: !f.fixSafe };
  fill(box, h("p", { class: "muted" }, "Looking…"));
  try {
    const fixed = await core.call<Fixed>("fix", { ...ask, apply: false });
    if (v.chosen !== f) return;
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

// applyFix makes the fixes that were proposed; those that have become others are refused by the core.
async function applyFix(ask: object, proposed: Fixed) {
  try {
    const fixed = await make<Fixed>("fix", { ...ask, apply: true, plan: proposed.id });
    say(`${plural(fixed.done, "finding")} fixed`);
  } catch (e) {
    if (!(e instanceof Cancelled)) status(messages(e)[0]!, "bad");
  }
}

// fixAll makes all safe fixes, after a question that shows them.
export async function fixAll() {
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
