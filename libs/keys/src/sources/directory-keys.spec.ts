import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importKey } from '@stigmer/crypto';
import { formsOf, printed } from '../testing/canary';
import { DirectoryKeys } from './directory-keys';

let parent: string;
let folder: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'stigmer-directory-'));
  folder = join(parent, 'keys');
});
afterEach(() => {
  rmSync(parent, { recursive: true });
});

const idsOf = async (source: DirectoryKeys): Promise<readonly string[]> =>
  (await source.load()).map(({ id }) => id);

describe('A folder of keys', () => {
  it('need not be there before its first key', async () => {
    const source = new DirectoryKeys(folder);
    expect(await source.load()).toEqual([]);
    await source.destroy('0123456789abcdef');
    expect(existsSync(folder)).toBe(false);
  });

  it("keeps each key in a file that is its owner's alone and named by the fingerprint", async () => {
    const source = new DirectoryKeys(folder);
    const added = [await source.add(), await source.add()].map(({ id }) => id).sort();
    expect(readdirSync(folder).sort()).toEqual(added);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const id of added) {
      expect(statSync(join(folder, id)).mode & 0o777).toBe(0o600);
      expect(importKey(readFileSync(join(folder, id))).id).toBe(id);
    }
    expect(await idsOf(new DirectoryKeys(folder))).toEqual(added);
  });

  it('forgets a key that was destroyed, and only that one', async () => {
    const source = new DirectoryKeys(folder);
    const [one, two] = [await source.add(), await source.add()];
    await source.destroy(one.id);
    await source.destroy(one.id);
    expect(await idsOf(source)).toEqual([two.id]);
  });

  it('leaves nothing of a key that was destroyed, not even what a process left that was killed while it added it', async () => {
    const source = new DirectoryKeys(folder);
    const { id } = await source.add();
    linkSync(join(folder, id), join(folder, `${id}.0123456789abcdef`));
    writeFileSync(join(folder, `${id}.note`), 'an operator wrote this');
    await source.destroy(id);
    expect(readdirSync(folder)).toEqual([`${id}.note`]);
  });

  it('destroys nothing that is no key of it', async () => {
    const outside = join(parent, 'precious');
    writeFileSync(outside, 'x');
    const source = new DirectoryKeys(folder);
    await source.add();
    await source.destroy('../precious');
    expect(existsSync(outside)).toBe(true);
  });

  it('tells another process of a key that was added, and of one that was destroyed', async () => {
    const [mine, theirs] = [new DirectoryKeys(folder), new DirectoryKeys(folder)];
    const change = (): Promise<void> =>
      new Promise((resolve) => {
        const end = theirs.watch(() => {
          end();
          resolve();
        });
      });
    await theirs.load();
    const added = change();
    const { id } = await mine.add();
    await added;
    expect(await idsOf(theirs)).toEqual([id]);
    const destroyed = change();
    await mine.destroy(id);
    await destroyed;
    expect(await idsOf(theirs)).toEqual([]);
  });

  it('takes no file for a key that has another name', async () => {
    const source = new DirectoryKeys(folder);
    const { id } = await source.add();
    writeFileSync(join(folder, `${id}.0123456789abcdef`), 'half');
    writeFileSync(join(folder, 'README'), 'keys');
    expect(await idsOf(source)).toEqual([id]);
  });

  it('refuses a key that others may read, that is cut, or that stands under the name of another', async () => {
    const source = new DirectoryKeys(folder);
    const { id } = await source.add();
    const path = join(folder, id);
    const bytes = readFileSync(path);
    const refusal = (message: string) => ({
      kind: 'failed-precondition',
      message: expect.stringContaining(message),
    });
    chmodSync(path, 0o644);
    await expect(source.load()).rejects.toMatchObject(refusal(`${path} can be read by others`));
    chmodSync(path, 0o600);
    writeFileSync(path, bytes.subarray(1));
    await expect(source.load()).rejects.toMatchObject(refusal('exactly 32 bytes'));
    writeFileSync(path, Buffer.alloc(32, 7));
    await expect(source.load()).rejects.toMatchObject(refusal('not the one of its name'));
    writeFileSync(path, bytes);
    expect(await idsOf(source)).toEqual([id]);
  });

  it('opens in the form that is frozen: 32 raw bytes under the fingerprint', async () => {
    mkdirSync(folder);
    const file = join(folder, '47f8200da652bcc6');
    writeFileSync(file, Buffer.from(Array.from({ length: 32 }, (_, at) => at)), { mode: 0o600 });
    expect(await idsOf(new DirectoryKeys(folder))).toEqual(['47f8200da652bcc6']);
  });

  it('shows no key in what it prints or refuses', async () => {
    const source = new DirectoryKeys(folder);
    const key = await source.add();
    const other = await source.add();
    writeFileSync(join(folder, other.id), Buffer.from(key.key.export()));
    const refused: unknown = await source.load().catch((error: unknown) => error);
    const text = printed([source, key, refused]) + JSON.stringify([source, key, String(refused)]);
    for (const form of [...formsOf(key), ...formsOf(other)]) expect(text).not.toContain(form);
  });
});
