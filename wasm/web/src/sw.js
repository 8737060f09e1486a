// Keeps the page for the next visit. A new version of the page is a new list of files, and takes over when the last tab of the
// old one is gone.
const files = [
  /* files */
];
const name = "redis-gitops-VERSION";

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(name);
      await cache.addAll(files);
      const { core } = await (await cache.match("core.json")).json();
      await cache.add(core[typeof core.br === "string" && brotli() ? "br" : "gz"]);
    })(),
  );
});

function brotli() {
  try {
    new DecompressionStream("brotli");
    return true;
  } catch {
    return false;
  }
}

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const other of await caches.keys()) if (other.startsWith("redis-gitops-") && other !== name) await caches.delete(other);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || url.pathname.includes("/api/")) return;
  event.respondWith(
    (async () => {
      const cache = await caches.open(name);
      const kept = await cache.match(event.request, { ignoreSearch: true });
      if (kept) return kept;
      const answer = await fetch(event.request);
      // The program for repositories with rules of their own is kept when one has been opened.
      if (answer.ok && /\/full-\w+\.wasm\.\w+$/.test(url.pathname)) event.waitUntil(cache.put(event.request, answer.clone()));
      return answer;
    })(),
  );
});
