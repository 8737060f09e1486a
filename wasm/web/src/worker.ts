// The Web Worker: loads the Go program and hands it calls. It is ended from outside to cancel one.

interface Scope {
  Go: new () => { importObject: WebAssembly.Imports; run(i: WebAssembly.Instance): Promise<void> };
  redisGitops(
    name: string,
    request: string,
    progress: (phase: string, done: number, total: number, found: string) => void,
    done: (answer: string) => void,
  ): void;
  redisGitopsReady(): void;
}

const scope = globalThis as unknown as Scope;

interface Packed {
  br?: string;
  gz: string;
  size: number; // unpacked
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url).catch(() => undefined);
  if (!response) throw new Error(`could not load the program: ${new URL(url).host} does not answer`);
  if (!response.ok || !response.body) throw new Error(`could not load the program: the server answers ${response.status}`);
  return response;
}

async function unpacked(base: string, program: string): Promise<Response> {
  const core: Packed = (await (await fetched(base + "core.json")).json())[program];
  let format = "gzip";
  let file = core.gz;
  if (core.br) {
    try {
      new DecompressionStream("brotli" as CompressionFormat);
      [format, file] = ["brotli", core.br];
    } catch {
      // gzip, then
    }
  }
  const response = await fetched(base + file);
  const total = Number(response.headers.get("content-length")) || 0;
  let loaded = 0;
  let told = 0;
  const counted = new TransformStream<BufferSource, BufferSource>({
    transform(chunk, controller) {
      loaded += chunk.byteLength;
      if (total && loaded - told > total / 50) {
        told = loaded;
        postMessage({ progress: { phase: "load", done: loaded, total } });
      }
      controller.enqueue(chunk);
    },
  });
  const stream = (response.body as ReadableStream<BufferSource>)
    .pipeThrough(counted)
    .pipeThrough(new DecompressionStream(format as CompressionFormat));
  return new Response(stream, { headers: { "content-type": "application/wasm" } });
}

async function start(base: string, program: string, given?: WebAssembly.Module) {
  try {
    importScripts(base + "wasm_exec.js");
  } catch {
    throw new Error("could not load the program: wasm_exec.js is missing, or the server does not answer");
  }
  const begin = performance.now();
  const module = given ?? (await WebAssembly.compileStreaming(unpacked(base, program)));
  const compiled = performance.now();
  const go = new scope.Go();
  const instance = await WebAssembly.instantiate(module, go.importObject);
  await new Promise<void>((resolve) => {
    scope.redisGitopsReady = resolve;
    void go.run(instance).then(() => postMessage({ ended: true }));
  });
  postMessage({ ready: { module: given ? undefined : module, load: compiled - begin, start: performance.now() - compiled } });
}

self.onmessage = (event: MessageEvent) => {
  const m = event.data;
  if (m.start) {
    // Held until this worker ends, however that happens.
    void navigator.locks?.request(m.lock, () => {
      postMessage({ held: true });
      return new Promise(() => {});
    });
    start(m.base, m.program, m.module).catch((e: unknown) => postMessage({ failed: String(e instanceof Error ? e.message : e) }));
    return;
  }
  scope.redisGitops(
    m.name,
    // Written and read here: a thousand applications would hold up the page.
    JSON.stringify(m.request),
    (phase, done, total, found) =>
      postMessage({ id: m.id, progress: { phase, done, total, found: found ? JSON.parse(found).findings : undefined } }),
    (text) => {
      const answer = JSON.parse(text);
      if (typeof answer.result?.report === "string") answer.result.report = answer.result.report ? JSON.parse(answer.result.report) : null;
      postMessage({ id: m.id, answer });
    },
  );
};

export {};
