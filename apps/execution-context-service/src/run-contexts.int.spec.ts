import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import { DomainError, LIMITS, REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { grpcClient } from '@stigmer/proto';
import { ExecutionContextQueryController } from '@stigmer/proto/agentic/executioncontext/v1/query';
import { ContextVault, type CreateContextInputSchema } from '@stigmer/proto/internal/v1/context_vault';
import { OWNER_HEADER, SERVICE_NAMES } from '@stigmer/service';
import { type Collection, type Connection, createConnection } from 'mongoose';
import type { ContextDocument } from './context-document';
import { startContextService, type TestService } from './testing/context-service';

const CANARY = 'canary-5b1e77d0';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const key = randomBytes(32).toString('base64');
const OWNER = { metadata: new Metadata(), deadlineMs: 60_000 };
OWNER.metadata.set(OWNER_HEADER, 'true');
let mongo: EmbeddedServer & { readonly url: string };
let database: Connection;
let documents: Collection<ContextDocument>;
let service: TestService;
let resolver: ReturnType<TestService['as']>;
let controlPlane: ReturnType<TestService['as']>;
let runner: ReturnType<TestService['as']>;
let gateway: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  database = await createConnection(mongo.url, {
    dbName: 'stigmer_contexts',
    promoteBuffers: true,
  }).asPromise();
  // What really lies in the database: the driver's own collection, past our store.
  documents = database.collection<ContextDocument>('contexts');
  service = await startContextService({ mongoUrl: mongo.url, key });
  resolver = service.as('resolver-service');
  controlPlane = service.as('control-plane');
  runner = service.as('workflow-runner');
  gateway = service.as('gateway');
});

afterAll(async () => {
  await service.close();
  await database.close();
  await mongo.stop();
});

let count = 0;
/** The context of a new run, so that no test sees another's. */
function request(over: MessageInitShape<typeof CreateContextInputSchema> = {}) {
  count += 1;
  return {
    executionId: `aex-${count}`,
    org: 'acme',
    creator: 'alice',
    requestDigest: Buffer.from('digest'),
    data: { TOKEN: { value: CANARY, isSecret: true }, REGION: { value: 'eu' }, DEBUG: { value: '' } },
    expiresAt: inMs(HOUR),
    ...over,
  };
}

async function made(over: MessageInitShape<typeof CreateContextInputSchema> = {}): Promise<string> {
  const input = request(over);
  await resolver.vault.create(input);
  return input.executionId;
}

function inMs(ms: number): Timestamp {
  return timestampFromMs(Date.now() + ms);
}

function millis(time: Timestamp | undefined): number {
  return time === undefined ? Number.NaN : timestampDate(time).getTime();
}

async function revealed(executionId: string, as = runner): Promise<Record<string, string>> {
  const { spec } = await as.queries.getByExecutionId({ executionId });
  return Object.fromEntries(Object.entries(spec?.data ?? {}).map(([name, { value }]) => [name, value]));
}

async function raw(executionId: string): Promise<ContextDocument> {
  const document = await documents.findOne({ execution_id: executionId });
  if (document === null) throw new Error(`${executionId} is not in the database`);
  return document;
}

async function failure(action: Promise<unknown>): Promise<DomainError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

async function kindOf(action: Promise<unknown>): Promise<string> {
  return (await failure(action)).kind;
}

