// Two programs: the small one that everybody loads, and the one with OPA for repositories that bring rules of their own.
import assert from "node:assert/strict";
import { zip } from "./archive.mjs";
import { open } from "./browser.mjs";
import { browser, it, server } from "./suite.mjs";

const repository = (message) =>
  zip([
    [".redis-gitops.yaml", "policies: [policy]\n"],
    [
      "policy/team.rego",
      `# METADATA\n# title: Every resource has a team\n# custom:\n#   severity: error\npackage redisgitops.team["label"]\n\ndeny contains {"message": "${message}", "path": ["metadata"]} if not input.metadata.labels.team\n`,
    ],
    ["applications/shop/kustomization.yaml", "resources: [redis.yaml]\n"],
    ["applications/shop/redis.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\n"],
  ]);

it("rules of a repository are checked by the program that has OPA", async () => {
  const p = await open(browser, server.url);
  const loaded = [];
  p.page.on("request", (r) => loaded.push(r.url()));
  await p.page.getByRole("tab", { name: "Lint" }).click();
  await p.page.locator("#zip").setInputFiles({ name: "r.zip", mimeType: "application/zip", buffer: repository("add a team") });
  await p.page.getByText("add a team").first().waitFor();
  await p.page.locator("#zip").setInputFiles({ name: "r.zip", mimeType: "application/zip", buffer: repository("say whose it is") });
  await p.page.getByText("say whose it is").first().waitFor();
  assert.equal(loaded.filter((url) => /\/full-/.test(url)).length <= 1, true, loaded.join("\n"));
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("says so when that program cannot be had", async () => {
  const p = await open(browser, server.url, { allowed: [/404/] });
  server.missing = /full-/;
  await p.page.locator("#zip").setInputFiles({ name: "r.zip", mimeType: "application/zip", buffer: repository("add a team") });
  await p.page.getByText("this repository has custom rules, and the program that evaluates them could not be loaded").waitFor();
  server.missing = undefined;
  await p.page.getByRole("button", { name: "Close" }).click();
  // The example is still there.
  await p.page.getByRole("tab", { name: "Lint" }).click();
  await p.page.getByText("Linted in").waitFor();
  assert.deepEqual(p.problems, []);
  await p.context.close();
});
