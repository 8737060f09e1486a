// What the Explore view knows between two events.
import type { Assessed, Found, Instance } from "../../types";

export class State {
  found: Found | undefined;
  current = 0; // the opening that found is of
  stale = true; // the repository changed since
  counts = new Map<string, number>(); // of findings, by kind and name
  counted = false;
  assessed: Assessed | undefined;
  chosen = ""; // the id of an instance
  sort = { by: 0, down: false };
  words = ""; // of the search
  rows: Instance[] = []; // of the table: found, searched and sorted
  drawn = { from: 0, to: 0 }; // the rows that are in the document; while they cover what is in view they stay
  format = "url"; // of the client code

  // findings shows the findings that match a text, in another view.
  constructor(readonly findings: (text: string) => void) {}
}
