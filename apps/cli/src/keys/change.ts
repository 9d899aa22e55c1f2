import type { KeyRingStatus } from '@stigmer/proto/agentic/key/v1/io';
import { KeyState } from '@stigmer/proto/agentic/key/v1/io';
import type { Context } from '../context';
import { note } from '../output/print';
import { derivedContextKey } from './derived-key';
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
  let retired = '';
  const status = await onKey(context, prefix, flags, (keys, id) => {
    retired = id;
    return keys.retire({ id }, PATIENT);
  });
  await printStatus(context, status);
  if (flags.ring === 'environment' && context.format === 'table') await tellOfDerivedKey(context, retired);
}

/** Whoever has a laptop's root key has the context ring's key that comes from it: rotating the one leaves the other. */
async function tellOfDerivedKey(context: Context, retired: string): Promise<void> {
  const derived = derivedContextKey(context.home, retired);
  if (derived === undefined) return;
  const ring = await withKeys(context, { ring: 'context' }, (keys) => keys.status({})).catch(() => undefined);
  const state = ring?.keys.find(({ id }) => id === derived)?.state;
  // Unknown, where the contexts' service does not answer: better told once too often.
  if (ring !== undefined && (state === undefined || state === KeyState.RETIRED)) return;
  note(
    context,
    `the context ring's key ${derived} is derived from the retired one, and whoever has that one has it too; ` +
      'rotate it as well: stigmer keys add --ring context',
  );
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
