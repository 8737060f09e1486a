// What is wrong with the form, at the fields that it is about and in the place of the plan.

import { messages } from "../../app";
import { CoreError } from "../../core";
import { byId, fill, h } from "../../dom";
import type { Problem } from "../../types";
import type { State } from "./ask";
import { fieldOf, focusOn, label } from "./fields";

// problem says what is wrong, at the field that it is about too.
export function problem(v: State, p: Problem): HTMLElement {
  const field = fieldOf(p.field);
  if (!field) return h("li", {}, messages(new CoreError([p]))[0], p.field === "onConflict" && [" ", overwrite(v)]);
  field.setAttribute("aria-invalid", "true");
  const id = field.id + "-error";
  if (!document.getElementById(id)) {
    const at = field.matches("fieldset, .check input") ? field.closest("fieldset, .check")! : field;
    at.after(h("p", { class: "bad-text help", id }, p.message, " ", suggestion(p, field)));
    field.setAttribute("aria-describedby", [field.getAttribute("aria-describedby"), id].filter(Boolean).join(" "));
  }
  const name = p.field!.replace("set.", "");
  return h(
    "li",
    {},
    h("button", { type: "button", class: "link", onclick: () => focusOn(field) }, label(name)),
    ": ",
    p.message,
    " ",
    suggestion(p, field),
  );
}

// overwrite is the way on where what exists would change its meaning, and is no conflict of its own.
const overwrite = (v: State) => {
  const use = () => {
    v.ask.onConflict = "replace";
    v.update();
  };
  return h("button", { type: "button", class: "quiet", onclick: use }, "Generate it anyway");
};

// suggestion is a button that puts the value to use into the field.
function suggestion(p: Problem, field: HTMLElement) {
  const value = p.suggestion;
  if (!value) return false;
  const use = () => {
    if (field.matches("fieldset")) field.querySelector<HTMLElement>(`input[value="${CSS.escape(value)}"]`)?.click();
    else {
      (field as HTMLInputElement).value = value;
      field.dispatchEvent(new Event(field.matches("select") ? "change" : "input"));
    }
    focusOn(field);
  };
  return h("button", { type: "button", class: "quiet", onclick: use }, `Use ${value}`);
}

// forget removes the problems of the plan before from the form.
export function forget() {
  for (const e of byId("form").querySelectorAll("[aria-invalid]")) {
    e.removeAttribute("aria-invalid");
    byId(e.id + "-error").remove();
    const rest = (e.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id !== e.id + "-error");
    if (rest.join("")) e.setAttribute("aria-describedby", rest.join(" "));
    else e.removeAttribute("aria-describedby");
  }
}

// refuse shows why there is no plan, above the last one, which nothing can be done with.
export function refuse(card: HTMLElement) {
  const preview = byId("preview");
  const last = preview.querySelector(".last") ?? h("div", { class: "last", inert: true, "aria-hidden": "true" });
  if (!last.parentElement) last.append(...preview.querySelectorAll(":scope > :not(.skeleton, .refused)"));
  card.classList.add("refused");
  fill(preview, card, last.childElementCount > 0 && last);
}
