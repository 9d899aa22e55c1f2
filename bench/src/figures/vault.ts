import { join } from 'node:path';
import { freePort, startProcess } from '@stigmer/embedded';
import type { Bench } from '../bench';
import { compare, type Figure } from '../figure';
import type { Step } from '../load';
import { environmentOf } from '../samples';
import { prepareStep, RUN } from './resolve';

const START_TIMEOUT_MS = 60_000;
const TOKEN = 'bench';
const HEADERS = { 'X-Vault-Token': TOKEN } as const;

/**
 * The same run beside Vault: what stands as its floor are three reads, of as many keys as the run's three environments
 * have. Vault keeps them in memory and writes no audit log.
 */
export const againstVault: Figure = {
  name: 'resolve.vault',
  slow: true,
  async run(bench) {
    const { vault } = bench.config;
    if (vault === undefined)
      throw new Error('say where the program is: make bench-vault VAULT=/path/to/vault');
    const reads = await threeReads(bench, vault);
    const row = await compare(bench, {
      name: 'resolve.vault',
      unit: 'runs/s',
      measure: async () => bench.load([await prepareStep(bench, RUN)]),
      floor: () => bench.load(reads),
    });
    return [row];
  },
};

async function threeReads(bench: Bench, program: string): Promise<readonly Step[]> {
  const address = `http://${await startVault(bench, program)}`;
  return Promise.all(
    RUN.slugs.map(async (slug) => {
      const path = `/v1/secret/data/${slug}`;
      await write(`${address}${path}`, slug);
      return { address, path, metadata: HEADERS, messages: [] };
    }),
  );
}

async function write(url: string, slug: string): Promise<void> {
  const { data = {} } = environmentOf(slug, RUN.keys, RUN.secrets).spec ?? {};
  const values = Object.entries(data).map(([name, variable]) => [name, variable.value] as const);
  const body = JSON.stringify({ data: Object.fromEntries(values) });
  const { ok, status } = await fetch(url, { method: 'POST', headers: HEADERS, body });
  if (!ok) throw new Error(`Vault answered a write with HTTP ${status}`);
}

/** Its development server: unsealed, in memory, on loopback. */
async function startVault(bench: Bench, file: string): Promise<string> {
  const folder = await bench.folder('vault');
  const address = `127.0.0.1:${await freePort()}`;
  const process_ = await startProcess({
    name: 'vault',
    program: { file, args: [] },
    args: ['server', '-dev', `-dev-root-token-id=${TOKEN}`, `-dev-listen-address=${address}`],
    folder,
    environment: { HOME: folder, PATH: '/usr/bin:/bin' },
    temporary: true,
    logFile: join(folder, 'vault.log'),
    timeoutMs: START_TIMEOUT_MS,
    probe: async () => {
      const { ok } = await fetch(`http://${address}/v1/sys/health`);
      if (!ok) throw new Error('not ready');
    },
  });
  bench.atEnd(() => process_.stop());
  return address;
}
