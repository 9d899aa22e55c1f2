import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { FakeStigmer } from '../testing/fake-stigmer';
import { memoryIo } from '../testing/memory-io';

const SECRET = 'ghp_canary0123456789abcdefghijkl';

describe('resources', () => {
  let server: FakeServer;
  let stigmer: FakeStigmer;
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'stigmer-cli-'));
    stigmer = new FakeStigmer();
    server = await stigmer.on(new FakeServer()).listen();
    await cli(['apply', '-'], { input: RESOURCES });
  });
  afterEach(async () => {
    server.close();
    await rm(home, { recursive: true, force: true });
  });

  async function cli(
    args: readonly string[],
    { input = '', terminal = false }: { input?: string; terminal?: boolean } = {},
  ) {
    const io = memoryIo({ input, terminal });
    const code = await run(['--address', server.address, '--home', home, ...args], io);
    return { code, ...io.written };
  }

  it.each(['environment', 'env', 'environments', 'Environment'])(
    'are got by the kind as people write it: %s',
    async (kind) => {
      const { code, stdout } = await cli(['get', kind, 'env-one']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^apiVersion: agentic\.stigmer\.ai\/v1\nkind: Environment\n/);
      expect(stdout).not.toContain(SECRET);
    },
  );

  it('are printed as JSON in the form that apply reads', async () => {
    const { stdout } = await cli(['get', 'env', 'one', '--output', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      apiVersion: 'agentic.stigmer.ai/v1',
      spec: { data: { TOKEN: { value: '********', is_secret: true } } },
    });
  });

  it.each([
    'get environment one',
    'list environments',
    'list environments --page-size 1',
    'delete agent a',
    'apply - --dry-run',
    'apply -',
    'secret get one TOKEN --reveal',
  ])('answers %s with one JSON document and nothing beside it', async (words) => {
    await writeFile(join(home, 'token'), 'local-token');
    const { code, stdout, stderr } = await cli([...words.split(' '), '-o', 'json'], { input: RESOURCES });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(expect.any(Object));
  });

  it('that are not there are an error, for people and for programs', async () => {
    expect(await cli(['get', 'env', 'none'])).toEqual({
      code: 3,
      stdout: '',
      stderr: 'error: Environment not found: none\n',
    });
    const { stderr } = await cli(['get', 'env', 'none', '-o', 'json']);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'NOT_FOUND', message: 'Environment not found: none', details: [] },
    });
    expect((await cli(['get', 'enviroment', 'one'])).stderr).toContain('did you mean "environment"?');
  });

  it('are listed page by page, or all', async () => {
    const first = await cli(['list', 'environments', '--page-size', '2']);
    expect(first.stdout).toMatch(/^NAME +ID +VARIABLES +SECRETS\none +env-\w+ +2 +1\ntwo +env-\w+ +0 +0\n$/);
    expect(first.stderr).toBe('there are more: --page-token 2, or --all\n');
    expect((await cli(['list', 'env', '--page-size', '2', '--page-token', '2'])).stdout).toMatch(/three/);
    expect(
      JSON.parse((await cli(['list', 'env', '--page-size', '1', '--all', '-o', 'json'])).stdout),
    ).toMatchObject({ items: [{}, {}, {}] });
    expect((await cli(['list', 'env', '--page-size', '0'])).code).toBe(2);
    expect((await cli(['list', 'contexts'])).code).toBe(2);
  });

  it('are deleted; an environment in use only by force', async () => {
    const refused = await cli(['delete', 'environment', 'one']);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('is in use by AgentInstance') });
    expect(await cli(['delete', 'environment', 'one', '--force'])).toMatchObject({
      code: 0,
      stdout: 'Environment one deleted\n',
    });
    expect(await cli(['delete', 'agent', 'a', '--force'])).toMatchObject({ code: 2 });
    expect(await cli(['delete', 'agent', 'a'])).toMatchObject({ code: 0 });
  });

  describe('a secret read back', () => {
    it('is shown on a terminal, with the local token and no other call that carries it', async () => {
      await writeFile(join(home, 'token'), 'local-token\n');
      expect(await cli(['secret', 'get', 'one', 'TOKEN'], { terminal: true })).toMatchObject({
        code: 0,
        stdout: `${SECRET}\n`,
      });
      expect(stigmer.revealedWith).toBe('local-token');
    });

    it('goes to a pipe only where that is asked for, and as it is', async () => {
      await writeFile(join(home, 'token'), 'local-token');
      expect(await cli(['secret', 'get', 'one', 'TOKEN'])).toMatchObject({ code: 2, stdout: '' });
      expect(await cli(['secret', 'get', 'one', 'TOKEN', '--reveal'])).toMatchObject({
        code: 0,
        stdout: SECRET,
      });
    });

    it('needs the token, and a variable that is there', async () => {
      expect(await cli(['secret', 'get', 'one', 'TOKEN', '--reveal'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('local token'),
      });
      await writeFile(join(home, 'token'), 'local-token');
      expect(await cli(['secret', 'get', 'one', 'NONE', '--reveal'])).toMatchObject({ code: 3 });
    });
  });
});

const environment = (name: string, data = ''): string =>
  `apiVersion: agentic.stigmer.ai/v1\nkind: Environment\nmetadata: { name: ${name} }\n${data}`;
const RESOURCES = [
  environment(
    'one',
    `spec: { data: { TOKEN: { value: ${SECRET}, is_secret: true }, LOG: { value: debug } } }\n`,
  ),
  environment('two'),
  environment('three'),
  'apiVersion: agentic.stigmer.ai/v1\nkind: Agent\nmetadata: { name: a }\nspec: { instructions: Review with care. }\n',
  'apiVersion: agentic.stigmer.ai/v1\nkind: AgentInstance\nmetadata: { name: i }\nspec: { agent_id: a, environment_refs: [one] }\n',
].join('---\n');
