// The form, made from the schema of the values.

import { state } from "../../app";
import { again, byId, fill, h } from "../../dom";
import form from "../../form.json";
import { type Ask, namesSecret, operator, optional, type State, values } from "./ask";
import { choice, field, label, textField, valueField } from "./fields";

// redraw follows a choice that other fields depend on.
function redraw(v: State) {
  drawForm(v);
  v.update();
}

export function drawForm(v: State) {
  const fields = { resource: resourceFields, application: applicationFields, deployment: deploymentFields, update: updateFields }[
    v.ask.kind
  ];
  const apps = state.opened?.applications ?? [];
  again(() =>
    fill(
      byId("form"),
      kindField(v),
      h(
        "datalist",
        { id: "apps" },
        apps.map((a) => h("option", { value: a.name })),
      ),
      textField(
        v,
        "app",
        "Application",
        () => v.ask.app,
        (text) => (v.ask.app = text.trim()),
        appHelp[v.ask.kind],
        { list: "apps", required: v.ask.kind !== "update" },
      ),
      fields(v),
    ),
  );
}

const existingOrNew = "An existing application, or a new name to create one.";
const appHelp: Record<Ask["kind"], string> = {
  resource: existingOrNew,
  application: "Lower-case letters, digits and dashes.",
  deployment: existingOrNew,
  update: "If empty, every application is updated.",
};

const kinds: [Ask["kind"], string][] = [
  ["resource", "A Redis"],
  ["application", "An application"],
  ["deployment", "A deployment"],
  ["update", "An update"],
];

const kindField = (v: State) =>
  h(
    "fieldset",
    { class: "segments" },
    h("legend", {}, "What do you want to generate?"),
    kinds.map(([value, text]) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name: "kind",
          id: "kind-" + value,
          value,
          checked: v.ask.kind === value,
          onchange: () => {
            v.ask.kind = value;
            v.ask.type = "";
            v.ask.name = "";
            if (v.ask.onConflict === "merge") v.ask.onConflict = "";
            redraw(v);
          },
        }),
        h("span", {}, text),
      ),
    ),
  );

const resourceFields = (v: State) => [
  form.operators.length > 1
    ? choice(
        v,
        "operator",
        "Operator",
        form.operators.map((o) => [o.name, label(o.name)]),
        () => operator.name,
        () => {},
        operator.doc,
      )
    : h("p", { class: "operator" }, h("b", {}, "Operator: "), label(operator.name), h("small", {}, " " + operator.doc)),
  profileField(v),
  textField(
    v,
    "suffix",
    "Suffix",
    () => v.ask.suffix,
    (text) => (v.ask.suffix = text.trim()),
    "For a second instance in the same application; added to every name.",
  ),
  h(
    "label",
    { class: "check" },
    h("input", {
      type: "checkbox",
      id: "size",
      checked: v.ask.size === "dev",
      onchange: (e: Event) => {
        v.ask.size = (e.target as HTMLInputElement).checked ? "dev" : "";
        redraw(v);
      },
    }),
    "One small replica, for development",
  ),
  choice(
    v,
    "engine",
    "Server",
    [["", "the repository's default"], ...Object.keys(operator.engines).map((e): [string, string] => [e, label(e)])],
    () => v.ask.engine,
    (text) => {
      v.ask.engine = text;
      drawForm(v);
    },
    "With a current image, unless the image below is set.",
  ),
  h(
    "div",
    { class: "grid2" },
    values.filter((k) => k !== "networkPolicy").map((k) => valueField(v, k)),
  ),
  authFields(v),
  h(
    "details",
    {},
    h("summary", {}, "More"),
    valueField(v, "networkPolicy"),
    textField(
      v,
      "namespace",
      "Namespace",
      () => v.ask.namespace,
      (text) => (v.ask.namespace = text.trim()),
      "The target namespace, if Argo CD or Flux does not set it.",
    ),
    h(
      "div",
      { class: "grid2" },
      optional.map((k) => valueField(v, k)),
    ),
  ),
];

