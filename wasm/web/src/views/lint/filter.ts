// The toolbar: what is shown, and what can be done with all of it.
import { changed, check, core, messages, progress, state, status } from "../../app";
import { Cancelled } from "../../core";
import { download, h } from "../../dom";
import type { Finding } from "../../types";
import { draw } from "./draw";
import { fixAll } from "./fix";
import type { State } from "./state";

// exported hands out what was found in a format of the command line.
async function exported(format: string, file: string, type: string) {
  try {
    await check(progress("Linted")); // a program that was started anew has checked nothing yet
    download(file, await core.call<string>("report", { format }), type);
  } catch (e) {
    if (!(e instanceof Cancelled)) status(messages(e)[0]!, "bad");
  }
}

// toolbar is the part above the findings.
export function toolbar(v: State) {
  return h(
    "div",
    { class: "toolbar" },
    h("h2", { id: "summary", class: "summary" }, ""),
    h("div", { class: "row" }, severity(v, "error"), severity(v, "warning"), severity(v, "info"), strictSwitch()),
    h(
      "div",
      { class: "row" },
      h("label", { class: "sr", for: "rule-filter" }, "Rule"),
      h("select", {
        id: "rule-filter",
        onchange: (e: Event) => {
          v.filter.rule = (e.target as HTMLSelectElement).value;
          draw(v);
        },
      }),
      h("label", { class: "sr", for: "search" }, "Search"),
      h("input", {
        id: "search",
        type: "search",
        placeholder: "Search",
        oninput: (e: Event) => {
          v.filter.text = (e.target as HTMLInputElement).value;
          draw(v);
        },
      }),
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          id: "suppressed",
          onchange: (e: Event) => {
            v.filter.suppressed = (e.target as HTMLInputElement).checked;
            draw(v);
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
  );
}

const severity = (v: State, name: Finding["severity"]) =>
  h(
    "label",
    { class: "pill " + name },
    h("input", {
      type: "checkbox",
      id: "show-" + name,
      checked: true,
      onchange: (e: Event) => {
        if ((e.target as HTMLInputElement).checked) v.filter.severities.add(name);
        else v.filter.severities.delete(name);
        draw(v);
      },
    }),
    h("span", {}, h("b", { id: "count-" + name }, "0"), " ", h("span", { id: "noun-" + name }, name + "s")),
  );

const strictSwitch = () =>
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
  );

const out = (name: string, format: string, file: string, type: string) =>
  h("button", { type: "button", class: "quiet", disabled: true, onclick: () => void exported(format, file, type) }, name);
