// What the plan would do to the repository, what lint says about it, and the ways to take it along.

import { canWrite, changed, local, make, messages, setHash, state, status } from "../../app";
import { writeChanges } from "../../changes";
import { again, byId, codeView, copyButton, diffView, download, filesView, fill, h, plural, say } from "../../dom";
import { picker } from "../../files";
import form from "../../form.json";
import type { ChangedFile, Finding, Linted } from "../../types";
import { writeZip } from "../../zip";
import { findingCard, worstFirst } from "../lint";
import { current, params, type Shown, view } from "./ask";
import { fieldOf, focusOn, label } from "./form";

// jump is the way from the form to what it makes, where the two do not stand side by side.
export function jump(text: string, kind: "good" | "bad" | "") {
  const b = byId("jump");
  b.textContent = text + " ↓";
  b.className = kind;
}

const checkBox = h("div", { id: "checked", class: "card", "aria-live": "polite" });

export function drawPlan(shown: Shown) {
  const p = shown.planned;
  const made = p.files.filter((f) => f.action !== "unchanged");
  jump(p.conflicts.length ? "Conflict" : made.length ? plural(made.length, "file") : "Nothing to do", p.conflicts.length ? "bad" : "");
  const out: (HTMLElement | false)[] = [];
  if (p.conflicts.length)
    out.push(
      h(
        "div",
        { class: "card bad", role: "alert" },
        h("h3", {}, "Conflicts with existing content"),
        h(
          "ul",
          {},
          p.conflicts.map((c) => h("li", {}, h("code", {}, `${c.file}${c.line ? ":" + c.line : ""}`), " ", c.message)),
        ),
        p.conflicts.some((c) => c.diff) && h("p", {}, "From what exists to what you asked for:"),
        // Several values of one file have one diff.
        filesView(
          p.conflicts
            .filter((c, n) => c.diff && p.conflicts.findIndex((d) => d.diff === c.diff) === n)
            .map((c) => ({ path: c.file ?? "", action: "update", diff: c.diff })),
        ),
        h("p", {}, "Keep what exists, overwrite it, or change the form, for example the suffix."),
        h(
          "div",
          { class: "row" },
          h(
            "button",
            {
              type: "button",
              id: "conflict-keep",
              onclick: () => {
                view.ask.onConflict = "keep";
                view.update();
              },
            },
            "Keep existing",
          ),
          h(
            "button",
            {
              type: "button",
              id: "conflict-replace",
              onclick: () => {
                view.ask.onConflict = "replace";
                view.update();
              },
            },
            "Overwrite",
          ),
        ),
      ),
    );
  else if (view.ask.onConflict)
    out.push(
      h(
        "p",
        { class: "note" },
        view.ask.onConflict === "keep" ? "Existing content is kept. " : "Existing content is overwritten. ",
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            id: "conflict-ask",
            onclick: () => {
              view.ask.onConflict = "";
              view.update();
            },
          },
          "Ask again",
        ),
      ),
    );
  if (!made.length && !p.conflicts.length) out.push(h("p", { class: "card" }, "Nothing to do: already up to date."));
  if (p.url) {
    const url = p.url;
    out.push(
      h(
        "div",
        { class: "card url" },
        h(
          "div",
          { class: "row between" },
          h("h3", {}, "Connection URL"),
          copyButton(() => url, "Copy", "copy-url"),
        ),
        h("code", { class: "big" }, url),
      ),
    );
  }
  // What the checks said stays until they have said something new, so that nothing jumps.
  if (p.conflicts.length || !checkBox.firstChild) {
    checkBox.classList.remove("good");
    fill(
      checkBox,
      h("div", { class: "row between" }, h("h3", {}, p.conflicts.length ? "Resolve the conflict first" : "Checking…"), strictSwitch()),
    );
  }
  checkBox.setAttribute("aria-busy", String(p.conflicts.length === 0));
  out.push(checkBox);
  if (made.length)
    out.push(
      h(
        "div",
        { class: "card" },
        h(
          "div",
          { class: "row between" },
          h("h3", {}, plural(made.length, "file")),
          h("div", { class: "row" }, p.conflicts.length === 0 && actions(shown, made)),
        ),
        made.map(fileView),
      ),
    );
  const env = p.env.join("\n");
  if (env)
    out.push(
      h(
        "div",
        { class: "card" },
        h(
          "div",
          { class: "row between" },
          h("h3", {}, "Environment variables for clients"),
          copyButton(() => env, "Copy", "copy-env"),
        ),
        codeView(env, "Environment variables"),
      ),
    );
  const commands = p.commands.join("\n");
  out.push(
    h(
      "div",
      { class: "card" },
      h(
        "div",
        { class: "row between" },
        h("h3", {}, "Command line"),
        copyButton(() => commands, "Copy", "copy-commands"),
      ),
      h("pre", { class: "code", tabindex: 0, "aria-label": "Commands" }, commands),
    ),
    p.next.length > 0 &&
      h(
        "div",
        { class: "card" },
        h("h3", {}, "Next"),
        h(
          "ol",
          {},
          p.next.map((n) => h("li", { class: "pre" }, n)),
        ),
      ),
    p.notes.length > 0 &&
      h(
        "div",
        { class: "card" },
        h("h3", {}, "Notes"),
        h(
          "ul",
          {},
          p.notes.map((n) => h("li", {}, n)),
        ),
      ),
  );
  fill(byId("preview"), out);
}

