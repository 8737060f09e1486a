// The way from the form to what it makes, where the two do not stand side by side.

import { byId } from "../../dom";

export function jump(text: string, kind: "good" | "bad" | "") {
  const b = byId("jump");
  b.textContent = text + " ↓";
  b.className = kind;
}
