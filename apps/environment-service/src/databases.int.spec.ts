import { randomBytes } from 'node:crypto';
import { parseKey } from '@stigmer/crypto';
import { startMongo } from '@stigmer/embedded';
import { startEnvironmentService } from './testing/environment-service';
import { environment, idOf, kindOf, raw, versionOf } from './testing/environments';

const CANARY = 'canary-7f3a9c1e';
const key = randomBytes(32).toString('base64');

describe('The keys of a database', () => {
  it('are checked against its documents too: a key that one still needs cannot be left out', async () => {
    const restored = await startMongo();
    try {
      const first = await startEnvironmentService({ mongoUrl: restored.url, key });
      await first.as('gateway').commands.create(environment({}));
      await first.close();
      const next = randomBytes(32).toString('base64');
      // With the old key beside it, the service starts with the new one, which wraps nothing yet.
      await (await startEnvironmentService({ mongoUrl: restored.url, key: next, previous: key })).close();
      const early = startEnvironmentService({ mongoUrl: restored.url, key: next });
      await expect(early).rejects.toThrow(/written with the encryption key/);

      // A restore that brought the documents and not the record: the wrong key is refused, and is not remembered.
      await dropKeyRecord(restored.url);
      await expect(startEnvironmentService({ mongoUrl: restored.url })).rejects.toThrow(/written with/);
      await (await startEnvironmentService({ mongoUrl: restored.url, key })).close();
    } finally {
      await restored.stop();
    }
  });

  it('are checked at start: another key is refused, naming both fingerprints', async () => {
    const mongo = await startMongo();
    try {
      await (await startEnvironmentService({ mongoUrl: mongo.url, key })).close();
      const start = startEnvironmentService({ mongoUrl: mongo.url });
      await expect(start).rejects.toThrow(
        /written with the encryption key [0-9a-f]{16}, configured: [0-9a-f]{16}/,
      );
    } finally {
      await mongo.stop();
    }
  });

  it('rotate: what the old key sealed is read, and moved to the new one at its next write', async () => {
    const rotated = await startMongo();
    try {
      const resource = environment({ T: { value: CANARY, isSecret: true } });
      const first = await startEnvironmentService({ mongoUrl: rotated.url, key });
      const made = await first.as('gateway').commands.create(resource);
      await first.close();

      const next = randomBytes(32).toString('base64');
      const second = await startEnvironmentService({ mongoUrl: rotated.url, key: next, previous: key });
      await second.as('gateway').keys.promote({ id: parseKey(next).id }, second.owner);
      const written = await second.as('gateway').commands.apply(resource);
      expect(versionOf(written)).toBe(versionOf(made));
      await second.close();

      const third = await startEnvironmentService({ mongoUrl: rotated.url, key: next });
      const value = await third
        .as('gateway')
        .queries.getSecretValue({ environmentId: idOf(made), key: 'T' }, third.owner);
      expect(value.value).toBe(CANARY);
      await third.close();
    } finally {
      await rotated.stop();
    }
  });
});

describe('A database that goes away', () => {
  it('makes the service unavailable, which callers retry, and ends nothing', async () => {
    const lost = await startMongo();
    const alone = await startEnvironmentService({ mongoUrl: lost.url, key, logLevel: 'error' });
    try {
      const client = alone.as('gateway');
      const made = await client.commands.create(environment({ T: { value: CANARY, isSecret: true } }));
      // The audit does not depend on the level of the log.
      await client.queries.getSecretValue({ environmentId: idOf(made), key: 'T' }, alone.owner);
      expect(alone.lines.filter((line) => line.includes('secret.revealed'))).toHaveLength(1);
      await lost.stop();
      // Rpcs that clients do not try again by themselves.
      const removal = { environmentId: idOf(made), keys: ['T'] };
      const refused = [client.commands.create(environment({})), client.commands.removeVariables(removal)];
      expect(await Promise.all(refused.map(kindOf))).toEqual(['unavailable', 'unavailable']);
    } finally {
      await alone.close();
      await lost.stop();
    }
  });
});

async function dropKeyRecord(url: string): Promise<void> {
  await raw(url, (db) => db.collection('key_ring').deleteMany({}));
}