describe('The context of a run', () => {
  it('reveals its values to the runner, secrets and empty values too', async () => {
    const executionId = await made();
    const context = await runner.queries.getByExecutionId({ executionId });
    expect(context.metadata).toMatchObject({ id: expect.stringMatching(/^exec-[0-9a-z]{26}$/), org: 'acme' });
    expect(context.metadata?.ownerScope).toBe(0);
    expect(context.status?.audit?.specAudit?.createdBy?.id).toBe('alice');
    expect(context.spec).toMatchObject({
      executionId,
      data: {
        TOKEN: { value: CANARY, isSecret: true },
        REGION: { value: 'eu', isSecret: false },
        DEBUG: { value: '', isSecret: false },
      },
    });
  });

  it('is redacted through the gateway, whichever way it is read', async () => {
    const executionId = await made();
    const byExecution = await gateway.queries.getByExecutionId({ executionId });
    const value = byExecution.metadata?.id ?? '';
    const all = [
      byExecution,
      await gateway.queries.get({ value }),
      await gateway.queries.getByReference({ slug: value, org: 'acme' }),
    ];
    for (const { spec } of all) {
      expect(spec?.data['TOKEN']).toMatchObject({ value: REDACTED, isSecret: true });
      expect(spec?.data['REGION']).toMatchObject({ value: 'eu', isSecret: false });
    }
    expect(await kindOf(gateway.queries.getByReference({ slug: value, org: 'other' }))).toBe('not-found');
  });

  it('is not found where there is none', async () => {
    expect(await kindOf(runner.queries.getByExecutionId({ executionId: 'aex-none' }))).toBe('not-found');
    expect(await kindOf(gateway.queries.get({ value: 'exec-none' }))).toBe('not-found');
  });

  it('cannot be deleted through the gateway, which would end the run without a trace of it', async () => {
    const executionId = await made();
    const { metadata } = await gateway.queries.getByExecutionId({ executionId });
    const error = await failure(gateway.commands.delete({ resourceId: metadata?.id ?? '', force: true }));
    expect(error.kind).toBe('failed-precondition');
    expect((await revealed(executionId))['TOKEN']).toBe(CANARY);
  });

  it('leaves no value in the database nor in the log', async () => {
    const executionId = await made();
    await revealed(executionId);
    await controlPlane.vault.renew({ executionId, expiresAt: inMs(2 * HOUR) });
    const lying = JSON.stringify(await documents.find().toArray(), (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(lying).toContain(executionId);
    expect(service.lines.join('')).toContain(`"audit":"context.revealed"`);
    for (const shown of [lying, service.lines.join('')]) {
      for (const encoding of ['utf8', 'base64', 'hex'] as const) {
        expect(shown).not.toContain(Buffer.from(CANARY).toString(encoding));
      }
      expect(shown).not.toContain('REGION');
    }
  });
});

describe('Callers', () => {
  it('without an identity are refused', async () => {
    const anonymous = credentials.createInsecure();
    const queries = grpcClient(ExecutionContextQueryController, service.address, anonymous);
    const vault = grpcClient(ContextVault, service.address, anonymous);
    try {
      const calls = [
        queries.getByExecutionId({ executionId: 'aex-1' }),
        queries.get({ value: 'exec-1' }),
        vault.create(request()),
        vault.destroy({ executionId: 'aex-1' }),
        vault.list({}),
      ];
      await Promise.all(
        calls.map((call) => expect(call).rejects.toMatchObject({ code: status.UNAUTHENTICATED })),
      );
    } finally {
      queries.close();
      vault.close();
    }
  });

  it.each([
    ['create', ['resolver-service']],
    ['renew', ['control-plane']],
    ['list', ['control-plane']],
    ['destroy', ['control-plane', 'workflow-runner']],
    ['getByExecutionId', ['workflow-runner', 'gateway']],
  ] as const)('may %s only as %j', async (rpc, allowed) => {
    const executionId = await made();
    for (const name of SERVICE_NAMES.filter(
      (candidate) => !(allowed as readonly string[]).includes(candidate),
    )) {
      const { vault, queries } = service.as(name);
      const calls = {
        create: () => vault.create(request()),
        renew: () => vault.renew({ executionId, expiresAt: inMs(HOUR) }),
        list: () => vault.list({}),
        destroy: () => vault.destroy({ executionId }),
        getByExecutionId: () => queries.getByExecutionId({ executionId }),
      };
      expect([name, await kindOf(calls[rpc]())]).toEqual([name, 'permission-denied']);
    }
  });
});

describe('Creating', () => {
  it('is repeatable: the same creator with the same request gets the same answer', async () => {
    const input = request();
    const first = await resolver.vault.create(input);
    const again = await resolver.vault.create({ ...input, expiresAt: inMs(2 * HOUR) });
    expect(first.created).toBe(true);
    expect(again).toMatchObject({ id: first.id, expiresAt: first.expiresAt, created: false });
  });

  it.each([
    ['another creator', { creator: 'mallory' }],
    ['another digest', { requestDigest: Buffer.from('digesT') }],
    ['a longer digest', { requestDigest: Buffer.from('digest!') }],
    ['another organization', { org: 'other' }],
  ])('is refused to %s', async (_, different) => {
    const input = request();
    await resolver.vault.create(input);
    const error = await failure(resolver.vault.create({ ...input, ...different }));
    expect([error.kind, error.message]).toEqual([
      'already-exists',
      `ExecutionContext already exists: ${input.executionId}`,
    ]);
  });

  it('makes one context of twenty equal requests at once', async () => {
    const input = request();
    const answers = await Promise.all(Array.from({ length: 20 }, () => resolver.vault.create(input)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
  });

  it.each([
    ['a name that no variable may have', { 'NOT-A-NAME': { value: CANARY } }, 'data["NOT-A-NAME"]'],
    ['the name __proto__', { ['__proto__']: { value: CANARY } }, '__proto__'],
    ['a value over 64 KiB', { BIG: { value: CANARY.padEnd(LIMITS.valueBytes + 1, 'x') } }, 'data["BIG"]'],
    ['more than 5,000 variables', many(LIMITS.contextVariables + 1, CANARY), '5000'],
    ['more than 4 MiB', many(65, CANARY.padEnd(LIMITS.valueBytes, 'x')), String(LIMITS.contextBytes)],
  ])('refuses %s, naming it and no value', async (_, data, named) => {
    const error = await failure(resolver.vault.create(request({ data })));
    expect(error.kind).toBe('invalid-argument');
    expect(error.message).toContain(named);
    expect(error.message).not.toContain(CANARY);
  });

  it('takes 5,000 variables, and 4 MiB of control characters', async () => {
    const names = await made({ data: many(LIMITS.contextVariables, 'x') });
    expect(Object.keys(await revealed(names))).toHaveLength(LIMITS.contextVariables);
    const data = many(63, '\u0001'.repeat(LIMITS.valueBytes));
    expect((await revealed(await made({ data })))['V62']).toHaveLength(LIMITS.valueBytes);
  });

  it.each([
    ['in the past', -1_000, 'must be in the future'],
    ['more than 24 hours away', 25 * HOUR, 'must be at most 24 hours away'],
  ])('refuses an expiry %s', async (_, ms, rule) => {
    const error = await failure(resolver.vault.create(request({ expiresAt: inMs(ms) })));
    expect([error.kind, error.message]).toEqual(['invalid-argument', `expires_at: ${rule}`]);
  });

  it('lets no clock that is ahead of ours make it live longer than 24 hours', async () => {
    const { expiresAt } = await resolver.vault.create(request({ expiresAt: inMs(24 * HOUR + 30_000) }));
    expect(millis(expiresAt)).toBeLessThanOrEqual(Date.now() + 24 * HOUR);
  });
});

describe('An expired context', () => {
  it('is served to nobody, renewed by nobody, and in nobody’s way', async () => {
    let aheadMs = 0;
    const clocked = await startContextService({
      mongoUrl: mongo.url,
      key,
      clock: () => Date.now() + aheadMs,
    });
    try {
      const input = request({ expiresAt: inMs(MINUTE) });
      const { vault } = clocked.as('resolver-service');
      const { id } = await vault.create(input);
      const { executionId } = input;
      expect((await revealed(executionId, clocked.as('workflow-runner')))['TOKEN']).toBe(CANARY);
      aheadMs = MINUTE + 1_000;
      const refused = [
        clocked.as('workflow-runner').queries.getByExecutionId({ executionId }),
        clocked.as('gateway').queries.getByExecutionId({ executionId }),
        clocked.as('gateway').queries.get({ value: id }),
        clocked.as('control-plane').vault.renew({ executionId, expiresAt: inMs(HOUR) }),
      ];
      expect(await Promise.all(refused.map(kindOf))).toEqual(refused.map(() => 'not-found'));
      const again = await vault.create({ ...input, creator: 'bob', expiresAt: inMs(HOUR) });
      expect(again.created).toBe(true);
      expect(again.id).not.toBe(id);
    } finally {
      await clocked.close();
    }
  });

  it('does not come back by a later date in the database: the date is bound to the data key', async () => {
    const executionId = await made();
    await documents.updateOne(
      { execution_id: executionId },
      { $set: { expires_at: new Date(Date.now() + 9 * HOUR) } },
    );
    expect(await kindOf(revealed(executionId))).toBe('failed-precondition');
    expect(await kindOf(controlPlane.vault.renew({ executionId, expiresAt: inMs(20 * HOUR) }))).toBe(
      'failed-precondition',
    );
  });

  it('is removed by the database', async () => {
    const indexes = await documents.indexes();
    expect(indexes).toContainEqual(
      expect.objectContaining({ key: { expires_at: 1 }, expireAfterSeconds: 0 }),
    );
  });
});

describe('Renewing', () => {
  it('changes the expiry and the wrapped data key, and not one byte of the blob', async () => {
    const executionId = await made();
    const before = await raw(executionId);
    const expiresAt = inMs(20 * HOUR);
    const answer = await controlPlane.vault.renew({ executionId, expiresAt });
    const after = await raw(executionId);
    expect(millis(answer.expiresAt)).toBe(millis(expiresAt));
    expect(after.expires_at.getTime()).toBe(millis(expiresAt));
    expect(after.crypto.wdek).not.toBe(before.crypto.wdek);
    expect(after.crypto.wdek).toHaveLength(80); // 60 bytes: iv, key, tag
    const { wdek } = after.crypto;
    expect({ ...before, expires_at: after.expires_at, crypto: { ...before.crypto, wdek } }).toEqual(after);
    expect((await revealed(executionId))['TOKEN']).toBe(CANARY);
  });

  it('never shortens', async () => {
    const executionId = await made({ expiresAt: inMs(5 * HOUR) });
    const before = await raw(executionId);
    const { expiresAt } = await controlPlane.vault.renew({ executionId, expiresAt: inMs(HOUR) });
    expect(millis(expiresAt)).toBe(before.expires_at.getTime());
    expect(await raw(executionId)).toEqual(before);
  });

  it('goes on to the longest lifetime, and then the context has expired', async () => {
    const shortLived = await startContextService({ mongoUrl: mongo.url, key, maxLifetime: '2h' });
    try {
      const input = request();
      await shortLived.as('resolver-service').vault.create(input);
      const { vault } = shortLived.as('control-plane');
      const { executionId } = input;
      const { created } = await raw(executionId);
      const { expiresAt } = await vault.renew({ executionId, expiresAt: inMs(20 * HOUR) });
      expect(millis(expiresAt)).toBe(created.at.getTime() + 2 * HOUR);
      const error = await failure(vault.renew({ executionId, expiresAt: inMs(20 * HOUR) }));
      expect(error.kind).toBe('failed-precondition');
      expect(error.message).toMatch(/^context expired: the context of aex-\d+ may live until /);
    } finally {
      await shortLived.close();
    }
  });

  it('by several at once ends at the latest of their expiries', async () => {
    const executionId = await made();
    const wanted = [3, 4, 5, 6].map((hours) => inMs(hours * HOUR));
    await Promise.all(wanted.map((expiresAt) => controlPlane.vault.renew({ executionId, expiresAt })));
    expect((await raw(executionId)).expires_at.getTime()).toBe(Math.max(...wanted.map(millis)));
    expect((await revealed(executionId))['TOKEN']).toBe(CANARY);
  });

  it('of none is not found', async () => {
    const call = controlPlane.vault.renew({ executionId: 'aex-none', expiresAt: inMs(HOUR) });
    expect(await kindOf(call)).toBe('not-found');
  });
});

describe('Destroying', () => {
  it.each(['control-plane', 'workflow-runner'] as const)(
    'as %s leaves nothing, and is repeatable',
    async (name) => {
      const executionId = await made();
      const { vault } = service.as(name);
      expect(await vault.destroy({ executionId })).toMatchObject({ existed: true });
      expect(await documents.countDocuments({ execution_id: executionId })).toBe(0);
      expect(await kindOf(revealed(executionId))).toBe('not-found');
      expect(await vault.destroy({ executionId })).toMatchObject({ existed: false });
    },
  );

  it('that was interrupted after the data key leaves nothing to serve, and is finished by the next', async () => {
    const input = request();
    const { executionId } = input;
    await resolver.vault.create(input);
    await documents.updateOne({ execution_id: executionId }, { $unset: { crypto: 1 } });
    expect(await kindOf(revealed(executionId))).toBe('not-found');
    expect(await kindOf(controlPlane.vault.renew({ executionId, expiresAt: inMs(HOUR) }))).toBe('not-found');
    expect((await listed()).map((item) => item.executionId)).toContain(executionId);
    expect(await controlPlane.vault.destroy({ executionId })).toMatchObject({ existed: true });
    expect(await documents.countDocuments({ execution_id: executionId })).toBe(0);
  });

  it('beside a renewal never ends with a context', async () => {
    for (let round = 0; round < 10; round++) {
      const executionId = await made();
      const renewal = controlPlane.vault
        .renew({ executionId, expiresAt: inMs(9 * HOUR) })
        .catch(() => undefined);
      await Promise.all([renewal, controlPlane.vault.destroy({ executionId })]);
      expect(await documents.countDocuments({ execution_id: executionId })).toBe(0);
    }
  });
});

describe('Listing', () => {
  it('pages through the contexts of runs that were made before a time: names and times, never values', async () => {
    const executions = [await made(), await made(), await made()];
    const before = inMs(1);
    await sleep(5);
    const later = await made();
    const items = await listed(before);
    const ids = items.map(({ executionId }) => executionId);
    expect(ids).toEqual(expect.arrayContaining(executions));
    expect(ids).not.toContain(later);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Object.keys(items[0] ?? {}).sort()).toEqual(
      ['$typeName', 'createdAt', 'executionId', 'expiresAt', 'org'].sort(),
    );
  });
});

async function listed(createdBefore?: Timestamp) {
  const items = [];
  let pageToken = '';
  do {
    const page = await controlPlane.vault.list({
      pageSize: 2,
      pageToken,
      ...(createdBefore === undefined ? {} : { createdBefore }),
    });
    expect(page.items.length).toBeLessThanOrEqual(2);
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return items;
}

describe('A context that was tampered with', () => {
  it('does not open for another execution, though all that belongs to it came along', async () => {
    const target = await made({ data: { OWN: { value: 'own' } } });
    const source = await raw(await made());
    await documents.updateOne({ execution_id: target }, { $set: { sealed: source.sealed } });
    expect(await kindOf(revealed(target))).toBe('failed-precondition');
    const { sealed, crypto, expires_at, created, org } = source;
    await documents.updateOne(
      { execution_id: target },
      { $set: { sealed, crypto, expires_at, created, org } },
    );
    const error = await failure(revealed(target));
    expect(error.kind).toBe('failed-precondition');
    expect(error.message).toContain(`the context of ${target} cannot be opened`);
    expect(service.lines.join('')).toContain(`"execution":"${target}","err":{"type":"CryptoError"`);
    for (const text of [error.message, service.lines.join('')]) expect(text).not.toContain(CANARY);
  });

  it('is not passed off as a repetition either', async () => {
    const input = request();
    await resolver.vault.create(input);
    await documents.updateOne({ execution_id: input.executionId }, { $set: { sealed: randomBytes(200) } });
    const error = await failure(resolver.vault.create(input));
    expect([error.kind, error.message]).toEqual([
      'failed-precondition',
      expect.stringContaining(input.executionId),
    ]);
  });
});

describe('The keys of a database', () => {
  it('are checked at start: another key is refused, naming both fingerprints', async () => {
    await expect(startContextService({ mongoUrl: mongo.url })).rejects.toThrow(
      /written with the encryption key [0-9a-f]{16}, configured: [0-9a-f]{16}/,
    );
  });

  it('rotate in steps: nothing is lost, and a start without a key that is needed names it', async () => {
    const rotated = await startMongo();
    const next = randomBytes(32).toString('base64');
    try {
      const input = request();
      const { executionId } = input;
      const first = await startContextService({ mongoUrl: rotated.url, key });
      await first.as('resolver-service').vault.create(input);
      const [old] = (await first.as('gateway').keys.status({}, OWNER)).keys;
      await first.close();
      await expect(startContextService({ mongoUrl: rotated.url, key: next })).rejects.toThrow(old?.id);

      const second = await startContextService({ mongoUrl: rotated.url, key, previous: next });
      try {
        const { keys } = second.as('gateway');
        const added = (await keys.status({}, OWNER)).keys.find(({ id }) => id !== old?.id);
        await keys.promote({ id: added?.id ?? '' }, OWNER);
        expect((await revealed(executionId, second.as('workflow-runner')))['TOKEN']).toBe(CANARY);
        expect(await kindOf(keys.retire({ id: old?.id ?? '' }, OWNER))).toBe('failed-precondition');
        let status = await keys.rewrap({}, OWNER);
        while (status.rewrap?.running === true) {
          await sleep(50);
          status = await keys.status({}, OWNER);
        }
        expect(status.keys.find(({ id }) => id === old?.id)?.documents).toBe(0n);
        await keys.retire({ id: old?.id ?? '' }, OWNER);
      } finally {
        await second.close();
      }

      const third = await startContextService({ mongoUrl: rotated.url, key: next });
      expect((await revealed(executionId, third.as('workflow-runner')))['TOKEN']).toBe(CANARY);
      await third.close();
    } finally {
      await rotated.stop();
    }
  });

  it('are for the owner alone', async () => {
    expect(await kindOf(gateway.keys.status({}))).toBe('permission-denied');
    expect(await kindOf(controlPlane.keys.status({}))).toBe('permission-denied');
  });
});

function many(size: number, value: string): Record<string, { value: string }> {
  return Object.fromEntries(Array.from({ length: size }, (_, i) => [`V${i}`, { value }]));
}
