// The view as a whole: the summary, the counts, the list and the finding that is selected.
import { state } from "../../app";
import { byId, fill, h, plural } from "../../dom";
import { ranks } from "../finding";
import { drawDetail } from "./detail";
import { drawRows, select } from "./list";
import { everything, type State } from "./state";

export function draw(v: State) {
  select(v);
  if (!v.report?.soFar && !v.shown.includes(v.chosen!)) v.chosen = v.shown[0];
  const s = v.report?.summary;
  const clean = v.report?.findings.every((f) => f.suppressed) ?? false;
  const nothing = clean && !v.report!.soFar && s!.resources === 0 && v.report!.findings.length === 0;
  byId("summary").textContent = !s
    ? ""
    : nothing
      ? "Nothing to lint."
      : s.errors + s.warnings + s.infos === 0
        ? `No findings in ${plural(s.files, "file")} and ${plural(s.resources, "resource")}.`
        : v.report!.soFar
          ? `${plural(s.errors, "error")}, ${plural(s.warnings, "warning")}, ${plural(s.infos, "info")} so far…`
          : `${plural(s.errors, "error")}, ${plural(s.warnings, "warning")}, ${plural(s.infos, "info")} in ${plural(s.resources, "resource")}.`;
  const count = (sev: string) => v.report?.findings.filter((f) => f.severity === sev && !f.suppressed).length ?? 0;
  for (const sev of ranks) {
    byId("count-" + sev).textContent = String(count(sev));
    byId("noun-" + sev).textContent = count(sev) === 1 ? sev : sev + "s";
  }
  const names = [...new Set(v.report?.findings.map((f) => f.rule))].sort();
  fill(
    byId("rule-filter"),
    h("option", { value: "" }, "all rules"),
    names.map((n) => h("option", { value: n, selected: n === v.filter.rule }, n)),
  );
  (byId("strict") as HTMLInputElement).checked = state.strict;
  byId("suppressed-count").textContent = s?.suppressed ? `show ${s.suppressed} suppressed` : "show suppressed";
  byId("fix-all").toggleAttribute("disabled", !v.report || v.report.soFar || !v.report.findings.some((f) => f.fixSafe && !f.suppressed));
  for (const b of document.querySelectorAll("#exports button")) b.toggleAttribute("disabled", !v.report || v.report.soFar === true);
  const more = [
    ...(v.report?.notices ?? []).map((n) => `${n.file}: ${n.message}`),
    ...v.failures.map((f) => "could not run: " + f.message),
  ];
  fill(
    byId("notices"),
    more.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, plural(more.length, "notice")),
        h(
          "ul",
          {},
          more.map((m) => h("li", {}, m)),
        ),
      ),
  );
  byId("lint-body").classList.toggle("empty", v.rows.length === 0);
  fill(byId("nothing"), v.rows.length === 0 && v.report !== undefined && instead(v, clean, nothing));
  drawRows(v);
  void drawDetail(v);
}

// instead is what is shown in the place of a list without entries.
function instead(v: State, clean: boolean, nothing: boolean) {
  if (nothing)
    return h(
      "p",
      { class: "card" },
      `No Kubernetes manifest found in ${plural(state.files.size, "file")}; open the directory of a GitOps repository, or a part of it.`,
    );
  if (clean) return h("p", { class: "card good" }, "✓ No findings." + (state.strict ? "" : " Strict mode applies more rules."));
  return h(
    "div",
    { class: "card" },
    h("p", {}, `No finding matches the filter; ${plural(v.report!.findings.length, "finding")} without it.`),
    h("div", { class: "row" }, h("button", { type: "button", id: "clear-filter", onclick: () => clearFilter(v) }, "Clear the filter")),
  );
}

function clearFilter(v: State) {
  v.filter = { ...everything(), suppressed: v.filter.suppressed };
  (byId("search") as HTMLInputElement).value = "";
  for (const name of v.filter.severities) (byId("show-" + name) as HTMLInputElement).checked = true;
  if (!v.report?.findings.some((f) => !f.suppressed)) {
    v.filter.suppressed = true;
    (byId("suppressed") as HTMLInputElement).checked = true;
  }
  draw(v);
  byId("list").focus();
}
