import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKey, parseKeys } from '@stigmer/crypto';
import { readConfig, watched } from '@stigmer/service';
import { z } from 'zod';
import { formsOf, printed, recordedLog } from '../testing/canary';
import { ConfiguredKeys } from './configured-keys';

const schema = z.object({
  KEYS: watched(parseKeys, 'must be keys').optional().meta({ description: 'keys', watched: true }),
  PREVIOUS: watched(parseKeys, 'must be keys').optional().meta({ description: 'keys', watched: true }),
});
const newKey = (): string => randomBytes(32).toString('base64');
const idsOf = (...texts: readonly string[]): readonly string[] => texts.map((text) => parseKey(text).id);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stigmer-configured-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function configured(environment: Readonly<Record<string, string>>, log = recordedLog().log): ConfiguredKeys {
  const { KEYS, PREVIOUS } = readConfig(schema, environment);
  const variables = [KEYS === undefined ? [] : { name: 'KEYS', keys: KEYS }];
  return new ConfiguredKeys(
    [...variables, PREVIOUS === undefined ? [] : { name: 'PREVIOUS', keys: PREVIOUS }].flat(),
    log,
  );
}

async function loadedIds(source: ConfiguredKeys): Promise<readonly string[]> {
  return (await source.load()).map(({ id }) => id);
}

/** Resolves with the ids after the next change that the source notices. */
function nextIds(source: ConfiguredKeys): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const end = source.watch(() => {
      end();
      loadedIds(source).then(resolve, reject);
    });
  });
}

describe('Configured keys', () => {
  it('come from variables in their order, several of them in one', async () => {
    const [one, two, three] = [newKey(), newKey(), newKey()];
    const source = configured({ KEYS: `${one},${two}`, PREVIOUS: three });
    expect(await loadedIds(source)).toEqual(idsOf(one, two, three));
    expect(source.name).toBe('variable KEYS, variable PREVIOUS');
  });

  it('come from a file, and again when it was written anew', async () => {
    const [one, two] = [newKey(), newKey()];
    const file = join(folder, 'keys');
    writeFileSync(file, `${one}\n`);
    const source = configured({ KEYS_FILE: file });
    expect(await loadedIds(source)).toEqual(idsOf(one));
    const next = nextIds(source);
    writeFileSync(file, `${one}\n${two}\n`);
    expect(await next).toEqual(idsOf(one, two));
    expect(source.name).toBe(`file ${file}`);
  });

  it('follow a mounted Kubernetes Secret, whose update swaps the link to a folder', async () => {
    const [one, two] = [newKey(), newKey()];
    const publish = (version: string, content: string): void => {
      mkdirSync(join(folder, version));
      writeFileSync(join(folder, version, 'key'), content);
      symlinkSync(version, join(folder, '..data_tmp'));
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    publish('..2026_01_01', one);
    symlinkSync('..data/key', join(folder, 'key'));
    const source = configured({ KEYS_FILE: join(folder, 'key') });
    expect(await loadedIds(source)).toEqual(idsOf(one));
    const next = nextIds(source);
    publish('..2026_01_02', `${two} ${one}`);
    rmSync(join(folder, '..2026_01_01'), { recursive: true });
    expect(await next).toEqual(idsOf(two, one));
  });

  it('notice what changed between their loading and the beginning of the watch', async () => {
    const [one, two] = [newKey(), newKey()];
    const file = join(folder, 'keys');
    writeFileSync(file, one);
    const source = configured({ KEYS_FILE: file });
    await source.load();
    writeFileSync(file, `${one},${two}`);
    expect(await nextIds(source)).toEqual(idsOf(one, two));
  });

  it.each([
    [
      'a content that is no key',
      (file: string, key: string) => {
        writeFileSync(file, `canary ${key.slice(1)}`);
      },
    ],
    [
      'an empty file',
      (file: string) => {
        writeFileSync(file, '');
      },
    ],
    [
      'a file that is gone',
      (file: string) => {
        rmSync(file);
      },
    ],
  ])('stay what they were after %s, and the log says so without a value', async (_, damage) => {
    const [one, two] = [newKey(), newKey()];
    const file = join(folder, 'keys');
    writeFileSync(file, one);
    const { log, text } = recordedLog();
    const { KEYS } = readConfig(schema, { KEYS_FILE: file });
    if (KEYS === undefined) throw new Error('not configured');
    const some = { ...KEYS, reread: () => atLeastOne(KEYS.reread()) };
    const source = new ConfiguredKeys([{ name: 'KEYS', keys: some }], log);
    await source.load();
    writeFileSync(file, `${two},${one}`);
    expect(await loadedIds(source)).toEqual(idsOf(two, one));
    damage(file, two);
    expect(await loadedIds(source)).toEqual(idsOf(two, one));
    expect(text()).toContain('the keys of before are kept');
    expect(text()).toContain(file);
    for (const form of ['canary', two.slice(1, 20), ...formsOf(parseKey(one)), ...formsOf(parseKey(two))]) {
      expect(text()).not.toContain(form);
    }
    writeFileSync(file, one);
    expect(await loadedIds(source)).toEqual(idsOf(one));
  });

  it('are added by an operator alone, who is told how, and never destroyed', async () => {
    const key = newKey();
    const source = configured({ KEYS: key });
    expect(source.writable).toBe(false);
    await expect(source.add()).rejects.toMatchObject({
      kind: 'failed-precondition',
      message: expect.stringContaining('variable KEYS, which an operator writes'),
    });
    await source.destroy();
    expect(await loadedIds(source)).toEqual(idsOf(key));
  });

  it('print as nothing', async () => {
    const key = newKey();
    const source = configured({ KEYS: key });
    const text = printed([source, await source.load()]) + JSON.stringify([source, await source.load()]);
    for (const form of formsOf(parseKey(key))) expect(text).not.toContain(form);
  });
});

function atLeastOne<T>(items: readonly T[]): readonly T[] {
  if (items.length === 0) throw new Error('must be keys');
  return items;
}
