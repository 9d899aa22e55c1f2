import { randomBytes } from 'node:crypto';
import { createLogger } from '@stigmer/service';
import { idOf, ringFixture } from '../testing/fixture';
import { MemorySource } from '../testing/ring';
import { KeyAdministration } from './key-administration';

const ring = ringFixture('administration');
const alice = { service: 'gateway', actor: 'alice', owner: true } as const;

/** Commands on a ring of one key, and the audit lines that they leave. */
async function administration(key: Buffer, writable: boolean) {
  const lines: string[] = [];
  const log = createLogger('keys-spec', 'error', { write: (line: string) => void lines.push(line) });
  const opened = await ring.replica({
    connection: ring.connection,
    source: new MemorySource([key], writable),
  });
  return {
    keys: new KeyAdministration(opened, log),
    audits: () => lines.map((line) => JSON.parse(line) as { readonly audit?: string; readonly key?: string }),
  };
}

describe('the audit line of a new key', () => {
  it('names it, whatever the level of the log', async () => {
    const first = randomBytes(32);
    const { keys, audits } = await administration(first, true);
    const status = await keys.add(alice);
    const made = status.keys?.map(({ id }) => id).filter((id) => id !== idOf(first));
    expect(made).toHaveLength(1);
    expect(audits()).toEqual([expect.objectContaining({ audit: 'key.add', actor: 'alice', key: made?.[0] })]);
  });

  it('is there without one where none could be made', async () => {
    const { keys, audits } = await administration(randomBytes(32), false);
    await expect(keys.add(alice)).rejects.toMatchObject({ kind: 'failed-precondition' });
    expect(audits()).toMatchObject([{ audit: 'key.add', actor: 'alice' }]);
    expect(audits()[0]?.key).toBeUndefined();
  });
});
