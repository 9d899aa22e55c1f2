import { type Key, type KeyRingStatus, KeyState, type Rewrap } from '@stigmer/proto/agentic/key/v1/io';
import type { Context } from '../context';
import { note, print } from '../output/print';
import { table } from '../output/table';
import { timeOf } from '../time';
import { bar, documentsOf } from './progress';
import { type RingFlags, statusJson, withKeys } from './rings';

const STATES: Readonly<Record<KeyState, string>> = {
  [KeyState.UNSPECIFIED]: '',
  [KeyState.ACTIVE]: 'active',
  [KeyState.STANDBY]: 'standby',
  [KeyState.MISSING]: 'MISSING',
  [KeyState.RETIRED]: 'retired',
};

/** Shows which keys there are, what depends on each, and how far a re-wrap has come. */
export async function showStatus(context: Context, flags: RingFlags): Promise<void> {
  await printStatus(context, await withKeys(context, flags, (keys) => keys.status({})));
}

/** A ring as the answer of a command. */
export async function printStatus(context: Context, status: KeyRingStatus): Promise<void> {
  await print(context, statusJson(status), () => render(status));
  const missing = status.keys.filter(({ state }) => state === KeyState.MISSING);
  if (missing.length === 0 || context.format !== 'table') return;
  const ids = missing.map(({ id }) => id).join(', ');
  note(context, `warning: documents need keys that the service does not hold: ${ids}`);
}

export function render(status: KeyRingStatus): string {
  const { ring, sources, keys, documents, legacyValues, documentsWithoutMac, rewrap, replicas } = status;
  return [
    `The ${ring} ring, with keys from ${sources.join(' and ')}`,
    '',
    table(
      ['KEY', 'STATE', 'DOCUMENTS', 'HOLDERS', 'ADDED', 'PROMOTED', 'RETIRED'],
      keys.map((key) => row(key, replicas.length)),
    ),
    '',
    `documents         ${documents}`,
    `in older forms    ${legacyValues} value${legacyValues === 1n ? '' : 's'}`,
    `without a MAC     ${documentsOf(documentsWithoutMac)}`,
    ...(rewrap === undefined ? [] : [`re-wrap           ${renderRewrap(rewrap)}`]),
    `replicas          ${replicas.map(({ id, active }) => `${id} (wraps with ${active})`).join(', ')}`,
  ].join('\n');
}

function row(key: Key, replicas: number): readonly string[] {
  const { id, state, documents, holders, addedAt, promotedAt, retiredAt } = key;
  return [
    ...[id, STATES[state], String(documents), state === KeyState.RETIRED ? '' : `${holders} of ${replicas}`],
    ...[timeOf(addedAt), timeOf(promotedAt), timeOf(retiredAt)],
  ];
}

function renderRewrap(rewrap: Rewrap): string {
  const { running, done, total, failed, finishedAt } = rewrap;
  const failures = failed > 0n ? `, ${failed} could not be opened: \`stigmer keys verify\` names them` : '';
  if (running) return `${bar(done, total)}${failures}`;
  return `finished ${timeOf(finishedAt)}, ${documentsOf(done)}${failures}`;
}
