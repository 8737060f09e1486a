// What the Lint view knows between two events.
import type { Finding, Linted, Report } from "../../types";

export interface Row {
  file?: string;
  finding?: Finding;
}

export const everything = () => ({ severities: new Set<string>(["error", "warning", "info"]), rule: "", text: "", suppressed: false });

export class State {
  report: Report | undefined;
  failures: Linted["failures"] = [];
  filter = everything();
  shown: Finding[] = []; // those of report that match filter
  rows: Row[] = []; // of the list: shown, below the names of their files
  inView = { from: 0, to: 0 }; // the rows that are in the document; while they cover what is in view they stay
  chosen: Finding | undefined;
  stale = true; // the repository changed since report

  running = 0; // counts the runs, of which only the last is shown
  current = 0; // the opening that report is of
  soFar: Finding[] = []; // of a run that goes on
  drawn = 0; // when soFar was shown
}
