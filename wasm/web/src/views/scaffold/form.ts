// The form, made from the schema of the values.

import { state } from "../../app";
import { again, byId, fill, h } from "../../dom";
import form from "../../form.json";
import { type Ask, operator, properties, type Schema, values, view } from "./ask";

function field(label: string, input: HTMLElement, help = "", id = input.id) {
  const described = help ? id + "-help" : undefined;
  if (described) input.setAttribute("aria-describedby", described);
  return h("div", { class: "field" }, h("label", { for: id }, label), input, help && h("p", { class: "help", id: described }, help));
}

function textField(id: string, label: string, get: () => string, put: (v: string) => void, help = "", props: Record<string, unknown> = {}) {
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
        view.update();
      },
      ...props,
    }),
    help,
  );
}

function choice(
  id: string,
  label: string,
  options: [string, string][],
  get: () => string,
  put: (v: string) => void,
  help = "",
  redraw = false,
) {
  const s = h(
    "select",
    {
      id,
      onchange: (e: Event) => {
        put((e.target as HTMLSelectElement).value);
        if (redraw) drawForm();
        view.update();
      },
    },
    options.map(([value, text]) => h("option", { value, selected: value === get() }, text)),
  );
  return field(label, s, help);
}

// preset is what a value is when the form leaves it alone.
function preset(key: string): unknown {
  for (const name of [view.ask.size, view.ask.profile]) {
    const v = operator.profiles.find((p) => p.name === name)?.values as Record<string, unknown> | undefined;
    if (v && key in v) return v[key];
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

function valueField(key: string) {
  const s = properties[key]!;
  const id = "value-" + key;
  const before = preset(key);
  const shown = before === "" ? "none" : String(before);
  const put = (v: string) => {
    if (v === "") delete view.ask.set[key];
    else view.ask.set[key] = v;
  };
  const list = options(s);
  if (list)
    return choice(
      id,
      label(key),
      [["", `${shown} (default)`], ...list.map((v) => [String(v), String(v)] as [string, string])],
      () => view.ask.set[key] ?? "",
      put,
      s.description,
    );
  const number = isNumber(s)
    ? { type: "number", min: s.minimum, max: s.maximum, step: s.type === "integer" ? 1 : "any" }
    : { pattern: pattern(s) };
  return textField(id, label(key), () => view.ask.set[key] ?? "", put, (s.description ?? "") + bounds(s), {
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

export function drawForm() {
  const apps = state.opened?.applications ?? [];
  const kinds: [Ask["kind"], string][] = [
    ["resource", "A Redis"],
    ["application", "An application"],
    ["deployment", "A deployment"],
  ];
  const parts: HTMLElement[] = [
    h(
      "fieldset",
      { class: "segments" },
      h("legend", {}, "What do you want to create?"),
      kinds.map(([value, text]) =>
        h(
          "label",
          {},
          h("input", {
            type: "radio",
            name: "kind",
            id: "kind-" + value,
            value,
            checked: view.ask.kind === value,
            onchange: () => {
              view.ask.kind = value;
              view.ask.type = "";
              drawForm();
              view.update();
            },
          }),
          h("span", {}, text),
        ),
      ),
    ),
    h(
      "datalist",
      { id: "apps" },
      apps.map((a) => h("option", { value: a.name })),
    ),
    textField(
      "app",
      "Application",
      () => view.ask.app,
      (v) => (view.ask.app = v.trim()),
      view.ask.kind === "application" ? "Lower-case letters, digits and dashes." : "An existing application, or a new name to create one.",
      { list: "apps", required: true },
    ),
  ];
  if (view.ask.kind === "resource") {
    const profiles = operator.profiles.filter((p) => !p.size);
    const own = (state.opened?.profiles ?? []).filter((n) => !profiles.some((p) => p.name === n));
    parts.push(
      form.operators.length > 1
        ? choice(
            "operator",
            "Operator",
            form.operators.map((o) => [o.name, label(o.name)]),
            () => operator.name,
            () => {},
            operator.doc,
          )
        : h("p", { class: "operator" }, h("b", {}, "Operator: "), label(operator.name), h("small", {}, " " + operator.doc)),
      h(
        "fieldset",
        { class: "cards", id: "profile" },
        h("legend", {}, "What is it for?"),
        [
          ...profiles.map((p) => [p.name, p.doc]),
          ...own.map((n) => [n, "from .redis-gitops.yaml"]),
          ["", "the defaults of the repository"],
        ].map(([name, doc]) =>
          h(
            "label",
            {},
            h("input", {
              type: "radio",
              name: "profile",
              id: "profile-" + name,
              value: name,
              checked: view.ask.profile === name,
              onchange: () => {
                view.ask.profile = name!;
                drawForm();
                view.update();
              },
            }),
            h("span", {}, h("b", {}, label(name || "default")), h("small", {}, doc)),
          ),
        ),
      ),
      textField(
        "suffix",
        "Suffix",
        () => view.ask.suffix,
        (v) => (view.ask.suffix = v.trim()),
        "For a second instance in the same application; added to every name.",
      ),
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          id: "size",
          checked: view.ask.size === "dev",
          onchange: (e: Event) => {
            view.ask.size = (e.target as HTMLInputElement).checked ? "dev" : "";
            drawForm();
            view.update();
          },
        }),
        "One small replica, for development",
      ),
      h("div", { class: "grid2" }, values.filter((k) => k !== "networkPolicy").map(valueField)),
      choice(
        "auth",
        "Password",
        [
          ["", "the repository's default"],
          ["none", "none: no authentication"],
          ["existing", "an existing Secret"],
          ["external", "generated by External Secrets"],
          ["sealed", "sealed in this tab, with the controller's certificate"],
        ],
        () => view.ask.auth,
        (v) => (view.ask.auth = v),
        "Never committed in plain text.",
        true,
      ),
    );
    if (view.ask.auth && view.ask.auth !== "none")
      parts.push(
        textField(
          "secret",
          "Secret name",
          () => view.ask.secret,
          (v) => (view.ask.secret = v.trim()),
          "",
          { placeholder: `${view.ask.app}${view.ask.suffix ? "-" + view.ask.suffix : ""}-redis-auth` },
        ),
      );
    if (view.ask.auth === "external")
      parts.push(
        textField(
          "store",
          "Secret store",
          () => view.ask.store,
          (v) => (view.ask.store = v.trim()),
          "A ClusterSecretStore, or SecretStore/NAME.",
        ),
      );
    if (view.ask.auth === "sealed")
      parts.push(
        field(
          "Certificate",
          h("textarea", {
            id: "cert",
            rows: 4,
            spellcheck: "false",
            value: view.ask.cert,
            oninput: (e: Event) => {
              view.ask.cert = (e.target as HTMLTextAreaElement).value;
              view.update();
            },
          }),
          "The output of kubeseal --fetch-cert. It is public, and never leaves this tab.",
        ),
      );
    parts.push(
      h(
        "details",
        {},
        h("summary", {}, "More"),
        valueField("networkPolicy"),
        textField(
          "namespace",
          "Namespace",
          () => view.ask.namespace,
          (v) => (view.ask.namespace = v.trim()),
          "The target namespace, if Argo CD or Flux does not set it.",
        ),
      ),
    );
  } else if (view.ask.kind === "application") {
    parts.push(
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          id: "kustomize",
          checked: view.ask.kustomize,
          onchange: (e: Event) => {
            view.ask.kustomize = (e.target as HTMLInputElement).checked;
            view.update();
          },
        }),
        "Create a kustomization instead of a chart",
      ),
    );
  } else {
    const types = state.opened?.deployments ?? [];
    parts.push(
      types.length
        ? choice(
            "type",
            "Type",
            types.map((t) => [t, t]),
            () => view.ask.type || types[0]!,
            (v) => (view.ask.type = v),
            "From generators/deployments.",
          )
        : h("p", { class: "help" }, "The repository has no generators/deployments directory."),
      textField(
        "name",
        "Name",
        () => view.ask.name,
        (v) => (view.ask.name = v.trim()),
        "If different from the type.",
      ),
      textField(
        "image",
        "Image",
        () => view.ask.image,
        (v) => (view.ask.image = v.trim()),
      ),
      textField(
        "hostname",
        "Host name",
        () => view.ask.hostname,
        (v) => (view.ask.hostname = v.trim()),
      ),
    );
  }
  again(() => fill(byId("form"), parts));
}
