import { parentPort } from 'node:worker_threads';
import { loadJq } from 'jq-wasm';

/** A thread that runs jq programs one after another; `jq.ts` ends it when one takes too long. */
interface Job {
  readonly program: string;
  readonly input: string;
}

const PAGE_BYTES = 64 * 1024;
const MAX_PAGES = (256 * 1024 * 1024) / PAGE_BYTES;

/** What this file uses of WebAssembly: Node's types leave it to the browser's. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
const { Memory } = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Memory: { readonly prototype: Memory };
};

// The thread's heap limit does not count WebAssembly's memory, so `"x" * 1e9` could take the whole runner with it.
const grow = Reflect.get(Memory.prototype, 'grow');
Memory.prototype.grow = function (pages) {
  if (this.buffer.byteLength / PAGE_BYTES + pages > MAX_PAGES) throw new RangeError('too much memory');
  return Reflect.apply(grow, this, [pages]);
};

// Loading takes some fifty milliseconds: spent before the first program arrives.
void loadJq().then((jq) => {
  parentPort?.on('message', ({ program, input }: Job) => {
    parentPort?.postMessage(jq.raw(input, program, ['-c']));
  });
  parentPort?.postMessage({ stdout: '', stderr: '', exitCode: 0 });
});
