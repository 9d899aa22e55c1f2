import { randomBytes } from 'node:crypto';
import { IMPORT_LIMITS } from '@stigmer/domain';
import { type EmbeddedServer, startMongo } from '@stigmer/embedded';
import { startEnvironmentService, type TestService } from './testing/environment-service';
import { environment, failure, idOf } from './testing/environments';

let mongo: EmbeddedServer & { readonly url: string };
let service: TestService;
let gateway: ReturnType<TestService['as']>;
let org: string;

beforeAll(async () => {
  mongo = await startMongo();
  service = await startEnvironmentService({ mongoUrl: mongo.url });
  gateway = service.as('gateway');
});
beforeEach(() => {
  org = `imports-${randomBytes(4).toString('hex')}`;
});
afterAll(async () => {
  await service.close();
  await mongo.stop();
});

function importing(name: string, imports: readonly string[], id = '') {
  return environment(
    { SECRET: { value: 'canary-9d31', isSecret: true } },
    { name, org, id },
    { imports: imports.map((slug) => ({ slug })) },
  );
}

function write(name: string, ...imports: readonly string[]) {
  return gateway.commands.create(importing(name, imports));
}

/** `n0` imports `n1` imports `n2` …, as long as a run may follow them. */
async function longest(): Promise<void> {
  await write(`n${IMPORT_LIMITS.depth}`);
  for (let i = IMPORT_LIMITS.depth - 1; i >= 0; i--) await write(`n${i}`, `n${i + 1}`);
}

async function problemsOf(slug: string): Promise<readonly string[]> {
  const { importProblems } = await service.as('resolver-service').vault.open({ org, references: [{ slug }] });
  return importProblems.map(({ code, path }) => `${code}: ${path.join(' → ')}`);
}

describe('An environment is not written', () => {
  it('with imports that follow one another further than a run would: FAILED_PRECONDITION with the path', async () => {
    await longest();
    const path = ['top', ...Array.from({ length: IMPORT_LIMITS.depth + 1 }, (_, i) => `n${i}`)].join(' → ');
    const created = await failure(write('top', 'n0'));
    expect(created).toMatchObject({ kind: 'failed-precondition', violations: [{ field: 'spec.imports' }] });
    expect(created.message).toBe(
      `the imports ${path} are too deep: at most ${IMPORT_LIMITS.depth} follow one another`,
    );
    const made = await write('top');
    const updated = await failure(gateway.commands.update(importing('top', ['n0'], idOf(made))));
    expect(updated).toMatchObject({ kind: 'failed-precondition', message: created.message });
    expect((await gateway.queries.history({ environmentId: idOf(made) })).items).toHaveLength(1);
    await write('beside', 'n1');
    expect(await problemsOf('n0')).toEqual([]);
  });

  it('with imports that are more than a run opens, each counted where it is reached', async () => {
    const leaves = Array.from({ length: 33 }, (_, i) => `leaf-${i}`);
    await Promise.all(leaves.map((leaf) => write(leaf)));
    await write('third', ...leaves);
    await write('two-thirds', ...leaves, 'third');
    const refused = await failure(write('whole', 'two-thirds', 'third'));
    expect(refused).toMatchObject({ kind: 'failed-precondition', violations: [{ field: 'spec.imports' }] });
    expect(refused.message).toContain(`a run opens at most ${IMPORT_LIMITS.environments} environments`);
    expect(refused.message).toContain('whole → third');
    await write('fits', 'two-thirds');
    expect(await problemsOf('fits')).toEqual([]);
  });
});

describe('Imports that became too deep by a write further down', () => {
  it('are found, with the path, by the run that meets them', async () => {
    await longest();
    const last = `n${IMPORT_LIMITS.depth}`;
    await write('deeper');
    const { id } = (await gateway.queries.getByReference({ org, slug: last })).metadata ?? {};
    await gateway.commands.update(importing(last, ['deeper'], id));
    const path = Array.from({ length: IMPORT_LIMITS.depth + 1 }, (_, i) => `n${i}`).join(' → ');
    expect(await problemsOf('n0')).toEqual([`imports-too-deep: ${path} → deeper`]);
    expect(await problemsOf('n1')).toEqual([]);
  });
});
