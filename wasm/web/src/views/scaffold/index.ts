// The Scaffold view: a form made from the schema, and what it would do to the repository.

import { core, hash, messages, onchange, setHash, state } from "../../app";
import { Cancelled, CoreError } from "../../core";
import { again, byId, fill, h } from "../../dom";
import type { Linted, Planned, Problem } from "../../types";
import { current, fromHash, params, request, view } from "./ask";
import { drawForm, fieldOf, focusOn, label } from "./form";
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

// problem says what is wrong, at the field that it is about too.
function problem(p: Problem): HTMLElement {
  const field = fieldOf(p.field);
  if (!field) return h("li", {}, messages(new CoreError([p]))[0]);
  field.setAttribute("aria-invalid", "true");
  const id = field.id + "-error";
  if (!document.getElementById(id)) {
    const at = field.matches("fieldset, .check input") ? field.closest("fieldset, .check")! : field;
    at.after(h("p", { class: "bad-text help", id }, p.message));
    field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
  }
  const name = p.field!.replace("set.", "");
  return h("li", {}, h("button", { type: "button", class: "link", onclick: () => focusOn(field) }, label(name)), ": ", p.message);
}

// forget removes the problems of the plan before from the form.
function forget() {
  for (const e of byId("form").querySelectorAll("[aria-invalid]")) {
    e.removeAttribute("aria-invalid");
    byId(e.id + "-error").remove();
    const rest = (e.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id !== e.id + "-error");
    if (rest.join("")) e.setAttribute("aria-describedby", rest.join(" "));
    else e.removeAttribute("aria-describedby");
  }
}

// refuse shows why there is no plan, above the last one, which nothing can be done with.
function refuse(card: HTMLElement) {
  const preview = byId("preview");
  const last = preview.querySelector(".last") ?? h("div", { class: "last", inert: true, "aria-hidden": "true" });
  if (!last.parentElement) last.append(...preview.querySelectorAll(":scope > :not(.skeleton, .refused)"));
  card.classList.add("refused");
  fill(preview, card, last.childElementCount > 0 && last);
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
      forget();
      again(() => drawPlan(view.shown!));
      settle();
      if (p.conflicts.length > 0 || mine !== view.asked) continue;
      const l = await core.call<Linted>("check", r);
      if (mine === view.asked) again(() => drawCheck(l));
    } catch (e) {
      view.shown = undefined;
      view.failed = mine;
      if (e instanceof Cancelled) {
        refuse(
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
      forget();
      again(() =>
        refuse(
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
    h("h2", { class: "sr" }, "Generate a resource"),
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
  // A link, or a step in the history; main shows the view.
  addEventListener("hashchange", () => {
    if (hash().view === "scaffold" && fromHash()) {
      drawForm();
      update();
    }
  });
}

// hide is called before another view is shown.
export function hide() {
  setHash("scaffold", params());
}

export function show() {
  if (view.stale) {
    view.stale = false;
    update();
  } else setHash("scaffold", params());
}

// failed is called when there is no repository to plan for, and none to come.
export function failed() {
  const skeleton = byId("preview").querySelector(".skeleton p");
  if (skeleton) skeleton.textContent = "The program is not running.";
  jump("Not running", "bad");
}
