import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { defineConfig, type Plugin } from "vite";

// The example repositories, each as one file that the page fetches when somebody wants it.
const examples = {
  "example.json": join(import.meta.dirname, "..", "..", "examples", "devops-repo"),
  "broken.json": join(import.meta.dirname, "broken"),
};

function exampleRepositories(): Plugin {
  const walk = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)]));
  return {
    name: "example-repositories",
    generateBundle() {
      for (const [fileName, dir] of Object.entries(examples)) {
        const files = walk(dir)
          .sort()
          .map((f) => ({ path: relative(dir, f).replaceAll("\\", "/"), text: readFileSync(f, "utf8") }));
        this.emitFile({ type: "asset", fileName, source: JSON.stringify(files) });
      }
    },
  };
}

// The service worker knows every file of the page by name, so that the second visit needs no network.
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    enforce: "post",
    generateBundle(_, bundle) {
      const own = Object.keys(bundle)
        .filter((name) => name !== "sw.js")
        .sort();
      const list = ["./", ...own.filter((n) => n !== "index.html"), "wasm_exec.js", "core.json", "icon.svg"];
      const template = readFileSync(join(import.meta.dirname, "src", "sw.js"), "utf8");
      const source = template.replace(/\[\s*\/\* files \*\/\s*\]/, JSON.stringify(list));
      if (source === template) throw new Error("src/sw.js has no place for the list of files");
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  };
}

export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  worker: { format: "iife" },
  plugins: [exampleRepositories(), serviceWorker()],
});
