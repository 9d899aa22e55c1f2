import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { unavailable } from '@stigmer/domain';
import type { GrpcClient } from '@stigmer/proto';
import { ResolverQueryController } from '@stigmer/proto/agentic/resolver/v1/query';
import { RunResolver } from '@stigmer/proto/internal/v1/run_resolver';
import { type RunningService, serviceClient, type ServiceName } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import { farSide, hold, resetFarSide, startFarSides } from './testing/far-sides';
import { startResolver } from './testing/resolver-service';

const keys = testIdentities();
let far: Awaited<ReturnType<typeof startFarSides>>;
let service: RunningService;
let address: string;
let runs: GrpcClient<typeof RunResolver>;
let letAnswersOut: () => void;

beforeAll(async () => {
  far = await startFarSides(keys);
  ({ running: service, address } = await startResolver(keys, far));
  // One connection: what is sent first arrives first.
  runs = serviceClient(RunResolver, optionsOf('control-plane'));
});
afterAll(async () => {
  runs.close();
  await service.close();
  await far.close();
});
beforeEach(() => {
  resetFarSide();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  farSide.gate = promise;
  letAnswersOut = () => {
    resolve(undefined);
  };
  holdToken('first');
});

function holdToken(value: string): void {
  const data = { TOKEN: { value, isSecret: true } };
  hold({ id: 'env-1', slug: 'base', org: 'acme', revision: value, data });
}

function optionsOf(name: ServiceName) {
  return { address, audience: 'resolver-service', identity: keys.identity(name) } as const;
}

const LAYERS = { template: { kind: 'Agent', name: 'helper' }, environmentRefs: [{ slug: 'base' }] };

function prepare(executionId: string, { org = 'acme', signal = new AbortController().signal } = {}) {
  const input = {
    ...LAYERS,
    ...{ org, executionId, creator: 'local', requestDigest: Buffer.from('digest') },
    expiresAt: timestampFromMs(Date.now() + 86_400_000),
  };
  return runs.prepare(input, { signal });
}

/** What was handed to the context service, by execution. */
function tokens(): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    farSide.created.map(({ executionId, data }) => [executionId, data['TOKEN']?.value]),
  );
}

/** However long it takes. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('Runs that open the same environments at the same time', () => {
  it('share an opening, but never one that was begun before they came', async () => {
    const early = prepare('early');
    await until(() => farSide.opened.length === 1);
    // Its answer is made, and on its way for as long as the gate is closed.
    holdToken('second');
    const late = Array.from({ length: 20 }, (_, index) => prepare(`late-${index}`));
    letAnswersOut();
    await Promise.all([early, ...late]);
    const { early: before, ...after } = tokens();
    expect(before).toBe('first');
    expect(Object.values(after)).toEqual(Array.from({ length: 20 }, () => 'second'));
    expect(farSide.created).toHaveLength(21);
  });

  it('cost fewer openings than there are runs', async () => {
    const first = prepare('first');
    await until(() => farSide.opened.length === 1);
    const others = Array.from({ length: 20 }, (_, index) => prepare(`other-${index}`));
    // It waits for none of them, and comes after them.
    const apart = prepare('apart', { org: 'other' });
    await until(() => farSide.opened.length === 2);
    letAnswersOut();
    await Promise.all([first, apart, ...others]);
    expect(farSide.created).toHaveLength(22);
    expect(farSide.opened.filter(({ org }) => org === 'acme').length).toBeLessThan(21);
  });

  it('share nothing with those of another organization, nor with what people are shown', async () => {
    const prepared = [prepare('ours'), prepare('theirs', { org: 'other' })];
    const shown = serviceClient(ResolverQueryController, optionsOf('gateway')).explain({
      ...LAYERS,
      org: 'acme',
    });
    // None waits for another: all three are asked for while no answer is let out.
    await until(() => farSide.opened.length === 3);
    letAnswersOut();
    await Promise.all(prepared);
    expect((await shown).variables['TOKEN']).toMatchObject({ value: '********', isSecret: true });
    const asked = farSide.opened.map(({ org, redacted }) => `${org} ${redacted}`);
    expect(asked.toSorted()).toEqual(['acme false', 'acme true', 'other false']);
  });

  it('go on without the one that was cancelled', async () => {
    const first = prepare('first');
    await until(() => farSide.opened.length === 1);
    const going = new AbortController();
    const cancelled = expect(prepare('cancelled', { signal: going.signal })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    const staying = [prepare('staying'), prepare('staying-too')];
    going.abort();
    await cancelled;
    letAnswersOut();
    await Promise.all([first, ...staying]);
    expect(tokens()).toMatchObject({ first: 'first', staying: 'first', 'staying-too': 'first' });
  });

  it('fail together with their opening, and the next one is opened anew', async () => {
    farSide.failure = unavailable('the database does not answer');
    const refused = { kind: 'unavailable' };
    await Promise.all(
      ['a', 'b', 'c'].map((executionId) => expect(prepare(executionId)).rejects.toMatchObject(refused)),
    );
    expect(farSide.created).toEqual([]);
    farSide.failure = undefined;
    letAnswersOut();
    await prepare('again');
    expect(tokens()).toEqual({ again: 'first' });
  });
});
