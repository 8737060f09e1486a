import type { Finding, Opened, Problem } from "./types";
import CoreWorker from "./worker?worker";

export interface Progress {
  phase: string;
  done: number;
  total: number;
  found?: Finding[]; // of a lint that goes on, each once
}

export class CoreError extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map((p) => p.message).join("\n"));
  }
}

export class Cancelled extends Error {}

const patience = 20_000; // ms

interface Waiting {
  resolve(v: unknown): void;
  reject(e: Error): void;
  progress?: (p: Progress) => void;
}

// Core talks with the Go program in its Web Worker, one call after the other.
export class Core {
  onload: (p: Progress) => void = () => {};
  onready: (times: { load: number; start: number }) => void = () => {};
  // The program could not be loaded, or has stopped; restart starts it again.
  onfail: (message: string) => void = () => {};
  // It has not said anything for a while, although something was asked.
  onquiet: (quiet: boolean) => void = () => {};
  // What a fresh program is told before anything else: the files of the repository.
  restore: () => unknown = () => undefined;

  private worker!: Worker;
  private program = "core";
  private modules: Record<string, WebAssembly.Module> = {};
  private ready!: Promise<void>;
  private waiting = new Map<number, Waiting>();
  private next = 1;
  private heard = 0; // when the program last said something
  private quiet = false;

  constructor(private base: string) {
    this.start();
    setInterval(() => this.listen(), 1000);
  }

  // listen notices when a program at work says nothing. It may be busy with something large, so that nothing is done about it here.
  private listen() {
    const quiet = this.waiting.size > 0 && performance.now() - this.heard > patience;
    if (quiet === this.quiet) return;
    this.quiet = quiet;
    this.onquiet(quiet);
  }

  private start() {
    const w = new CoreWorker();
    const program = this.program;
    this.worker = w;
    const lock = crypto.randomUUID?.() ?? String(Math.random()); // there is none without TLS, except on loopback
    this.ready = new Promise((resolve, reject) => {
      const fail = (message: string) => {
        reject(new Error(message));
        for (const each of this.waiting.values()) each.reject(new CoreError([{ message }]));
        this.waiting.clear();
        if (this.worker === w) this.onfail(message);
      };
      // A worker holds a lock for as long as it lives, and ends without an event when it runs out of memory or is closed.
      const watch = () =>
        navigator.locks?.request(lock, () => {
          if (this.worker === w) fail("the program has stopped, possibly because it ran out of memory");
        });
      w.onmessage = ({ data }) => {
        this.heard = performance.now();
        if (data.held) void watch();
        else if (data.ready) {
          if (data.ready.module) this.modules[program] = data.ready.module;
          resolve();
          this.onready(data.ready);
        } else if (data.failed) fail(data.failed);
        else if (data.ended) fail("the program has crashed, possibly because it ran out of memory");
        else if (data.answer !== undefined) this.answer(data.id, data.answer);
        else if (data.id) this.waiting.get(data.id)?.progress?.(data.progress);
        else this.onload(data.progress);
      };
      w.onerror = (e) => fail(e.message || "could not start the program");
    });
    this.ready.catch(() => {});
    w.postMessage({ start: true, base: this.base, program, module: this.modules[program], lock });
  }

  private answer(id: number, a: { result?: unknown; error?: { problems: Problem[] } }) {
    const w = this.waiting.get(id);
    this.waiting.delete(id);
    if (a.error) w?.reject(new CoreError(a.error.problems));
    else w?.resolve(a.result);
  }

  async call<T>(name: string, request: unknown = {}, progress?: (p: Progress) => void): Promise<T> {
    const worker = this.worker;
    await this.ready;
    if (worker !== this.worker) throw new Cancelled();
    return new Promise<T>((resolve, reject) => {
      if (this.waiting.size === 0) this.heard = performance.now();
      const id = this.next++;
      this.waiting.set(id, { resolve: resolve as (v: unknown) => void, reject, progress });
      worker.postMessage({ id, name, request });
    });
  }

  // opened asks for what describes the repository: "open", or "files". One with rules of its own needs another program, which is
  // loaded then and opens the same files.
  async opened(name: "open" | "files", request: unknown): Promise<Opened> {
    const opened = await this.call<Opened>(name, request);
    if (!opened.program || opened.program === this.program) return opened;
    const before = this.program;
    this.begin(opened.program);
    try {
      return await this.call<Opened>("open", name === "open" ? request : this.restore());
    } catch (e) {
      if (e instanceof Cancelled) throw e;
      this.begin(before);
      throw new Error(
        `this repository has custom rules, and the program that evaluates them could not be loaded: ${e instanceof Error ? e.message : e}`,
      );
    }
  }

  // begin starts a program in the place of the one that runs.
  private begin(program: string) {
    this.program = program;
    this.worker.terminate();
    for (const each of this.waiting.values()) each.reject(new Cancelled());
    this.waiting.clear();
    this.start();
  }

  // cancel ends whatever the program does, by ending the program, and starts it anew.
  cancel() {
    void this.restart().catch(() => {});
  }

  async restart() {
    this.begin(this.program);
    const files = this.restore();
    if (files) await this.call("open", files);
  }
}
