// What a plan would do to the repository.

import { byId, codeView, copyButton, filesView, fill, h, plural } from "../../dom";
import type { ChangedFile, Planned } from "../../types";
import type { Shown, State } from "./ask";
import { strictSwitch } from "./check";
import { fileView } from "./file";
import { jump } from "./jump";
import { actions } from "./take";

export function drawPlan(v: State, shown: Shown) {
  const p = shown.planned;
  const conflict = p.conflicts.length > 0;
  const made = p.files.filter((f) => f.action !== "unchanged");
  jump(conflict ? "Conflict" : made.length ? plural(made.length, "file") : "Nothing to do", conflict ? "bad" : "");
  // What the checks said stays until they have said something new, so that nothing jumps.
  if (conflict || !v.checks.firstChild) {
    v.checks.classList.remove("good");
    fill(v.checks, h("div", { class: "row between" }, h("h3", {}, conflict ? "Resolve the conflict first" : "Checking…"), strictSwitch()));
  }
  v.checks.setAttribute("aria-busy", String(!conflict));
  const env = p.env.join("\n");
  const commands = p.commands.join("\n");
  fill(
    byId("preview"),
    conflict ? conflictCard(v, p) : v.ask.onConflict !== "" && settledNote(v),
    !made.length && !conflict && h("p", { class: "card" }, "Nothing to do: already up to date."),
    p.url !== "" &&
      h(
        "div",
        { class: "card url" },
        head(
          "Connection URL",
          copyButton(() => p.url, "Copy", "copy-url"),
        ),
        h("code", { class: "big" }, p.url),
      ),
    p.files.length + p.conflicts.length > 0 && v.checks, // an update of nothing is not checked
    made.length > 0 && filesCard(v, shown, made),
    env !== "" &&
      h(
        "div",
        { class: "card" },
        head(
          "Environment variables for clients",
          copyButton(() => env, "Copy", "copy-env"),
        ),
        codeView(env, "Environment variables"),
      ),
    h(
      "div",
      { class: "card" },
      head(
        "Command line",
        copyButton(() => commands, "Copy", "copy-commands"),
      ),
      h("pre", { class: "code", tabindex: 0, "aria-label": "Commands" }, commands),
    ),
    p.next.length > 0 && listCard("Next", "ol", p.next, "pre"),
    p.notes.length > 0 && listCard("Notes", "ul", p.notes),
  );
}

const head = (title: string, button: HTMLElement) => h("div", { class: "row between" }, h("h3", {}, title), button);

const listCard = (title: string, tag: "ol" | "ul", items: string[], kind?: string) =>
  h(
    "div",
    { class: "card" },
    h("h3", {}, title),
    h(
      tag,
      {},
      items.map((n) => h("li", { class: kind }, n)),
    ),
  );

const filesCard = (v: State, shown: Shown, made: ChangedFile[]) =>
  h(
    "div",
    { class: "card" },
    h(
      "div",
      { class: "row between" },
      h("h3", {}, plural(made.length, "file")),
      h("div", { class: "row" }, shown.planned.conflicts.length === 0 && actions(v, shown, made)),
    ),
    made.map((f) => fileView(v, f)),
  );

const choose = (v: State, id: string, text: string, onConflict: string, kind = "") =>
  h(
    "button",
    {
      type: "button",
      class: kind,
      id,
      onclick: () => {
        v.ask.onConflict = onConflict;
        v.update();
      },
    },
    text,
  );

const settled = {
  keep: "Existing content is kept.",
  replace: "Existing content is overwritten.",
  merge: "Conflicting lines are written with conflict markers; edit the files before you commit them.",
};

// settledNote says how conflicts are resolved, once they are.
const settledNote = (v: State) =>
  h("p", { class: "note" }, settled[v.ask.onConflict as keyof typeof settled], " ", choose(v, "conflict-ask", "Ask again", "", "quiet"));

const conflictCard = (v: State, { conflicts }: Planned) =>
  h(
    "div",
    { class: "card bad", role: "alert" },
    h("h3", {}, "Conflicts with existing content"),
    h(
      "ul",
      {},
      conflicts.map((c) => h("li", {}, h("code", {}, `${c.file}${c.line ? ":" + c.line : ""}`), " ", c.message)),
    ),
    conflicts.some((c) => c.diff) &&
      h("p", {}, v.ask.kind === "update" ? "Lines of the file and of the generator:" : "From what exists to what you asked for:"),
    // Several values of one file have one diff.
    filesView(
      conflicts
        .filter((c, n) => c.diff && conflicts.findIndex((d) => d.diff === c.diff) === n)
        .map((c) => ({ path: c.file ?? "", action: "update", diff: c.diff })),
    ),
    h(
      "p",
      {},
      v.ask.kind === "update"
        ? "Keep the lines of the file, use those of the generator, or write both with conflict markers."
        : "Keep what exists, overwrite it, or change the form, for example the suffix.",
    ),
    h(
      "div",
      { class: "row" },
      choose(v, "conflict-keep", "Keep existing", "keep"),
      choose(v, "conflict-replace", "Overwrite", "replace"),
      v.ask.kind === "update" && choose(v, "conflict-merge", "Merge with markers", "merge"),
    ),
  );
