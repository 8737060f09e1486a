// What the form asks for, and how it is written to the address bar and to the core.

import { hash, state } from "../../app";
import { h } from "../../dom";
import form from "../../form.json";
import type { Planned } from "../../types";

export interface Schema {
  type?: string;
  default?: unknown;
  description?: string;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  anyOf?: Schema[];
}

export const operator = form.operators[0]!;
export const properties = (operator.schema as unknown as { properties: Record<string, Schema> }).properties;
// auth and networkPolicy have fields of their own, or follow from the configuration.
export const values = operator.order.filter((k) => k !== "auth");
// optional are values that values.yaml only has where somebody asks for them.
export const optional = Object.keys(properties).filter((k) => !operator.order.includes(k));

export interface Ask {
  kind: "resource" | "application" | "deployment" | "update";
  app: string;
  type: string;
  suffix: string;
  profile: string;
  size: string;
  engine: string;
  auth: string;
  secret: string;
  store: string;
  key: string; // of a password that the store has
  cert: string;
  namespace: string;
  name: string;
  image: string;
  hostname: string;
  onConflict: string;
  kustomize: boolean;
  set: Record<string, string>;
}

const blank = (): Ask => ({
  kind: "resource",
  app: "shop",
  type: "",
  suffix: "jobs",
  profile: "queue",
  size: "",
  engine: "",
  auth: "",
  secret: "",
  store: "",
  key: "",
  cert: "",
  namespace: "",
  name: "",
  image: "",
  hostname: "",
  onConflict: "",
  kustomize: false,
  set: {},
});

// Shown is a plan that the page shows, with the request that it answers. What is kept, downloaded and written is this plan.
export interface Shown {
  asked: number; // the state of the form that it is for
  request: ReturnType<typeof request>;
  planned: Planned;
}

// State is what the Scaffold view knows between two events. The form is asked, planned by the core and shown, in this order: asked
// counts its states, planning is the one that the core works at, and shown is the last one that was planned.
export class State {
  ask = blank();
  asked = 0;
  planning = 0; // 0: nothing
  failed = 0; // the state whose plan failed
  shown: Shown | undefined;
  stale = false; // the repository changed while the view was hidden
  address = 0; // the timer of the address bar
  openFiles = new Set<string>();
  wholeFiles = new Set<string>();
  checks = h("div", { id: "checked", class: "card", "aria-live": "polite" }); // stays while the plan around it is drawn anew
  update = () => {}; // plans what the form says now
}

// current is the plan for what the form says now, if it is shown.
export const current = (v: State) => (v.shown?.asked === v.asked ? v.shown : undefined);

// kept are the fields that a link carries. A certificate is left out: it is long, and the colleague's cluster has its own.
const kept = [
  "kind",
  "app",
  "type",
  "suffix",
  "profile",
  "size",
  "engine",
  "auth",
  "secret",
  "store",
  "key",
  "namespace",
  "name",
  "image",
  "hostname",
  "onConflict",
] as const;

export function params(v: State): URLSearchParams {
  const p = new URLSearchParams();
  p.set("v", "1");
  for (const k of kept) if (v.ask[k]) p.set(k, v.ask[k]);
  if (v.ask.kustomize) p.set("kustomize", "1");
  for (const k of [...values, ...optional]) if (v.ask.set[k] !== undefined) p.set("set." + k, v.ask.set[k]!);
  if (state.strict !== (state.opened?.strict ?? false)) p.set("strict", state.strict ? "1" : "0");
  return p;
}

// fromHash fills the form from the address, and says whether that was another form.
export function fromHash(v: State): boolean {
  const { view: shown, params: p } = hash();
  if (shown !== "scaffold" || !p.has("v") || (v.asked > 0 && p.toString() === params(v).toString())) return false;
  v.ask = { ...blank(), suffix: "", profile: "", cert: v.ask.cert };
  for (const k of kept) if (p.has(k)) (v.ask as unknown as Record<string, string>)[k] = p.get(k)!;
  if (!["resource", "application", "deployment", "update"].includes(v.ask.kind)) v.ask.kind = "resource";
  v.ask.kustomize = p.get("kustomize") === "1";
  for (const k of [...values, ...optional]) if (p.has("set." + k)) v.ask.set[k] = p.get("set." + k)!;
  if (p.has("strict")) {
    state.strict = p.get("strict") === "1";
    if (!state.opened) state.linked = state.strict;
  }
  return true;
}

// namesSecret says whether a Secret can be named with a method; that of External Secrets has the name of the Redis, as on the command line.
export const namesSecret = (auth: string) => auth === "existing" || auth === "sealed";

export const request = (v: State) => {
  const { kind, app, set } = v.ask;
  const some = (o: Record<string, unknown>) => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== "" && v !== false));
  const common = { kind, app, ...some({ onConflict: v.ask.onConflict, strict: state.strict }) };
  const exists = state.opened?.applications.some((a) => a.name === app);
  if (kind === "application") return { ...common, ...some({ kustomize: v.ask.kustomize }) };
  if (kind === "update") return { ...common, ...some({ name: v.ask.name }) };
  if (kind === "deployment")
    return {
      ...common,
      type: v.ask.type || state.opened?.deployments?.[0] || "web",
      ...some({ newApp: !exists, name: v.ask.name, image: v.ask.image, hostname: v.ask.hostname }),
    };
  return {
    ...common,
    type: v.ask.type || "redis",
    ...some({
      newApp: !exists,
      suffix: v.ask.suffix,
      profile: v.ask.profile,
      size: v.ask.size,
      engine: v.ask.engine,
      auth: v.ask.auth,
      namespace: v.ask.namespace,
      secret: namesSecret(v.ask.auth) ? v.ask.secret : "",
      store: v.ask.auth === "external" ? v.ask.store : "",
      key: v.ask.auth === "external" ? v.ask.key : "",
      cert: v.ask.auth === "sealed" ? v.ask.cert : "",
    }),
    set,
  };
};
