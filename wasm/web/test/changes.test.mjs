// What is kept and fixed in a tab: it is what was shown, it stays in sight, and it can be taken along as one patch.
import assert from "node:assert/strict";
import { open } from "./browser.mjs";
import { browser, everywhere, server } from "./suite.mjs";

const clean = (p) => assert.deepEqual(p.problems, []);

everywhere("what is kept is what was shown, also when the form has just changed", async (mode) => {
  const p = await open(browser, server.url, mode);
  const { page } = p;
  await page.locator("#checked:not([aria-busy])").waitFor();
  // In one task of the page: the plan for the new form cannot be there yet.
  const clicked = await page.evaluate(() => {
    const app = document.getElementById("app");
    app.value = "reports";
    app.dispatchEvent(new Event("input", { bubbles: true }));
    const keep = document.getElementById("take-keep");
    keep.click();
    document.getElementById("take-patch").click();
    return {
      busy: document.getElementById("preview").getAttribute("aria-busy"),
      disabled: keep.getAttribute("aria-disabled"),
      old: document.getElementById("preview").textContent.includes("applications/shop/"),
    };
  });
  assert.deepEqual(clicked, { busy: "true", disabled: "true", old: true });
  await page.locator("#preview:not([aria-busy]) .path", { hasText: "applications/reports/" }).first().waitFor();
  await page.locator("#checked:not([aria-busy])").waitFor();
  assert.equal(await page.getByText("Nothing to do: already up to date.").count(), 0);
  await page.getByRole("button", { name: "Keep in this tab" }).click();
  await page.getByText("Nothing to do: already up to date.").waitFor();
  await page.getByRole("tab", { name: "Explore" }).click();
  await page.getByRole("button", { name: "reports-jobs", exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "shop-jobs", exact: true }).count(), 0);
  clean(p);
  await p.context.close();
});
