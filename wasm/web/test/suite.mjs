// What the tests of a file use, from before the first one to after the last.
import { after, before, test } from "node:test";
import { launch, serve, skip, slow } from "./browser.mjs";

export let server, browser;
before(async () => {
  if (skip) return;
  server = await serve();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
});
export const it = (name, f) => test(name, { skip, timeout: 4 * slow }, f);