function fileView(f: ChangedFile) {
  const name = { create: "new", update: "changed", remove: "removed", unchanged: "" }[f.action];
  const d = h("details", { class: "file", open: view.openFiles.has(f.path) || (f.action === "update" && f.path.endsWith("values.yaml")) });
  d.append(h("summary", { id: "file/" + f.path }, h("span", { class: "tag " + f.action }, name), h("span", { class: "path" }, f.path)));
  let drawn = false;
  const draw = () => {
    if (drawn || !d.open) return;
    drawn = true;
    const body = h("div", {});
    const show = () =>
      again(() => {
        const whole = f.action === "create" || view.wholeFiles.has(f.path);
        const toggle = (text: string, on: boolean, id: string) =>
          h(
            "button",
            {
              type: "button",
              id: id + f.path,
              class: "quiet",
              "aria-pressed": String(on),
              onclick: () => {
                if (id === "whole/") view.wholeFiles.add(f.path);
                else view.wholeFiles.delete(f.path);
                show();
              },
            },
            text,
          );
        fill(
          body,
          h(
            "div",
            { class: "row end" },
            f.action === "update" && h("span", { class: "pair" }, toggle("Diff", !whole, "diff/"), toggle("Whole file", whole, "whole/")),
            copyButton(() => f.new, "Copy file", "copy/" + f.path),
          ),
          whole ? codeView(f.new, f.path) : diffView(f.diff ?? "", "Diff of " + f.path),
        );
      });
    show();
    d.append(body);
  };
  d.addEventListener("toggle", () => {
    if (d.open) view.openFiles.add(f.path);
    else view.openFiles.delete(f.path);
    draw();
  });
  draw();
  return d;
}

// action is a button that does something with the plan that is shown, once the form says what it is the plan of.
function action(shown: Shown, id: string, text: string, primary: boolean, f: () => void) {
  return h(
    "button",
    {
      type: "button",
      id,
      class: primary ? "act primary" : "act",
      onclick: () => {
        if (current() === shown) f();
      },
    },
    text,
  );
}

function actions(shown: Shown, made: ChangedFile[]) {
  const p = shown.planned;
  const name =
    `${view.ask.app}${view.ask.suffix && view.ask.kind === "resource" ? "-" + view.ask.suffix : ""}`.replace(/[^\w.-]/g, "_") ||
    "redis-gitops";
  return [
    action(shown, "take-patch", "Download patch", !canWrite(), () => download(name + ".patch", p.diff, "text/x-diff")),
    action(shown, "take-zip", "Download zip", false, () =>
      download(
        name + ".zip",
        writeZip(made.filter((f) => f.action !== "remove").map((f) => ({ path: f.path, text: f.new }))),
        "application/zip",
      ),
    ),
    copyButton(
      () => {
        setHash("scaffold", params());
        return location.href;
      },
      "Copy link",
      "take-link",
    ),
    action(shown, "take-keep", "Keep in this tab", false, () => void keep(shown)),
    (canWrite() || picker) &&
      action(
        shown,
        "take-write",
        local ? "Write to the repository" : state.folder ? "Write to the directory" : "Write to a directory",
        canWrite(),
        () => void writeChanges(p.commands.at(-1)!.replace("redis-gitops ", ""), change(shown)),
      ),
  ];
}

// change is the plan that was shown, to be made by the core; one that has become another is refused there.
const change = (shown: Shown) => ({
  request: { ...shown.request, plan: shown.planned.id },
  files: shown.planned.files,
});

// keep takes the plan into the repository of this tab, so that Lint and Explore show it and the next plan builds on it.
async function keep(shown: Shown) {
  try {
    await make("apply", change(shown).request);
    say("Kept in this tab");
  } catch (e) {
    status(messages(e)[0]!, "bad");
  }
}

const strictSwitch = () =>
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

export function drawCheck(l: Linted) {
  const box = checkBox;
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
  const files = view.shown ? plural(view.shown.planned.files.filter((f) => f.action !== "unchanged").length, "file") : "";
  jump(good ? `✓ ${files}, lint passed` : `${files}, ${plural(found.length, "finding")}`, good ? "good" : "bad");
}