function profileField(v: State) {
  const profiles = operator.profiles.filter((p) => !p.size);
  const own = (state.opened?.profiles ?? []).filter((n) => !profiles.some((p) => p.name === n));
  const all = [
    ...profiles.map((p) => [p.name, p.doc]),
    ...own.map((n) => [n, "from .redis-gitops.yaml"]),
    ["", "the defaults of the repository"],
  ] as [string, string][];
  return h(
    "fieldset",
    { class: "cards", id: "profile" },
    h("legend", {}, "What is it for?"),
    all.map(([name, doc]) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name: "profile",
          id: "profile-" + name,
          value: name,
          checked: v.ask.profile === name,
          onchange: () => {
            v.ask.profile = name;
            redraw(v);
          },
        }),
        h("span", {}, h("b", {}, label(name || "default")), h("small", {}, doc)),
      ),
    ),
  );
}

// authFields are the method, and what it needs.
function authFields(v: State) {
  const { auth, app, suffix } = v.ask;
  return [
    choice(
      v,
      "auth",
      "Password",
      [
        ["", "the repository's default"],
        ["none", "none: no authentication"],
        ["existing", "an existing Secret"],
        ["external", "generated by External Secrets"],
        ["sealed", "sealed in this tab, with the controller's certificate"],
      ],
      () => v.ask.auth,
      (text) => {
        v.ask.auth = text;
        drawForm(v);
      },
      "Never committed in plain text.",
    ),
    namesSecret(auth) &&
      textField(
        v,
        "secret",
        "Secret name",
        () => v.ask.secret,
        (text) => (v.ask.secret = text.trim()),
        "",
        { placeholder: `${app}${suffix ? "-" + suffix : ""}-redis-auth` },
      ),
    auth === "external" &&
      textField(
        v,
        "store",
        "Secret store",
        () => v.ask.store,
        (text) => (v.ask.store = text.trim()),
        "A ClusterSecretStore, or SecretStore/NAME.",
      ),
    auth === "external" &&
      textField(
        v,
        "key",
        "Key in the store",
        () => v.ask.key,
        (text) => (v.ask.key = text.trim()),
        "KEY or KEY#PROPERTY of an existing password; if empty, a password is generated.",
      ),
    auth === "sealed" && certificateField(v),
  ];
}

const certificateField = (v: State) =>
  field(
    "Certificate",
    h("textarea", {
      id: "cert",
      rows: 4,
      spellcheck: "false",
      value: v.ask.cert,
      oninput: (e: Event) => {
        v.ask.cert = (e.target as HTMLTextAreaElement).value;
        v.update();
      },
    }),
    "The output of kubeseal --fetch-cert. It is public, and never leaves this tab.",
  );

const applicationFields = (v: State) => [
  h(
    "label",
    { class: "check" },
    h("input", {
      type: "checkbox",
      id: "kustomize",
      checked: v.ask.kustomize,
      onchange: (e: Event) => {
        v.ask.kustomize = (e.target as HTMLInputElement).checked;
        v.update();
      },
    }),
    "Create a kustomization instead of a chart",
  ),
];

function deploymentFields(v: State) {
  const types = state.opened?.deployments ?? [];
  const text = (id: "name" | "image" | "hostname", title: string, help = "") =>
    textField(
      v,
      id,
      title,
      () => v.ask[id],
      (t) => (v.ask[id] = t.trim()),
      help,
    );
  return [
    types.length
      ? choice(
          v,
          "type",
          "Type",
          types.map((t) => [t, t]),
          () => v.ask.type || types[0]!,
          (t) => (v.ask.type = t),
          "From generators/deployments.",
        )
      : h("p", { class: "help" }, "The repository has no generators/deployments directory."),
    text("name", "Name", "If different from the type."),
    text("image", "Image"),
    text("hostname", "Host name"),
  ];
}

const updateFields = (v: State) => [
  textField(
    v,
    "name",
    "Name",
    () => v.ask.name,
    (text) => (v.ask.name = text.trim()),
    "Of one generated resource, such as redis-cache; if empty, all of them are updated.",
  ),
  h(
    "p",
    { class: "help" },
    "Applies what changed in the generators to the files they created. Your own changes are preserved: only lines that both sides changed are a conflict.",
  ),
];
