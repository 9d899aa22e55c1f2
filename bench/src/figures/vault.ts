import type { BenchConfig } from '../config';
import { compare, type Figure } from '../figure';
import type { Step } from '../load';
import { environmentOf } from '../samples';
import { apartStep, prepareStep, RUN } from './resolve';

type Vault = NonNullable<BenchConfig['vault']>;

/**
 * The same run beside a Vault that runs: what stands as its floor are three reads, of as many keys as the run's three
 * environments have. They are written to its mount `secret/` first.
 */
export const againstVault: Figure = {
  name: 'resolve.vault',
  slow: true,
  async run(bench) {
    const { vault } = bench.config;
    if (vault === undefined) throw new Error('VAULT_ADDR and VAULT_TOKEN say which Vault is to be measured');
    const reads = await threeReads(vault);
    const beside = (name: string, step: () => Promise<Step>) =>
      compare(bench, {
        name,
        unit: 'runs/s',
        measure: async () => bench.load([await step()]),
        floor: () => bench.load(reads),
      });
    return [
      await beside('resolve.vault', () => prepareStep(bench, RUN)),
      await beside('resolve.apart.vault', () => apartStep(bench)),
    ];
  },
};

async function threeReads({ address, token }: Vault): Promise<readonly Step[]> {
  const metadata = { 'X-Vault-Token': token };
  return Promise.all(
    RUN.slugs.map(async (slug) => {
      const path = `/v1/secret/data/${slug}`;
      await write(`${address}${path}`, metadata, slug);
      return { address, path, metadata, messages: [] };
    }),
  );
}

async function write(url: string, headers: Step['metadata'], slug: string): Promise<void> {
  const { data = {} } = environmentOf(slug, RUN.keys, RUN.secrets).spec ?? {};
  const values = Object.entries(data).map(([name, variable]) => [name, variable.value] as const);
  const body = JSON.stringify({ data: Object.fromEntries(values) });
  const { ok, status } = await fetch(url, { method: 'POST', headers, body });
  if (!ok) throw new Error(`Vault answered a write with HTTP ${status}`);
}
