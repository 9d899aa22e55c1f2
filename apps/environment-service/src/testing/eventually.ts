import { setTimeout as sleep } from 'node:timers/promises';

/** For what hangs, not for what is slow. */
const LIMIT_MS = 120_000;

/** Looks again until it is so; the last look is what the test asserts. */
export async function eventually<T>(look: () => Promise<T> | T, isSo: (value: T) => boolean): Promise<T> {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await look();
    if (isSo(value) || Date.now() > end) return value;
    await sleep(50);
  }
}
