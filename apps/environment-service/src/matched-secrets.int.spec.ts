import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { environment, idOf, orgOf } from './testing/environments';

const CANARY = 'canary-guess-7f20';
let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  // An audit is written down whatever the level of the log.
  service = await startEnvironmentService({ mongoUrl: mongo.url, logLevel: 'error' });
  gateway = service.as('gateway');
});

afterAll(async () => {
  await service.close();
  await mongo.stop();
});

const secret = (value: string) => ({ value, isSecret: true });

function make() {
  return gateway.commands.create(
    environment({ TOKEN: secret(CANARY), OTHER: secret('another one'), PLAIN: { value: 'x' } }),
  );
}

function set(environmentId: string, variables: Record<string, { value: string; isSecret?: boolean }>) {
  return gateway.commands.updateVariables({ environmentId, variables }, service.owner);
}

/** Who was told of which secrets that they have the value that was written. */
function matches(id: string): readonly object[] {
  return service.lines
    .map(
      (line) => JSON.parse(line) as { audit?: string; environment?: string; actor: string; keys: string[] },
    )
    .filter(({ audit, environment: of }) => audit === 'secret.matched' && of === id)
    .map(({ actor, keys }) => ({ actor, keys }));
}

describe('A write that gives a secret the value that it has', () => {
  it('leaves an audit line: who, which environment and which variables, and no value', async () => {
    const made = await make();
    const id = idOf(made);
    await set(id, { TOKEN: secret(CANARY) });
    await gateway.commands.apply(
      environment({ TOKEN: secret(CANARY), OTHER: secret('another one') }, { id, org: orgOf(made) }),
      service.owner,
    );
    expect(matches(id)).toEqual([
      { actor: 'alice', keys: ['TOKEN'] },
      { actor: 'alice', keys: ['OTHER', 'TOKEN'] },
    ]);
    expect(service.lines.join('')).not.toContain(CANARY);
  });

  it('leaves it also where the write changes something else', async () => {
    const id = idOf(await make());
    await set(id, { TOKEN: secret(CANARY), PLAIN: { value: 'y' } });
    expect(matches(id)).toEqual([{ actor: 'alice', keys: ['TOKEN'] }]);
  });

  it('is seen where the guess is written in its place, and going back to it shows that it was right', async () => {
    const id = idOf(await make());
    await gateway.commands.removeVariables({ environmentId: id, keys: ['TOKEN'] }, service.owner);
    await set(id, { TOKEN: secret(CANARY) });
    expect(matches(id)).toEqual([]);
    await gateway.commands.rollback({ environmentId: id, version: '1' }, service.owner);
    expect(matches(id)).toEqual([{ actor: 'alice', keys: ['TOKEN'] }]);
  });
});

describe('A write that gives a secret another value, or none', () => {
  it('leaves no such line: not a wrong guess, nor what was read and is written back', async () => {
    const made = await make();
    const id = idOf(made);
    await gateway.commands.update(await gateway.queries.get({ value: id }), service.owner);
    await set(id, { TOKEN: secret('a wrong guess'), PLAIN: { value: 'x' } });
    await gateway.commands.rollback({ environmentId: id, version: '1' }, service.owner);
    await gateway.commands.rollback({ environmentId: id, version: '2' }, service.owner);
    expect(matches(id)).toEqual([]);
  });
});
