import type { Problem } from "./types";
import CoreWorker from "./worker?worker";

export interface Progress {
  phase: string;
  done: number;
  total: number;
}

export class CoreError extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map((p) => p.message).join("\n"));
  }
}

export class Cancelled extends Error {}

interface Waiting {
  resolve(v: unknown): void;
  reject(e: Error): void;
  progress?: (p: Progress) => void;
}

// Core talks with the Go program in its Web Worker, one call after the other.
export class Core {
  onload: (p: Progress) => void = () => {};
  onready: (times: { load: number; start: number }) => void = () => {};
  onfail: (message: string) => void = () => {};
  // What a fresh program is told before anything else: the files of the repository.
  restore: () => unknown = () => undefined;

  private worker!: Worker;
  private module?: WebAssembly.Module;
  private ready!: Promise<void>;
  private waiting = new Map<number, Waiting>();
  private next = 1;

  constructor(private base: string) {
    this.start();
  }

  private start() {
    const w = new CoreWorker();
    this.worker = w;
    this.ready = new Promise((resolve, reject) => {
      const fail = (message: string) => {
        reject(new Error(message));
        for (const each of this.waiting.values()) each.reject(new CoreError([{ message }]));
        this.waiting.clear();
        this.onfail(message);
      };
      w.onmessage = ({ data }) => {
        if (data.ready) {
          this.module ??= data.ready.module;
          resolve();
          this.onready(data.ready);
        } else if (data.failed) fail(data.failed);
        else if (data.ended) {
          fail("the program ended, perhaps for want of memory; it was started again");
          if (this.worker === w) this.cancel();
        } else if (data.answer !== undefined) this.answer(data.id, data.answer);
        else if (data.id) this.waiting.get(data.id)?.progress?.(data.progress);
        else this.onload(data.progress);
      };
      w.onerror = (e) => fail(e.message || "the program could not be started");
    });
    this.ready.catch(() => {});
    w.postMessage({ start: true, base: this.base, module: this.module });
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
      const id = this.next++;
      this.waiting.set(id, { resolve: resolve as (v: unknown) => void, reject, progress });
      worker.postMessage({ id, name, request });
    });
  }

  // cancel ends whatever the program does, by ending the program, and starts it anew.
  cancel() {
    this.worker.terminate();
    for (const each of this.waiting.values()) each.reject(new Cancelled());
    this.waiting.clear();
    this.start();
    const files = this.restore();
    if (files) this.call("open", files).catch(() => {});
  }
}
