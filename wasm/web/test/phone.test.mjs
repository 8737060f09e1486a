// On a phone: nothing is cut off, everything can be touched, and instances are cards.
import assert from "node:assert/strict";
import { join } from "node:path";
import { zip } from "./archive.mjs";
import { modes, open, shots } from "./browser.mjs";
import { browser, cut, grave, it, server, small } from "./suite.mjs";

const phone = { ...modes.phone, viewport: { width: 360, height: 740 } };
const clean = (p) => assert.deepEqual(p.problems, []);

it("nothing is cut off at 360 pixels, and targets are large enough, in every view", async () => {
  const p = await open(browser, server.url, phone);
  const { page } = p;
  const look = async (view) => {
    await page.screenshot({ path: join(shots, `360-${view}.png`), fullPage: true });
    assert.deepEqual([view, await cut(page)], [view, []]);
    assert.deepEqual([view, await small(page)], [view, []]);
    assert.deepEqual(await grave(page, view), []);
  };
  await page.getByText("✓ Lint passed").waitFor();
  await look("scaffold");
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("Password", { exact: true }).selectOption("external");
  await page.getByRole("alert").filter({ hasText: "requires a secret store" }).waitFor();
  await look("wrong");
  await page.getByLabel("Password", { exact: true }).selectOption("");
  await page.getByRole("textbox", { name: "Memory" }).fill("3Gi");
  await page.getByLabel("Suffix").fill("");
  await page.getByText("Conflicts with existing content").waitFor();
  await look("conflict");
  await page.getByLabel("Suffix").fill("a-longer-suffix");
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "redis-a-longer-suffix.yaml" }).first().waitFor();
  await page.locator("#checked:not([aria-busy])").waitFor();
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
  await page.locator("#preview:not([aria-busy]) > #checked:not([aria-busy])").waitFor();
  await page.locator("#changes").getByText("Show the changes").click();
  await look("changes");
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.locator("#redises td:last-child", { hasText: /^\d+$/ }).first().waitFor();
  await look("explore");
  assert.doesNotMatch(await page.locator("svg.topology").textContent(), /…/);
  await page.locator("#changes").getByRole("button", { name: "Discard all" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Discard" }).waitFor();
  await look("discard");
  await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click();
  await page.locator("#changes[hidden]").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Try a broken repository" }).click();
  await page.getByRole("tab", { name: "Lint" }).click();
  await page.locator("#detail .doc h4").first().waitFor();
  await look("lint");
  await page.getByRole("button", { name: "Paste a manifest" }).click();
  await look("paste");
  clean(p);
  await p.context.close();
});

it("instances are cards on a phone, with everything that the table has, and sorted by any of it", async () => {
  const p = await open(browser, server.url + "#explore", phone);
  const { page } = p;
  const card = page.locator("#redises tr", { hasText: "shop-cache" });
  await card.locator("td:last-child", { hasText: /^\d+$/ }).waitFor();
  const labels = await card
    .locator("td")
    .evaluateAll((all) => all.map((e) => [getComputedStyle(e, "::before").content.replace(/[" ]/g, ""), e.innerText.trim()]));
  assert.deepEqual(
    labels.map(([label]) => label),
    ["Application", "Operator", "Topology", "Memory", "Volume", "Password", "URL", "Findings"],
  );
  assert.ok(
    labels.every(([, text]) => text),
    JSON.stringify(labels),
  );
  assert.ok(
    labels.some(([, text]) => text === "shop-cache-redis-master.default.svc:6379"),
    JSON.stringify(labels),
  );
  assert.equal(await page.locator("#explore thead").isVisible(), false);
  // It is still a table for those who hear it.
  assert.equal(await page.getByRole("row").filter({ hasText: "shop-cache" }).getByRole("cell").count(), 8);
  const memory = async () => page.locator('#redises td[data-label="Memory"]').allInnerTexts();
  const before = await memory();
  await page.getByLabel("Sort by").selectOption({ label: "by memory" });
  const mebibytes = (t) => Number.parseFloat(t) * (t.includes("Gi") ? 1024 : 1);
  assert.deepEqual(
    (await memory()).map((t) => mebibytes(t.replace("Memory", ""))),
    before.map((t) => mebibytes(t.replace("Memory", ""))).sort((a, b) => b - a),
  );
  await page.getByRole("button", { name: "payments", exact: true }).click();
  await page.locator(".instance h3", { hasText: "payments" }).waitFor();
  await page.waitForFunction(() => {
    const { top } = document.querySelector(".instance h3").getBoundingClientRect();
    return top > 0 && top < innerHeight / 2;
  });
  // Of a thousand only those in view are there, and the last one can be reached.
  const many = Array.from({ length: 300 }, (_, i) => [
    `repo/applications/app${i}/redis.yaml`,
    `apiVersion: databases.spotahome.com/v1\nkind: RedisFailover\nmetadata:\n  name: app${i}\nspec:\n  sentinel:\n    replicas: 3\n  redis:\n    replicas: 3\n`,
  ]);
  await page.locator("#zip").setInputFiles({ name: "many.zip", mimeType: "application/zip", buffer: zip(many) });
  await page.locator("#redis-count", { hasText: "300 instances" }).waitFor();
  assert.ok((await page.locator("#redises tr").count()) < 60);
  await page.getByRole("region", { name: "Every Redis" }).evaluate((e) => (e.scrollTop = e.scrollHeight));
  await page.getByRole("button", { name: "app99", exact: true }).waitFor();
  const heights = await page
    .locator("#redises tr:not(.space)")
    .evaluateAll((all) => [...new Set(all.map((e) => e.getBoundingClientRect().height))]);
  assert.equal(heights.length, 1, "all cards have the same height");
  const inside = await page
    .locator("#redises tr:not(.space)")
    .evaluateAll((all) => all.filter((e) => e.scrollHeight > e.clientHeight + 1).length);
  assert.equal(inside, 0, "cards that hide something");
  clean(p);
  await p.context.close();
});
