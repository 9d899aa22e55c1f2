import { inspect } from 'node:util';
import { REDACTED } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { EnvironmentDifference } from '@stigmer/proto/agentic/environment/v1/io';
import type { Environment } from '@stigmer/proto/agentic/environment/v1/api';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { type Data, environment, failure, idOf, orgOf } from './testing/environments';

const CANARY = 'canary-diff-91c7';
let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;

beforeAll(async () => {
  mongo = await startMongo();
  service = await startEnvironmentService({ mongoUrl: mongo.url });
  gateway = service.as('gateway');
});

afterAll(async () => {
  await service.close();
  await mongo.stop();
});

const reference = (of: Environment, version = '') => ({ org: orgOf(of), slug: idOf(of), version });

async function made(data: Data, name = 'left', org?: string): Promise<Environment> {
  return gateway.commands.create(environment(data, { name, ...(org !== undefined && { org }) }));
}

/** The differences by the names of their variables. */
function named({ variables }: Awaited<ReturnType<typeof gateway.queries.diff>>): Record<string, string> {
  return Object.fromEntries(
    variables.map(({ name, difference }) => [name, EnvironmentDifference[difference]]),
  );
}

describe('A comparison', () => {
  it('tells for every variable of both sides how they relate, and shows no secret', async () => {
    const left = await made({
      ...{ SAME: { value: 'x' }, PLAIN: { value: 'x' }, FLAG: { value: 'x' } },
      ...{ LEFT: { value: CANARY, isSecret: true }, KIND: { value: CANARY, isSecret: true } },
    });
    const right = await made({
      ...{ SAME: { value: 'x' }, PLAIN: { value: 'y' }, FLAG: { value: 'x', final: true } },
      ...{ RIGHT: { value: 'r' }, KIND: { value: 'x' } },
    });
    const diff = await gateway.queries.diff({ left: reference(left), right: reference(right) });
    expect(named(diff)).toEqual({
      ...{ FLAG: 'CHANGED', KIND: 'CHANGED', LEFT: 'ONLY_LEFT', PLAIN: 'CHANGED' },
      ...{ RIGHT: 'ONLY_RIGHT', SAME: 'SAME' },
    });
    expect(diff.variables.map(({ name }) => name)).toEqual(diff.variables.map(({ name }) => name).sort());
    expect(diff.variables.find(({ name }) => name === 'LEFT')).toMatchObject({ left: { value: REDACTED } });
    expect(diff.variables.find(({ name }) => name === 'LEFT')?.right).toBeUndefined();
    expect(diff.left).toMatchObject({ id: idOf(left), slug: 'left', number: 1 });
    expect(inspect(diff, { depth: null })).not.toContain(CANARY);
  });

  it('tells what each side imports, in its order', async () => {
    const base = await made({}, 'base');
    const org = orgOf(base);
    const extra = await made({}, 'extra', org);
    const first = environment({}, { org, name: 'app' }, { imports: [{ slug: 'base' }] });
    const app = await gateway.commands.create(first);
    const imports = [{ slug: 'base' }, { slug: idOf(extra), version: '1' }];
    await gateway.commands.apply(environment({}, { org, name: 'app' }, { imports }));
    const diff = await gateway.queries.diff({ left: reference(app, '1'), right: reference(app) });
    expect(diff.left?.imports).toMatchObject([{ slug: 'base', version: '' }]);
    expect(diff.right?.imports).toMatchObject(imports);
    expect(diff.variables).toEqual([]);
  });

  it('compares the secrets of two environments for the owner alone, and writes it down', async () => {
    const left = await made({ A: { value: CANARY, isSecret: true }, B: { value: 'b', isSecret: true } });
    const right = await made({ A: { value: CANARY, isSecret: true }, B: { value: 'x', isSecret: true } });
    const sides = { left: reference(left), right: reference(right) };
    expect(named(await gateway.queries.diff(sides))).toEqual({ A: 'NOT_COMPARED', B: 'NOT_COMPARED' });
    const line = () => service.lines.filter((l) => l.includes('secrets.compared') && l.includes(idOf(left)));
    expect(line()).toEqual([]);
    const diff = await gateway.queries.diff(sides, service.owner);
    expect(named(diff)).toEqual({ A: 'SAME', B: 'CHANGED' });
    expect(line().map((l) => JSON.parse(l) as object)).toEqual([
      expect.objectContaining({ actor: 'alice', left: expect.stringContaining(idOf(left)) as string }),
    ]);
    expect(inspect(diff, { depth: null }) + service.lines.join('')).not.toContain(CANARY);
  });

  it('tells everybody which secrets a version left as they were, as the history does, and no more', async () => {
    const one = await made({ A: { value: 'a', isSecret: true }, B: { value: 'b', isSecret: true } });
    for (const value of ['changed', 'b']) {
      const variables = { B: { value, isSecret: true } };
      await gateway.commands.updateVariables({ environmentId: idOf(one), variables });
    }
    const sides = { left: reference(one, '1'), right: reference(one) };
    // B is what it was, but was written anew: to know that, one has to know the values.
    expect(named(await gateway.queries.diff(sides))).toEqual({ A: 'SAME', B: 'NOT_COMPARED' });
    const diff = await gateway.queries.diff(sides, service.owner);
    expect(named(diff)).toEqual({ A: 'SAME', B: 'SAME' });
    expect([diff.left?.number, diff.right?.number]).toEqual([1, 3]);
  });

  it("finds neither another organization's environment nor a version that is not there", async () => {
    const one = await made({});
    const elsewhere = { ...reference(one), org: 'elsewhere' };
    const compare = (right: object) => failure(gateway.queries.diff({ left: reference(one), right }));
    expect((await compare(elsewhere)).message).toBe(`Environment not found: ${idOf(one)}`);
    expect((await compare(reference(one, '7'))).message).toBe(`Environment not found: ${idOf(one)}@7`);
    const half = await failure(gateway.queries.diff({ left: reference(one) }, service.owner));
    expect(half.kind).toBe('invalid-argument');
  });
});
