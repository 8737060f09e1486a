// The view as a whole: the search, the table, the instance that is selected and what could not be read.
import { navigate } from "../../app";
import { byId, fill, h, plural } from "../../dom";
import { drawDetail } from "./detail";
import type { State } from "./state";
import { columns, drawRows, ordered, scrolled } from "./table";

export function draw(v: State) {
  const { instances = [], problems = [] } = v.found ?? {};
  if (!instances.length)
    return fill(
      byId("explore"),
      h(
        "div",
        { class: "card" },
        h("h3", {}, "No Redis in this repository"),
        h("div", { class: "row" }, h("button", { type: "button", class: "primary", onclick: () => navigate.to("scaffold") }, "Create one")),
      ),
    );
  fill(
    byId("explore"),
    h(
      "div",
      { class: "row between" },
      h("h2", { id: "redis-count", class: "summary" }),
      h(
        "span",
        { class: "row" },
        sorting(v),
        h("label", { class: "sr", for: "redis-search" }, "Search Redis instances"),
        h("input", {
          id: "redis-search",
          type: "search",
          placeholder: "Search",
          value: v.words,
          oninput: (e: Event) => {
            v.words = (e.target as HTMLInputElement).value;
            drawRows(v);
          },
        }),
      ),
    ),
    table(v),
    h("div", { id: "redis" }),
    problems.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, plural(problems.length, "problem")),
        h(
          "ul",
          {},
          problems.slice(0, 200).map((p) => h("li", {}, `${p.file}:${p.line} ${p.message}`)),
        ),
      ),
  );
  drawRows(v);
  drawDetail(v);
}

// sorting takes the place of the heads of the table where that has none.
function sorting(v: State) {
  const pick = (e: Event) => {
    v.sort = ordered(v, Number((e.target as HTMLSelectElement).value));
    drawRows(v);
  };
  return h(
    "span",
    { class: "sorting" },
    h("label", { class: "sr", for: "redis-sort" }, "Sort by"),
    h(
      "select",
      { id: "redis-sort", onchange: pick },
      columns.map((c, n) =>
        h("option", { value: n }, "by " + c.title.replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase()).replace("redis", "name")),
      ),
    ),
  );
}

// table has no rows yet. Its roles are written out, since as cards it has another layout.
function table(v: State) {
  const heads = columns.map((c, n) => {
    const click = () => {
      v.sort = { by: n, down: v.sort.by === n && !v.sort.down };
      drawRows(v);
    };
    return h("th", { scope: "col" }, h("button", { type: "button", id: "sort-" + n, onclick: click }, c.title));
  });
  const wrap = h(
    "div",
    { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Every Redis" },
    h(
      "table",
      { role: "table" },
      h("caption", { class: "sr" }, "Redis instances in the repository"),
      h(
        "colgroup",
        {},
        columns.map((c) => h("col", { width: c.width + "%" })),
      ),
      h("thead", {}, h("tr", {}, heads)),
      h("tbody", { id: "redises", role: "rowgroup" }),
    ),
  );
  wrap.addEventListener("scroll", () => requestAnimationFrame(() => scrolled(v, wrap)), { passive: true });
  return wrap;
}
