// Sizes and times of the page, in the real browser with a cold cache, next to the budget. Exits with 1 when a size is more than
// 5 % over its ceiling. SHORT=1 leaves the thousand applications out.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { dist, example, launch, open, serve, skip, web } from "./browser.mjs";

if (skip) {
  console.error(skip);
  process.exit(2);
}
const budget = JSON.parse(readFileSync(join(web, "budget.json"), "utf8"));
const { core, full } = JSON.parse(readFileSync(join(dist, "core.json"), "utf8"));
const MB = 1e6;
let failed = false;
const row = (name, got, unit, ceiling, aim, hard) => {
  const over = ceiling !== undefined && got > ceiling * (hard ? 1.05 : 1);
  if (over && hard) failed = true;
  console.log(`${name.padEnd(44)} ${got.toFixed(unit === "MB" ? 3 : 0).padStart(9)} ${unit.padEnd(3)} ceiling ${String(ceiling ?? "–").padStart(6)}  aim ${String(aim ?? "–").padStart(6)}${over ? "  OVER" : ""}`);
};

const page = ["index.html", ...readdirSync(join(dist, "assets")).map((f) => "assets/" + f)].reduce((n, f) => n + brotliCompressSync(readFileSync(join(dist, f))).length, 0);
row("page without the program, brotli", page / MB, "MB", budget.pageMB, 0.06, true);
row("program, brotli", statSync(join(dist, core.br)).size / MB, "MB", budget.coreMB, 2.3, true);
row("program with OPA, for rules of a repository", statSync(join(dist, full.br)).size / MB, "MB", budget.fullMB, undefined, true);
row("program, gzip", statSync(join(dist, core.gz)).size / MB, "MB");
row("program, unpacked", core.size / MB, "MB");

const server = await serve();
const browser = await launch();
try {
  const p = await open(browser, server.url, { ready: false });
  const paint = await p.page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  row("first paint", await paint.jsonValue(), "ms", 150);
  await p.page.locator('#status[data-kind="ok"]').waitFor();
  const measure = (name) => p.page.evaluate((n) => performance.getEntriesByName(n)[0].duration, name);
  row("program: fetch, unpack, compile", await measure("core-load"), "ms");
  row("program: start after that", await measure("core-start"), "ms", 600);
  await p.page.getByText("Passes every check").waitFor();
  const timed = (f) => p.page.evaluate(f);
  const change = await timed(async () => {
    const times = [];
    const input = document.getElementById("value-memory");
    for (let i = 1; i <= 12; i++) {
      const start = performance.now();
      input.value = i + "Gi";
      const shown = new Promise((resolve) => {
        const o = new MutationObserver(() => {
          if (document.getElementById("preview").textContent.includes("memory: " + i + "Gi")) o.disconnect(), resolve(performance.now());
        });
        o.observe(document.getElementById("preview"), { childList: true, subtree: true });
      });
      input.dispatchEvent(new Event("input", { bubbles: true }));
      const preview = (await shown) - start;
      while (!/Passes|Checks:/.test(document.querySelector("#checked h3")?.textContent)) await new Promise((r) => setTimeout(r, 2));
      times.push([preview, performance.now() - start]);
    }
    const middle = (n) => times.map((t) => t[n]).sort((a, b) => a - b)[times.length >> 1];
    return [middle(0), middle(1)];
  });
  row("form change to preview, with 10 ms of waiting", change[0], "ms", 30);
  row("form change to preview and checks", change[1], "ms", 30);
  const lintTime = async () => {
    const text = await p.page.locator("#status-text", { hasText: "Checked in" }).innerText();
    return Number(text.replace(/\D/g, ""));
  };
  await p.page.getByRole("tab", { name: "Lint" }).click();
  await lintTime();
  const times = [];
  for (let i = 0; i < 6; i++) {
    await p.page.evaluate(() => (document.getElementById("status-text").textContent = ""));
    await p.page.locator("#strict").click();
    times.push(await lintTime());
  }
  row("lint of the example, again", times.sort((a, b) => a - b)[2], "ms", 150);
  if (!process.env.SHORT) {
    const { zip } = await import("./archive.mjs");
    const files = [];
    for (const name of ["Chart.yaml", "values.yaml", "templates/redis.yaml"]) {
      const text = readFileSync(join(example, "applications/payments", name), "utf8");
      for (let i = 0; i < 1000; i++) files.push([`repo/applications/app${i}/${name}`, text.replaceAll("payments", "app" + i)]);
    }
    await p.page.evaluate(() => {
      globalThis.long = [];
      new PerformanceObserver((l) => globalThis.long.push(...l.getEntries().map((e) => e.duration))).observe({ type: "longtask" });
      document.getElementById("status-text").textContent = "";
    });
    const start = performance.now();
    await p.page.locator("#zip").setInputFiles({ name: "r.zip", mimeType: "application/zip", buffer: zip(files) });
    p.page.setDefaultTimeout(300_000);
    row("lint of 1,000 applications", await lintTime(), "ms", 15_000);
    row("the same with unpacking and opening", performance.now() - start, "ms");
    row("longest task of the page meanwhile", Math.max(0, ...(await p.page.evaluate(() => globalThis.long))), "ms", 100);
  }
} finally {
  await browser.close();
  server.close();
}
if (failed) console.error("a size is more than 5 % over its ceiling");
process.exit(failed ? 1 : 0);
