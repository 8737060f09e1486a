// The table of all instances, of which only the rows in view are in the document.
import { again, byId, fill, h, plural, unpressed } from "../../dom";
import type { Instance } from "../../types";
import { drawDetail } from "./detail";
import { phone } from "./drawing";
import { id, topology, url } from "./facts";
import type { State } from "./state";

interface Column {
  title: string;
  width: string; // of 100
  text(i: Instance, v: State): string | number;
  cell?(i: Instance, v: State): Parameters<typeof h>[2];
}

const size = (text: string) => {
  const m = /^([\d.]+)([KMGT]?)/.exec(text);
  return m ? Number(m[1]) * 1024 ** " KMGT".indexOf(m[2] || " ") : 0;
};
export const columns: Column[] = [
  { title: "Redis", width: "14", text: (i) => i.name },
  { title: "Application", width: "9", text: (i) => i.application },
  { title: "Operator", width: "11", text: (i) => i.operator, cell: (i) => [i.operator, i.version && h("small", {}, " " + i.version)] },
  { title: "Topology", width: "14", text: (i) => i.replicas, cell: topology },
  { title: "Memory", width: "7", text: (i) => size(i.memory), cell: (i) => i.memory || "no limit" },
  { title: "Volume", width: "5", text: (i) => size(i.persistence), cell: (i) => i.persistence || "none" },
  {
    title: "Password",
    width: "13",
    text: (i) => i.auth?.secret ?? "",
    cell: (i) => (i.auth ? i.auth.secret : h("span", { class: "bad-text" }, "none")),
  },
  { title: "URL", width: "20", text: url, cell: (i) => h("code", { title: url(i) }, url(i).replace(/^[\w-]+:\/\/(.*@)?/, "")) },
  {
    title: "Findings",
    width: "7",
    text: (i, v) => count(v, i),
    cell: findings,
  },
];
const count = (v: State, i: Instance) => v.counts.get(i.kind + "/" + i.name) ?? 0;

function findings(i: Instance, v: State) {
  const n = count(v, i);
  if (!v.counted) return "…";
  if (n === 0) return "0";
  return h(
    "button",
    {
      type: "button",
      class: "link",
      "aria-label": `${plural(n, "finding")} of ${i.name}`,
      onclick: () => v.findings(`${i.kind}/${i.name}`),
    },
    n,
  );
}

// Of more rows than this only those in view are there; each has the same height then. On a phone they are cards.
const few = 60;
const rowHeight = () => (phone.matches ? 232 : 42);

// ordered is how rows are sorted by a column that was not chosen before: the largest number first.
export const ordered = (v: State, by: number) => ({ by, down: typeof columns[by]!.text(v.found!.instances[0]!, v) === "number" });

function select(v: State) {
  const { text } = columns[v.sort.by]!;
  v.rows = (v.found?.instances ?? []).filter(
    (i) => !v.words || [i.name, i.namespace, i.application, i.operator, url(i)].join(" ").toLowerCase().includes(v.words.toLowerCase()),
  );
  if (v.sort.by || v.sort.down)
    v.rows.sort((a, b) => {
      const [x, y] = [text(a, v), text(b, v)];
      return (x < y ? -1 : x > y ? 1 : 0) * (v.sort.down ? -1 : 1);
    });
}

export function scrolled(v: State, wrap: HTMLElement) {
  const top = Math.floor(wrap.scrollTop / rowHeight());
  const end = Math.min(v.rows.length, Math.ceil((wrap.scrollTop + wrap.clientHeight) / rowHeight()));
  if (top < v.drawn.from || end > v.drawn.to) drawRows(v);
}

export function drawRows(v: State) {
  if (!unpressed(v, () => drawRows(v))) return;
  const body = document.getElementById("redises");
  if (!body) return;
  select(v);
  const wrap = body.closest(".table-wrap")!;
  const all = v.rows.length <= few;
  wrap.classList.toggle("many", !all);
  const from = all ? 0 : Math.max(0, Math.floor(wrap.scrollTop / rowHeight()) - 10);
  const to = all ? v.rows.length : Math.min(v.rows.length, from + Math.ceil(wrap.clientHeight / rowHeight()) + 20);
  v.drawn = { from, to };
  const space = (n: number) => {
    const tr = h("tr", { "aria-hidden": "true", class: "space" }, h("td", { colspan: columns.length }));
    tr.style.height = n * rowHeight() + "px";
    return n > 0 && tr;
  };
  again(() =>
    fill(
      body,
      space(from),
      v.rows.slice(from, to).map((i, n) =>
        h(
          "tr",
          { class: id(i) === v.chosen ? "chosen" : "", role: "row", "aria-rowindex": from + n + 2, onclick: () => choose(v, i) },
          h(
            "th",
            { scope: "row", role: "rowheader" },
            h("button", { id: "redis/" + id(i), type: "button", class: "link", "aria-pressed": String(id(i) === v.chosen) }, i.name),
            i.namespace && h("small", {}, " " + i.namespace),
          ),
          columns.slice(1).map((c) => h("td", { role: "cell", "data-label": c.title }, c.cell ? c.cell(i, v) : c.text(i, v))),
        ),
      ),
      space(v.rows.length - to),
    ),
  );
  body.parentElement!.setAttribute("aria-rowcount", String(v.rows.length + 1));
  (byId("redis-sort") as HTMLSelectElement).value = String(v.sort.by);
  byId("redis-count").textContent =
    v.rows.length === v.found?.instances.length
      ? plural(v.rows.length, "instance")
      : `${v.rows.length.toLocaleString("en")} of ${v.found?.instances.length.toLocaleString("en")}`;
  for (const n of columns.keys())
    byId("sort-" + n)
      .closest("th")!
      .setAttribute("aria-sort", n !== v.sort.by ? "none" : v.sort.down ? "descending" : "ascending");
}

function choose(v: State, i: Instance) {
  v.chosen = id(i);
  drawRows(v);
  drawDetail(v);
  if (phone.matches) byId("redis").scrollIntoView({ block: "start" });
}
