// The Scaffold view: a form made from the schema, and what it would do to the repository.

import { core, hash, messages, onchange, setHash, state } from "../../app";
import { Cancelled, CoreError } from "../../core";
import { again, byId, fill, h } from "../../dom";
import type { Linted, Planned, Problem } from "../../types";
import { current, fromHash, params, request, view } from "./ask";
import { drawForm, label } from "./form";
import { drawCheck, drawPlan, jump } from "./preview";

// update plans what the form says now. Nothing waits: while the core is at work the newest state of the form is next. The plan that is
// shown meanwhile is that of the form before: it is dimmed, and nothing can be done with it.
function update() {
  view.asked++;
  settle();
  clearTimeout(view.address);
  view.address = window.setTimeout(() => {
    if (!byId("scaffold").hidden) setHash("scaffold", params());
  }, 150); // browsers count changes of it
  if (!view.planning) void plan();
}

// settle shows whether the preview is that of the form.
function settle() {
  const settled = view.asked === Math.max(view.shown?.asked ?? 0, view.failed);
  const preview = byId("preview");
  if (settled) preview.removeAttribute("aria-busy");
  else preview.setAttribute("aria-busy", "true");
  for (const b of preview.querySelectorAll("button.act")) {
    if (current()) b.removeAttribute("aria-disabled");
    else b.setAttribute("aria-disabled", "true");
  }
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

async function plan() {
  let last = 0;
  while (state.opened && last !== view.asked) {
    const mine = view.asked;
    last = view.planning = mine;
    try {
      const r = request();
      const p = await core.call<Planned>("plan", r);
      view.shown = { asked: mine, request: r, planned: p };
      for (const e of byId("form").querySelectorAll("[aria-invalid]")) e.removeAttribute("aria-invalid");
      again(() => drawPlan(view.shown!));
      settle();
      if (p.conflicts.length > 0 || mine !== view.asked) continue;
      const l = await core.call<Linted>("check", r);
      if (mine === view.asked) again(() => drawCheck(l));
    } catch (e) {
      view.shown = undefined;
      view.failed = mine;
      if (e instanceof Cancelled) {
        fill(
          byId("preview"),
          h(
            "div",
            { class: "card" },
            h("h3", {}, "Cancelled"),
            h("div", { class: "row" }, h("button", { type: "button", onclick: () => update() }, "Try again")),
          ),
        );
        settle();
        break;
      }
      again(() =>
        fill(
          byId("preview"),
          h(
            "div",
            { class: "card bad", role: "alert" },
            h("h3", {}, "Cannot generate this"),
            h("ul", {}, e instanceof CoreError ? e.problems.map(problem) : messages(e).map((m) => h("li", {}, m))),
          ),
        ),
      );
      jump("Cannot generate", "bad");
      settle();
    }
  }
  view.planning = 0;
}

export function init() {
  fill(
    byId("scaffold"),
    h(
      "div",
      { class: "split" },
      h("form", { id: "form", "aria-label": "Resource to generate", onsubmit: (e: Event) => e.preventDefault() }),
      h(
        "div",
        { id: "preview", role: "region", tabindex: -1, "aria-label": "Preview" },
        h(
          "div",
          { class: "card skeleton" },
          h("h3", {}, "Generated files appear here"),
          h("p", { class: "muted" }, "The program is loading; you can already fill in the form."),
        ),
      ),
    ),
    h(
      "button",
      {
        type: "button",
        id: "jump",
        onclick: () => {
          byId("preview").scrollIntoView({ block: "start" });
          byId("preview").focus({ preventScroll: true });
        },
      },
      "Loading…",
    ),
  );
  new IntersectionObserver(([e]) => (byId("jump").hidden = e!.isIntersecting)).observe(byId("preview"));
  view.update = update;
  fromHash();
  drawForm();
  onchange(() => {
    drawForm();
    if (!byId("scaffold").hidden) update();
    else view.stale = true;
  });
  addEventListener("hashchange", () => {
    if (hash().view === "scaffold") {
      fromHash();
      drawForm();
      update();
    }
  });
}

export function show() {
  if (view.stale) {
    view.stale = false;
    update();
  } else setHash("scaffold", params());
}
