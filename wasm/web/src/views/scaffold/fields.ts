// The fields that the form is made of, each from the schema of its value.

import { h } from "../../dom";
import { operator, properties, type Schema, type State } from "./ask";

export function field(label: string, input: HTMLElement, help = "", id = input.id) {
  const described = help ? id + "-help" : undefined;
  if (described) input.setAttribute("aria-describedby", described);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, help && h("p", { class: "help", id: described }, help));
}

export function textField(
  v: State,
  id: string,
  label: string,
  get: () => string,
  put: (text: string) => void,
  help = "",
  props: Record<string, unknown> = {},
) {
  return field(
    label,
    h("input", {
      id,
      type: "text",
      value: get(),
      autocomplete: "off",
      spellcheck: "false",
      oninput: (e: Event) => {
        put((e.target as HTMLInputElement).value);
        v.update();
      },
      ...props,
    }),
    help,
  );
}

export function choice(
  v: State,
  id: string,
  label: string,
  options: [string, string][],
  get: () => string,
  put: (text: string) => void,
  help = "",
) {
  const s = h(
    "select",
    {
      id,
      onchange: (e: Event) => {
        put((e.target as HTMLSelectElement).value);
        v.update();
      },
    },
    options.map(([value, text]) => h("option", { value, selected: value === get() }, text)),
  );
  return field(label, s, help);
}

// preset is what a value is when the form leaves it alone.
function preset(v: State, key: string): unknown {
  const engine = (operator.engines as Record<string, Record<string, unknown>>)[v.ask.engine];
  if (engine && key in engine) return engine[key];
  for (const name of [v.ask.size, v.ask.profile]) {
    const preset = operator.profiles.find((p) => p.name === name)?.values as Record<string, unknown> | undefined;
    if (preset && key in preset) return preset[key];
  }
  return properties[key]!.default;
}

const options = (s: Schema): unknown[] | undefined =>
  s.enum ?? (s.anyOf?.every((a) => a.enum) ? s.anyOf.flatMap((a) => a.enum!) : undefined);
const isNumber = (s: Schema): boolean => s.type === "integer" || s.type === "number";

// bounds are what a number may be; the core says more when it is wrong.
const bounds = (s: Schema) =>
  s.minimum === undefined && s.maximum === undefined
    ? ""
    : s.maximum === undefined
      ? ` At least ${s.minimum}.`
      : ` ${s.minimum ?? 0} to ${s.maximum}.`;

// pattern is what the browser itself can check of a text.
function pattern(s: Schema): string | undefined {
  const whole = (p: string) => p.replace(/^\^|\$$/g, "");
  if (s.pattern) return whole(s.pattern);
  const some = s.anyOf?.flatMap((a) => (a.pattern ? [whole(a.pattern)] : []));
  return some?.length ? some.map((p) => `(?:${p})`).join("|") : undefined;
}

export function valueField(v: State, key: string) {
  const s = properties[key]!;
  const id = "value-" + key;
  const before = preset(v, key);
  const shown = before === "" || before === undefined || Array.isArray(before) ? "none" : String(before);
  const put = (text: string) => {
    if (text === "") delete v.ask.set[key];
    else v.ask.set[key] = text;
  };
  const list = options(s);
  if (list)
    return choice(
      v,
      id,
      label(key),
      [["", `${shown} (default)`], ...list.map((o) => [String(o), String(o)] as [string, string])],
      () => v.ask.set[key] ?? "",
      put,
      s.description,
    );
  const number = isNumber(s)
    ? { type: "number", min: s.minimum, max: s.maximum, step: s.type === "integer" ? 1 : "any" }
    : { pattern: pattern(s) };
  return textField(v, id, label(key), () => v.ask.set[key] ?? "", put, (s.description ?? "") + bounds(s), {
    placeholder: shown,
    ...number,
  });
}

export const label = (key: string) =>
  key === "cpu" ? "CPU" : key.replace(/[A-Z]/g, (c) => " " + c.toLowerCase()).replace(/^./, (c) => c.toUpperCase());

// fieldOf is a field of the form that the core names.
export function fieldOf(name = ""): HTMLElement | undefined {
  const field = document.getElementById(name.startsWith("set.") ? "value-" + name.slice(4) : name);
  return field?.closest("#form") ? field : undefined;
}

// focusOn leads to a field, or to the first choice of a group.
export function focusOn(field: HTMLElement) {
  const details = field.closest("details");
  if (details) details.open = true;
  (field.matches("fieldset") ? (field.querySelector("input") ?? field) : field).focus();
}
