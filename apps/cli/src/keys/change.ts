import type { KeyRingStatus } from '@stigmer/proto/agentic/key/v1/io';
import { KeyState } from '@stigmer/proto/agentic/key/v1/io';
import type { Context } from '../context';
import { note } from '../output/print';
import { idOf, type Keys, PATIENT, type RingFlags, withKeys } from './rings';
import { printStatus } from './status';

/** Makes a key where the ring's source can keep one. */
export async function addKey(context: Context, flags: RingFlags): Promise<void> {
  const { before, after } = await withKeys(context, flags, async (keys) => ({
    before: await keys.status({}),
    after: await keys.add({}, PATIENT),
  }));
  await printStatus(context, after);
  const known = new Set(before.keys.map(({ id }) => id));
  const added = after.keys.find(({ id, state }) => state === KeyState.STANDBY && !known.has(id));
  if (added !== undefined && context.format === 'table') {
    note(context, `added ${added.id}; back it up, then: stigmer keys promote ${added.id}${ringFlag(flags)}`);
  }
}

/** Makes a key the active one. */
export async function promoteKey(context: Context, prefix: string, flags: RingFlags): Promise<void> {
  const status = await onKey(context, prefix, flags, (keys, id) => keys.promote({ id }, PATIENT));
  await printStatus(context, status);
  if (context.format === 'table') {
    note(context, `what older keys wrapped stays readable; next: stigmer keys rewrap${ringFlag(flags)}`);
  }
}

/** Ends a key's use for ever. */
export async function retireKey(context: Context, prefix: string, flags: RingFlags): Promise<void> {
  await printStatus(context, await onKey(context, prefix, flags, (keys, id) => keys.retire({ id }, PATIENT)));
}

function onKey(
  context: Context,
  prefix: string,
  flags: RingFlags,
  action: (keys: Keys, id: string) => Promise<KeyRingStatus>,
): Promise<KeyRingStatus> {
  return withKeys(context, flags, async (keys) => action(keys, idOf(await keys.status({}), prefix)));
}

function ringFlag({ ring }: RingFlags): string {
  return ring === 'environment' ? '' : ` --ring ${ring}`;
}
