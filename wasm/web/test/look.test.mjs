// How the page looks and how it is worked: in light, dark and phone width, by keyboard, while the program loads, without a network.
import assert from "node:assert/strict";
import { join } from "node:path";
import { modes, open, shots, web } from "./browser.mjs";
import { browser, grave, it, server } from "./suite.mjs";

const looks = process.env.SHORT ? ["light", "phone-dark", "forced"] : Object.keys(modes);
for (const name of looks) {
  const options = modes[name];
  it(`looks right: ${name}`, async () => {
    const p = await open(browser, server.url, options);
    const { page } = p;
    const phone = name.startsWith("phone");
    const look = async (view) => {
      await page.evaluate(() => scrollTo(0, 0));
      await page.screenshot({ path: join(shots, `${view}-${name}.png`), fullPage: phone });
      assert.deepEqual(await grave(page, `${view} ${name}`), []);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${view} is ${wide} pixels too wide`);
    };
    await page.getByText("✓ Lint passed").waitFor();
    // The picture of the README.
    if (name === "light" && process.env.UPDATE) await page.screenshot({ path: join(web, "..", "..", "docs", "page.png") });
    await look("scaffold");
    await page.getByRole("textbox", { name: "Memory" }).fill("1GB");
    await page.getByRole("alert").filter({ hasText: "memory" }).waitFor();
    await look("wrong");
    await page.getByRole("textbox", { name: "Memory" }).fill("");
    await page.getByRole("tab", { name: "Lint" }).click();
    await page.locator("#nothing", { hasText: "No findings" }).waitFor();
    await look("passes");
    await page.locator("#strict").check();
    await page.locator("#summary", { hasText: /[1-9]\d* (error|warning|info)/ }).waitFor();
    await page.getByRole("listbox", { name: "Findings" }).getByRole("option").first().click();
    await page.locator("#detail .doc h4").first().waitFor();
    await look("lint");
    await page.getByRole("tab", { name: "Explore" }).click();
    await page.getByRole("button", { name: "shop-cache", exact: true }).click();
    await page.locator(".instance h3", { hasText: "shop-cache" }).waitFor();
    await page.getByRole("button", { name: /finding.* of shop-cache/ }).waitFor();
    await look("explore");
    assert.deepEqual(p.problems, []);
    await p.context.close();
  });
}

it("what is chosen can be told in forced colors", async () => {
  const p = await open(browser, server.url + "#lint", modes.forced);
  const { page } = p;
  await page.locator("#strict").check();
  for (const chosen of [true, false]) await page.locator(`#list [aria-selected="${chosen}"]`).first().waitFor();
  // differ says whether two elements are drawn differently by what forced colors leave.
  const differ = (a, b) =>
    page.evaluate(
      ([a, b]) => {
        const look = (selector) => {
          const s = getComputedStyle(document.querySelector(selector));
          return [s.backgroundColor, s.outlineStyle, s.outlineWidth, s.borderColor].join(" ");
        };
        return look(a) !== look(b);
      },
      [a, b],
    );
  assert.ok(await differ("#tab-lint", "#tab-scaffold"), "tabs");
  assert.ok(await differ('#list [aria-selected="true"]', '#list [aria-selected="false"]'), "findings");
  await page.locator("#show-info").uncheck();
  assert.ok(await differ(".pill.error span", ".pill.info span"), "pills");
  await page.getByRole("tab", { name: "Scaffold" }).click();
  assert.ok(await differ(".segments input:checked + span", ".segments input:not(:checked) + span"), "segments");
  assert.ok(await differ(".cards input:checked + span", ".cards input:not(:checked) + span"), "profiles");
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("paints and takes the form before the program is there, and nothing jumps when it comes", async () => {
  const p = await open(browser, server.url, { ready: null });
  const { page } = p;
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/core-*", async (route) => {
    await held;
    await route.continue();
  });
  await page.addInitScript(() => {
    globalThis.shifts = [];
    new PerformanceObserver((list) => {
      for (const e of list.getEntries())
        if (!e.hadRecentInput)
          globalThis.shifts.push({ value: e.value, what: e.sources.map((s) => s.node?.id || s.node?.className || s.node?.nodeName) });
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(server.url);
  await page.locator("#status", { hasText: /Loading|Starting|Opening/ }).waitFor();
  await page.getByLabel("Suffix").fill("early");
  await page.getByText("Generated files appear here").waitFor();
  release();
  await page.getByText("redis-early.yaml").first().waitFor();
  await page.locator("#checked:not([aria-busy])").waitFor();
  const shifts = await page.evaluate(() => globalThis.shifts);
  const total = shifts.reduce((n, s) => n + s.value, 0);
  console.log(`layout shift while the program loads: ${total.toFixed(4)}`);
  assert.ok(total <= 0.02, JSON.stringify(shifts));
  assert.deepEqual(p.problems, []);
  await p.context.close();
});

it("works again without a network", async () => {
  const p = await open(browser, server.url);
  const { page, context } = p;
  await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === "activated");
  await page.reload();
  await page.locator('#status[data-kind="ok"]').waitFor();
  await context.setOffline(true);
  await page.reload();
  await page.getByText("✓ Lint passed").waitFor();
  await page.getByRole("tab", { name: "Lint" }).click();
  await page.locator("#nothing", { hasText: "No findings" }).waitFor();
  await context.close();
  assert.deepEqual(p.problems, []);
});

it("is worked by keyboard alone, from the form to a fix", async () => {
  const p = await open(browser, server.url);
  const { page } = p;
  const { keyboard } = page;
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  const tabTo = async (wanted, back = false) => {
    for (let i = 0; i < 60; i++) {
      await keyboard.press(back ? "Shift+Tab" : "Tab");
      if ((await focused()) === wanted) return;
    }
    assert.fail(`Tab does not lead to ${wanted}`);
  };
  // The first stop leads past the head of the page.
  await keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  await keyboard.press("Enter");
  await tabTo("kind-resource");
  await tabTo("app");
  await keyboard.press("Control+A");
  await keyboard.type("payments");
  await tabTo("profile-queue");
  await keyboard.press("ArrowLeft");
  assert.equal(await focused(), "profile-cache");
  await tabTo("suffix");
  await keyboard.press("Control+A");
  await keyboard.type("keys");
  await tabTo("value-memory");
  await keyboard.type("2Gi");
  await page.locator(".diff .add", { hasText: "memory: 2Gi" }).first().waitFor();
  await page.locator("#checked:not([aria-busy])").waitFor();
  await tabTo("take-keep");
  await keyboard.press("Enter");
  await page.getByText("Nothing to do: already up to date.").waitFor();
  // To the other views.
  await page.getByRole("tab", { name: "Scaffold" }).focus();
  await keyboard.press("ArrowRight");
  assert.equal(await focused(), "tab-lint");
  await page.locator("#nothing, #list [role=option]").first().waitFor();
  await tabTo("strict");
  await keyboard.press("Space");
  await page.locator("#list [role=option]").first().waitFor();
  await tabTo("list");
  await keyboard.press("ArrowDown");
  await page.locator('#list [aria-selected="true"]').waitFor();
  await page.locator("#detail .doc h4").first().waitFor();
  const first = await page.locator("#detail-title").innerText();
  await keyboard.press("End");
  await page.waitForFunction((t) => document.querySelector("#detail-title")?.textContent !== t, first);
  await keyboard.press("Enter");
  assert.equal(await focused(), "detail-title");
  await tabTo("tab-lint", true);
  await keyboard.press("ArrowRight");
  assert.equal(await focused(), "tab-explore");
  await page.getByRole("button", { name: "payments-keys", exact: true }).waitFor();
  await tabTo("redis/payments/RedisFailover/default/payments-keys");
  await keyboard.press("Enter");
  await page.locator(".instance h3", { hasText: "payments-keys" }).waitFor();
  assert.equal(await focused(), "redis/payments/RedisFailover/default/payments-keys");
  assert.deepEqual(p.problems, []);
  await p.context.close();
});
