// What is said of an instance in more than one place.
import { plural } from "../../dom";
import type { Instance } from "../../types";

export const id = (i: Pick<Instance, "application" | "kind" | "namespace" | "name">) =>
  [i.application, i.kind, i.namespace, i.name].join("/");
export const sentinels = (i: Instance) => (i.sentinel ? i.watchers || Math.max(i.sentinel.hosts?.length ?? 0, 1) : 0);
// One sentinel is said to be one; how many there are behind a Service may not be known.
export const watchers = (i: Instance) =>
  i.watchers || (i.sentinel?.hosts?.length ?? 0) > 1 ? plural(sentinels(i), "sentinel") : "sentinels";
export const topology = (i: Instance) =>
  [i.cluster ? "cluster" : "", i.replicas ? plural(i.replicas, "copy").replace("copys", "copies") : "", i.sentinel ? watchers(i) : ""]
    .filter(Boolean)
    .join(", ") || "unknown";
export const url = (i: Instance) => i.clients.url ?? i.sentinels.url ?? "";
