import type { Bench } from '../bench';
import { compare, type Figure, median, rounded } from '../figure';
import { rawCall } from '../raw-call';
import { bareAnswer, getStep } from './environment';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const NOWHERE = '127.0.0.1:1';

/** A gateway before a backend of grpc-js alone, which answers the read of an environment of 50 keys. */
async function startGateway(bench: Bench, backend: string): Promise<string> {
  const token = join(await bench.folder('token'), 'token');
  await writeFile(token, 'x'.repeat(43), { mode: 0o600 });
  const { address } = await bench.service('gateway', {
    STIGMER_LOCAL_TOKEN_FILE: token,
    STIGMER_ENVIRONMENT_SERVICE: backend,
    STIGMER_CONTEXT_SERVICE: NOWHERE,
    STIGMER_RESOLVER_SERVICE: NOWHERE,
    STIGMER_CONTROL_PLANE: NOWHERE,
  });
  return address;
}

/** Unary calls through the gateway; the floor is one hop of grpc-js alone in its place. */
export const gateway: Figure = {
  name: 'gateway',
  async run(bench) {
    const { path, messages, metadata } = await getStep(bench);
    const backend = await bareAnswer(bench, await getStep(bench));
    const through = { path, messages, metadata: {}, address: await startGateway(bench, backend) };
    const answer = (await rawCall(through)).toString('base64');
    const hop = await bench.bareServer({
      rpcs: [{ path, answer, steps: [{ kind: 'call', address: backend, path, metadata }] }],
    });
    const row = await compare(bench, {
      name: 'gateway.unary',
      unit: 'calls/s',
      measure: () => bench.load([through]),
      floor: () => bench.load([{ ...through, address: hop.address }]),
    });
    return [row, await addedLatency(bench, through, backend)];
  },
};

/** How much later the median answer comes than straight from the backend, one call at a time. */
async function addedLatency(bench: Bench, through: Parameters<Bench['load']>[0][number], backend: string) {
  const added: number[] = [];
  const direct: number[] = [];
  for (let run = 0; run < bench.config.runs; run++) {
    const straight = await bench.load([{ ...through, address: backend }], 1);
    const longer = await bench.load([through], 1);
    direct.push(straight.p50Ms);
    added.push(longer.p50Ms - straight.p50Ms);
  }
  return {
    name: 'gateway.latency',
    value: rounded(median(added)),
    unit: 'ms more than without',
    p50_ms: rounded(median(added) + median(direct)),
    p99_ms: null,
    floor: rounded(median(direct)),
    ratio: null,
  };
}
