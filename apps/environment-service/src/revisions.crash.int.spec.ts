import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMongo } from '@stigmer/embedded';
import { type EnvironmentRow, fromRow } from './environment-row';
import { outgoingRow } from './revisions.store';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { environment, failure, idOf, orgOf, raw } from './testing/environments';

const key = randomBytes(32).toString('base64');
type Client = ReturnType<TestService['as']>;

async function count(client: Client, id: string, value: number) {
  const variables = { COUNTER: { value: String(value), isSecret: true } };
  return client.commands.updateVariables({ environmentId: id, variables });
}

/** Each version's number and what COUNTER was in it, the oldest first. */
async function counters(service: TestService, id: string, org: string) {
  const { items } = await service.as('gateway').queries.history({ environmentId: id, pageSize: 500 });
  const versions = items.toReversed();
  const references = versions.map(({ number }) => ({ slug: id, version: String(number) }));
  const { environments, missing } = await service.as('resolver-service').vault.open({ org, references });
  expect(missing).toEqual([]);
  return versions.map(({ number, id: version }, index) => ({
    ...{ number, version, counter: environments[index]?.data['COUNTER']?.value },
  }));
}

describe('A write that is interrupted', () => {
  it('between its two steps has lost and invented nothing, and the next one goes on', async () => {
    const mongo = await startMongo();
    const service = await startEnvironmentService({ mongoUrl: mongo.url, key });
    try {
      const client = service.as('gateway');
      const made = await client.commands.create(environment({ COUNTER: { value: '1', isSecret: true } }));
      const id = idOf(made);
      await count(client, id, 2);
      // The outgoing version is kept, and then the process is gone: what the first step leaves, by itself.
      await raw(mongo.url, async (db) => {
        const row = await db.collection<EnvironmentRow>('environments').findOne({ _id: id });
        if (row === null) throw new Error('the environment is not there');
        await db.collection<{ _id: string }>('revisions').insertOne(outgoingRow(fromRow(row)));
      });
      expect((await counters(service, id, orgOf(made))).map(({ counter }) => counter)).toEqual(['1', '2']);
      await count(client, id, 3);
      await count(client, id, 4);
      expect(await counters(service, id, orgOf(made))).toMatchObject(
        [1, 2, 3, 4].map((number) => ({ number, counter: String(number) })),
      );
    } finally {
      await service.close();
      await mongo.stop();
    }
  });

  it('by a database that is killed under load leaves whole histories, with every acknowledged version', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stigmer-revisions-'));
    const acknowledged = new Map<string, number>();
    const orgs = new Map<string, string>();
    try {
      for (let round = 0; round < 2; round++) {
        const mongo = await startMongo({ dataDir: folder });
        const service = await startEnvironmentService({ mongoUrl: mongo.url, key });
        try {
          const client = service.as('gateway');
          for (const [id, last] of acknowledged) {
            const versions = await counters(service, id, orgs.get(id) ?? '');
            expect(versions.map(({ number }) => number)).toEqual(versions.map((_, i) => i + 1));
            // The last write may have been done without anybody hearing of it, and none beyond that.
            expect([last, last + 1]).toContain(versions.length);
            expect(versions.map(({ counter }) => counter)).toEqual(versions.map((_, i) => String(i + 1)));
            acknowledged.set(id, versions.length);
          }
          for (let i = acknowledged.size; i < 4; i++) {
            const made = await client.commands.create(
              environment({ COUNTER: { value: '1', isSecret: true } }),
            );
            acknowledged.set(idOf(made), 1);
            orgs.set(idOf(made), orgOf(made));
          }
          let alive = true;
          const writing = [...acknowledged].map(async ([id, from]) => {
            for (let next = from + 1; ; next++) {
              await count(client, id, next);
              acknowledged.set(id, next);
              if (alive && next >= from + 5 + round) {
                alive = false;
                process.kill(mongo.pid, 'SIGKILL');
              }
            }
          });
          const ends = await Promise.allSettled(writing);
          for (const end of ends) {
            expect(end).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
          }
        } finally {
          await service.close();
          await mongo.stop();
        }
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 120_000);
});

describe('A ciphertext that was moved', () => {
  it('to another key, another version’s other key or another environment does not open, in no version', async () => {
    const mongo = await startMongo();
    const service = await startEnvironmentService({ mongoUrl: mongo.url, key });
    try {
      const client = service.as('gateway');
      const secret = (value: string) => ({ value, isSecret: true });
      const make = async () => {
        const made = await client.commands.create(environment({ ONE: secret('1'), TWO: secret('2') }));
        const variables = { ONE: secret('one'), TWO: secret('two') };
        await client.commands.updateVariables({ environmentId: idOf(made), variables });
        return made;
      };
      const [victim, other] = [await make(), await make()];
      const open = (version: string) =>
        service.as('resolver-service').vault.open({
          ...{ org: orgOf(victim), references: [{ slug: idOf(victim), version }] },
        });
      type Row = { _id: string; lineage: string; data: Record<string, { value: string }> };
      const swapped = (collection: string, of: object, value: string) =>
        raw(mongo.url, async (db) => {
          const rows = db.collection<Row>(collection);
          const before = (await rows.findOne(of))?.data['ONE']?.value;
          await rows.updateOne(of, { $set: { 'data.ONE.value': value } });
          return () =>
            raw(mongo.url, (again) =>
              again.collection<Row>(collection).updateOne(of, { $set: { 'data.ONE.value': before } }),
            );
        });
      const rowsOf = (resource: typeof victim) =>
        raw(mongo.url, async (db) => {
          const current = await db.collection<Row>('environments').findOne({ _id: idOf(resource) });
          const past = await db.collection<Row>('revisions').findOne({ lineage: current?.lineage ?? '' });
          if (current === null || past === null) throw new Error('not stored');
          return { current, past };
        });
      const [here, there] = [await rowsOf(victim), await rowsOf(other)];
      const past = { collection: 'revisions', of: { _id: here.past._id }, version: '1' };
      const current = { collection: 'environments', of: { _id: here.current._id }, version: '' };
      for (const { collection, of, version } of [past, current]) {
        const foreign = [
          here.past.data['TWO'],
          here.current.data['TWO'],
          there.past.data['ONE'],
          there.current.data['ONE'],
        ];
        for (const moved of foreign) {
          const undo = await swapped(collection, of, moved?.value ?? '');
          // A run's answer is never from a cache that does not know of it: the version alone does not tell.
          const fresh = await startEnvironmentService({ mongoUrl: mongo.url, key });
          try {
            const error = await failure(
              fresh
                .as('resolver-service')
                .vault.open({ org: orgOf(victim), references: [{ slug: idOf(victim), version }] }),
            );
            expect(error.kind).toBe('failed-precondition');
            expect(error.message).toContain('was changed past the service');
            // Not by its place among the rest alone: the ciphertext itself opens nowhere else.
            const failures: string[] = [];
            for await (const step of fresh.as('gateway').keys.verify({}, fresh.owner))
              failures.push(...step.failures.map(({ name }) => name));
            expect(failures.sort()).toEqual(['', 'ONE']);
          } finally {
            await fresh.close();
          }
          await undo();
        }
        expect((await open(version)).environments).toHaveLength(1);
      }
    } finally {
      await service.close();
      await mongo.stop();
    }
  });
});
