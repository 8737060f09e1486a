// What the tests share: the built page on a sub-path of a server on loopback, and a browser that may reach nothing else.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const web = join(dirname(fileURLToPath(import.meta.url)), "..");
export const dist = join(web, "dist");
export const shots = join(web, "shots");
mkdirSync(shots, { recursive: true });
export const executable = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find((p) => p && existsSync(p));
export const skip = !executable
  ? "needs Chromium, which is not installed"
  : !existsSync(join(dist, "core.json"))
    ? "needs the built page; run make web"
    : false;

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
export const prefix = "/some/sub/path/";

export function serve() {
  const is = {}; // missing: what it has not, for once
  const server = createServer((req, res) => {
    const path = decodeURIComponent(new URL(req.url, "http://x").pathname);
    if (!path.startsWith(prefix) || is.missing?.test(path)) return void res.writeHead(404).end();
    const file = join(dist, normalize(path.slice(prefix.length) || "index.html"));
    if (!file.startsWith(dist) || !existsSync(file)) return void res.writeHead(404).end();
    const body = readFileSync(file);
    res.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-length": body.length }).end(body);
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve(
        Object.assign(is, {
          url: `http://127.0.0.1:${server.address().port}${prefix}`,
          close: () => {
            server.closeAllConnections();
            server.close();
          },
        }),
      ),
    ),
  );
}

export const launch = (...args) =>
  chromium.launch({ executablePath: executable, args: ["--no-sandbox", "--disable-dev-shm-usage", ...args] });

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
export const modes = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { colorScheme: "light", ...phone },
  forced: { colorScheme: "dark", forcedColors: "active" },
  "phone-dark": { colorScheme: "dark", ...phone },
};

// slow is how long a step may take: machines that test are busy.
export const slow = Number(process.env.SLOW ?? 90_000);

// open opens the page. Requests to anywhere but its server are refused; those, and what the console says, are in problems. With
// ready: false it does not wait for the program, with null it opens nothing yet.
export async function open(browser, url, { allowed = [], ready = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: new URL(url).origin });
  const problems = [];
  await context.route("**/*", (route) => {
    const to = route.request().url();
    if (to.startsWith(new URL(".", url).href) || to.startsWith("blob:") || to.startsWith("data:")) return route.continue();
    problems.push("request to " + to);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(slow);
  page.on("console", (m) => {
    if (["error", "warning"].includes(m.type()) && !allowed.some((a) => a.test(m.text())))
      problems.push(`console ${m.type()}: ${m.text()}`);
  });
  page.on("pageerror", (e) => problems.push("error: " + e.message));
  if (ready !== null) await page.goto(url);
  if (ready) await page.locator('#status[data-kind="ok"]').waitFor();
  return { context, page, problems };
}

export const example = join(web, "..", "..", "examples", "devops-repo");
