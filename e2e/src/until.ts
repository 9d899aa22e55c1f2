import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@stigmer/domain';

const DEADLINE_MS = 240_000;

/** Asks until the answer is not undefined, and returns it; throws what it waited for once the deadline is over. */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await sleep(250);
  }
}

/** Asks again while the answer is UNAVAILABLE: just after a restart the gateway may not have found a service again. */
export async function patiently<T>(action: () => Promise<T>): Promise<T> {
  const { answer } = await until('the service answers', async () => {
    try {
      return { answer: await action() };
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'unavailable') return undefined;
      throw error;
    }
  });
  return answer;
}
