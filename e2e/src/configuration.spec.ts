import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configurationPage, renderConfiguration, services, variablesOf } from './configuration';
import { repository } from './stigmer';

describe('docs/configuration.md', () => {
  it('is what the schemas say (npm run configuration --workspace @stigmer/e2e writes it)', async () => {
    expect(await readFile(configurationPage, 'utf8')).toBe(await renderConfiguration());
  });

  it.each(services)('describes every variable of %s in a sentence', async (service) => {
    const variables = await variablesOf(service);
    expect(variables).not.toHaveLength(0);
    expect(variables.filter(({ description }) => !/^[A-Z].{10,}\.$/.test(description))).toEqual([]);
  });

  it.each(['apps/cli/src/config.ts', 'apps/cli/src/server/config.ts', 'libs/embedded/src/config.ts'])(
    'names every variable that %s reads',
    async (file) => {
      const source = await readFile(join(repository, file), 'utf8');
      const page = await readFile(configurationPage, 'utf8');
      const read = [...source.matchAll(/'([A-Z]+_[A-Z_]+)'/g)].map(([, name]) => name);
      expect(read).not.toHaveLength(0);
      expect(read.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
    },
  );
});
