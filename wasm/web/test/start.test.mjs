// What a newcomer finds: what the page is for, a repository with faults, and a place for a manifest.
import assert from "node:assert/strict";
import { join } from "node:path";
import { open, shots } from "./browser.mjs";
import { browser, everywhere, grave, server } from "./suite.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);

everywhere(
  "a broken repository shows twelve faults of twelve categories",
  async (mode, called) => {
    const p = await open(browser, server.url, mode);
    const { page } = p;
    await page.getByText("Nothing is uploaded: everything runs in this tab.").waitFor();
    await page.getByRole("button", { name: "Try a broken repository" }).click();
    await page.locator("#source b", { hasText: "Broken repository" }).waitFor();
    await page.locator('#list [aria-selected="true"].error').waitFor();
    const count = async (name) => Number(await page.locator("#count-" + name).innerText());
    assert.equal((await count("error")) + (await count("warning")) + (await count("info")), 12);
    const rules = await page.locator("#rule-filter option").evaluateAll((all) => all.map((o) => o.value).filter(Boolean));
    assert.equal(new Set(rules.map((r) => r.split("/")[0])).size, 12);
    await page.locator("#detail .doc h4").first().waitFor();
    await page.screenshot({ path: join(shots, `broken-${called}.png`) });
    assert.deepEqual(await grave(page, "broken"), []);
    clean(p);
    await p.context.close();
  },
  { dark: true },
);

everywhere("a manifest is pasted, linted and fixed", async (mode, called) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.getByRole("button", { name: "Paste a manifest" }).click();
  const ask = page.getByRole("dialog");
  await page.screenshot({ path: join(shots, `paste-${called}.png`) });
  assert.deepEqual(await grave(page, "paste"), []);
  await ask
    .getByRole("textbox")
    .fill("apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: pasted\nspec:\n  sentinel:\n    replicas: 2\n");
  await ask.getByRole("button", { name: "Lint" }).click();
  await page.locator("#source b", { hasText: "Pasted manifest" }).waitFor();
  await page.locator("#list .group", { hasText: "manifest.yaml" }).waitFor();
  await page.locator("#list [role=option]", { hasText: "sentinel" }).first().waitFor();
  // Empty, what is shown in the field is taken.
  await page.getByRole("button", { name: "Paste a manifest" }).click();
  await ask.getByRole("button", { name: "Lint" }).click();
  await page.locator("#list [role=option]", { hasText: "maxmemory-policy=noeviction" }).waitFor();
  await page.getByRole("button", { name: "Apply safe fixes" }).click();
  await ask.locator(".diff .add", { hasText: "maxmemory-policy noeviction" }).first().waitFor();
  await ask.getByRole("button", { name: "Apply and lint again" }).click();
  await page.getByRole("heading", { name: "Changes in this tab (1 file)" }).waitFor();
  clean(p);
  await p.context.close();
});
