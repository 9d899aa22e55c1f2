import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preparedBundle } from './workflow-bundle';

describe('the bundle that the build has made', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-bundle-'));
    await mkdir(join(folder, 'tasks'));
    await place('workflows.js', 10);
    await place('tasks/imported.js', 10);
    await place('workflows.js.map', 30);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const place = async (name: string, second: number) => {
    await writeFile(join(folder, name), '');
    await utimes(join(folder, name), second, second);
  };

  it('is used when it is newer than every compiled file', async () => {
    await place('workflow-bundle.generated.js', 20);
    expect(await preparedBundle(folder)).toBe(join(folder, 'workflow-bundle.generated.js'));
  });

  it.each(['workflows.js', 'tasks/imported.js'])('is not used when %s was compiled since', async (name) => {
    await place('workflow-bundle.generated.js', 20);
    await place(name, 21);
    expect(await preparedBundle(folder)).toBeUndefined();
  });

  it('is not missed when there is none', async () => {
    expect(await preparedBundle(folder)).toBeUndefined();
  });
});
