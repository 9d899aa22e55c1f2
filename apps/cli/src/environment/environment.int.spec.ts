import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { FakeStigmer } from '../testing/fake-stigmer';
import { memoryIo } from '../testing/memory-io';

const TOKEN = 'ghp_canary0123456789abcdefghijkl';
const OTHER = 'glpat-canary9876543210zyxwvuts';

describe('stigmer environment', () => {
  let server: FakeServer;
  let stigmer: FakeStigmer;
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'stigmer-cli-'));
    stigmer = new FakeStigmer();
    server = await stigmer.on(new FakeServer()).listen();
    await cli(['apply', '-'], { input: RESOURCE });
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
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(home, name);
    await writeFile(path, text);
    return path;
  };
  const stored = (name = 'prod') =>
    Object.fromEntries(
      Object.entries(stigmer.environments.byReference(name).spec?.data ?? {}).map(([key, value]) => [
        key,
        { value: value.value, secret: value.isSecret, final: value.final, description: value.description },
      ]),
    );

  describe('set', () => {
    it('sets plain variables and secrets, and leaves the others as they are', async () => {
      const path = await file('key', `${OTHER}\n`);
      const { code, stdout, stderr } = await cli(
        ['env', 'set', 'prod', 'LEVEL=debug', 'NEW=', '--secret', 'TOKEN=-', '--secret', `KEY=@${path}`],
        { input: `${OTHER}2\n` },
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Environment prod changed, now version 2\n$/);
      expect(stored()).toMatchObject({
        LEVEL: { value: 'debug', secret: false, description: 'How much is logged.' },
        NEW: { value: '', secret: false },
        TOKEN: { value: `${OTHER}2`, secret: true },
        KEY: { value: OTHER, secret: true },
        OLD: { value: TOKEN, secret: true },
      });
      expect((await cli(['env', 'set', 'prod', 'LEVEL=debug'])).stdout).toBe('Environment prod unchanged\n');
    });

    it('changes what is said about a variable, and keeps its value', async () => {
      const flags = ['--final', '--description', 'Opens GitHub.', '--expires', '30d'];
      expect(await cli(['env', 'set', 'prod', 'TOKEN', ...flags])).toMatchObject({ code: 0 });
      expect(stored()['TOKEN']).toEqual({
        value: TOKEN,
        secret: true,
        final: true,
        description: 'Opens GitHub.',
      });
      const expiry = () => stigmer.environments.byReference('prod').spec?.data['TOKEN']?.expiresAt;
      expect(expiry()).toBeDefined();
      await cli(['env', 'set', 'prod', 'TOKEN', '--no-final', '--expires', 'never']);
      expect(stored()['TOKEN']).toMatchObject({ final: false, description: 'Opens GitHub.' });
      expect(expiry()).toBeUndefined();
      expect(await cli(['env', 'set', 'prod', 'NOWHERE', '--final'])).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('argument number 1 names no variable'),
      });
    });

    it('makes no environment unless that is asked for', async () => {
      expect(await cli(['env', 'set', 'fresh', 'A=1'])).toMatchObject({ code: 3 });
      expect(await cli(['env', 'set', 'fresh', 'A=1', '--create'])).toMatchObject({
        code: 0,
        stdout: 'Environment fresh created, version 1\n',
      });
      expect(stored('fresh')).toMatchObject({ A: { value: '1' } });
      for (const name of ['Fresh', 'fresh@3', '']) {
        expect(await cli(['env', 'set', name, 'A=1', '--create'])).toMatchObject({ code: 2 });
      }
    });

    it('refuses to make a stored secret readable, unless --plain says so', async () => {
      expect(await cli(['env', 'set', 'prod', 'OLD=harmless'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('OLD is a secret in this environment'),
      });
      expect(stored()['OLD']).toMatchObject({ value: TOKEN, secret: true });
      expect(await cli(['env', 'set', 'prod', 'OLD=harmless', '--plain'])).toMatchObject({ code: 0 });
      expect(stored()['OLD']).toMatchObject({ value: 'harmless', secret: false });
    });

    it('asks for a secret only on a terminal, and only once everything else is right', async () => {
      expect(await cli(['env', 'set', 'prod', '--secret', 'A'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('there is no terminal to ask for A'),
      });
      const asked = await cli(['env', 'set', 'nowhere', '--secret', 'A'], { terminal: true });
      expect(asked.code).toBe(3);
      expect(asked.stderr).not.toContain('hidden');
    });

    it('writes again what somebody else overtook', async () => {
      const apply = stigmer.environments.apply.bind(stigmer.environments);
      let raced = false;
      stigmer.environments.apply = (draft) => {
        if (!raced) {
          raced = true;
          const other = stigmer.environments.byReference('prod');
          if (other.metadata?.version) other.metadata.version.id = '7';
          if (other.spec?.data['LEVEL']) other.spec.data['LEVEL'].value = 'theirs';
        }
        return apply(draft);
      };
      expect(await cli(['env', 'set', 'prod', 'NEW=mine'])).toMatchObject({ code: 0 });
      expect(stored()).toMatchObject({ LEVEL: { value: 'theirs' }, NEW: { value: 'mine' } });
    });
  });

  describe('unset', () => {
    it('removes variables, all or none', async () => {
      expect(await cli(['env', 'unset', 'prod', 'LEVEL', 'TOKNE'])).toMatchObject({
        code: 3,
        stderr: expect.stringContaining('Variable not found: TOKNE; did you mean "TOKEN"?'),
      });
      expect(Object.keys(stored())).toEqual(['LEVEL', 'TOKEN', 'OLD']);
      expect(await cli(['env', 'unset', 'prod', 'LEVEL', 'TOKEN'])).toMatchObject({ code: 0 });
      expect(stored()).toEqual({ OLD: expect.objectContaining({ value: TOKEN, secret: true }) });
    });
  });

  describe('import', () => {
    const DOTENV = `LEVEL=info\nGITLAB_TOKEN=${OTHER}\nCERT='line 1\nline 2'\n`;

    it('refuses what looks like a secret and would be readable, all of it at once, and writes nothing', async () => {
      const path = await file('p.env', `${DOTENV}DB_PASSWORD=x\nOLD=y\n`);
      for (const flags of [[], ['--dry-run'], ['--secret', 'CERT']]) {
        const { code, stdout, stderr } = await cli(['env', 'import', 'prod', path, ...flags]);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toContain(
          `${path}:2:1: GITLAB_TOKEN: looks like a secret (its value looks like a GitLab token)`,
        );
        expect(stderr).toContain(`${path}:5:1: DB_PASSWORD: looks like a secret (its name ends in PASSWORD)`);
        expect(stderr).toMatch(/^hint: --secrets .*--secret KEY.*--plain/m);
        // OLD is a secret of the environment, and stays one.
        expect(stderr).not.toMatch(/: (LEVEL|CERT|OLD): /);
        expect(stderr).not.toContain(OTHER);
      }
      expect(Object.keys(stored())).toEqual(['LEVEL', 'TOKEN', 'OLD']);
      expect(stored()['OLD']).toMatchObject({ value: TOKEN });
    });

    it('refuses it too where it was a secret when it was read, and somebody made it plain meanwhile', async () => {
      const apply = stigmer.environments.apply.bind(stigmer.environments);
      let raced = false;
      stigmer.environments.apply = (draft) => {
        const other = stigmer.environments.byReference('prod');
        if (!raced && other.metadata?.version && other.spec?.data['TOKEN']) {
          raced = true;
          other.metadata.version.id = '7';
          other.spec.data['TOKEN'].isSecret = false;
        }
        return apply(draft);
      };
      const path = await file('p.env', `TOKEN=${OTHER}\n`);
      expect(await cli(['env', 'import', 'prod', path])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${path}:1:1: TOKEN: looks like a secret`),
      });
      expect(stored()['TOKEN']).toMatchObject({ value: TOKEN });
    });

    it('stores it as a secret with --secrets, and says why', async () => {
      const path = await file('p.env', DOTENV);
      const { code, stdout, stderr } = await cli(['env', 'import', 'prod', path, '--secrets']);
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'Environment prod changed, now version 2\n' });
      expect(stderr).toBe('GITLAB_TOKEN is stored as a secret: its value looks like a GitLab token\n');
      expect(stored()).toMatchObject({
        LEVEL: { value: 'info', secret: false, description: 'How much is logged.' },
        GITLAB_TOKEN: { value: OTHER, secret: true },
        CERT: { value: 'line 1\nline 2', secret: false },
        OLD: { value: TOKEN, secret: true },
      });
    });

    it.each<readonly [readonly string[], Readonly<Record<string, boolean>>]>([
      [['--secrets-all'], { LEVEL: true, GITLAB_TOKEN: true, CERT: true }],
      [['--secrets', '--secret', 'CERT'], { LEVEL: false, GITLAB_TOKEN: true, CERT: true }],
      [['--secret', 'GITLAB_TOKEN'], { LEVEL: false, GITLAB_TOKEN: true, CERT: false }],
      [['--plain'], { LEVEL: false, GITLAB_TOKEN: false, CERT: false }],
      [['--plain', '--secret', 'CERT'], { LEVEL: false, GITLAB_TOKEN: false, CERT: true }],
    ])('takes for secrets what %j says', async (flags, expected) => {
      await cli(['env', 'import', 'prod', '-', '--format', 'dotenv', ...flags], { input: DOTENV });
      expect(stored()).toMatchObject(
        Object.fromEntries(Object.entries(expected).map(([name, secret]) => [name, { secret }])),
      );
    });

    it('takes what a Kubernetes Secret holds for secrets, and asks for no flag', async () => {
      const manifest = `apiVersion: v1\nkind: Secret\nstringData:\n  GITLAB_TOKEN: ${OTHER}\n  LEVEL2: low\n`;
      const { code } = await cli(['env', 'import', 'prod', await file('s.yaml', manifest)]);
      expect(code).toBe(0);
      expect(stored()).toMatchObject({ GITLAB_TOKEN: { secret: true }, LEVEL2: { secret: true } });
    });

    it('never makes a stored secret readable', async () => {
      await cli(['env', 'import', 'prod', await file('x.json', '{"OLD": "x"}'), '--plain']);
      expect(stored()['OLD']).toMatchObject({ value: 'x', secret: true });
    });

    it('removes what the file does not have with --replace, and shows it first with --dry-run', async () => {
      const path = await file('p.yaml', 'LEVEL: error\nOLD: "********"\nNEW: 1\n');
      const { code, stdout } = await cli(['env', 'import', 'prod', path, '--replace', '--dry-run']);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '~ LEVEL\n+ NEW\n- TOKEN  (secret)\n' });
      expect(Object.keys(stored())).toEqual(['LEVEL', 'TOKEN', 'OLD']);
      await cli(['env', 'import', 'prod', path, '--replace']);
      expect(stored()).toMatchObject({
        LEVEL: { value: 'error' },
        OLD: { value: TOKEN },
        NEW: { value: '1' },
      });
      expect(stored()).not.toHaveProperty('TOKEN');
    });

    it('tells what is wrong with a file by its line, without a value, and writes nothing', async () => {
      const path = await file('bad.env', `A=1\n${OTHER}\nB="${OTHER}`);
      const { code, stderr } = await cli(['env', 'import', 'prod', path]);
      expect(code).toBe(2);
      expect(stderr).toContain(`${path}:2:1: `);
      expect(stderr).toContain(`${path}:3:1: `);
      expect(stderr).not.toContain(OTHER);
      const marker = await file('m.env', 'A=1\nFRESH=********\n');
      expect((await cli(['env', 'import', 'prod', marker])).stderr).toContain(
        `${marker}:2:1: FRESH: ******** stands for a secret, and there is none of this name`,
      );
      expect(Object.keys(stored())).toEqual(['LEVEL', 'TOKEN', 'OLD']);
    });

    it('refuses flags that contradict each other or the file', async () => {
      const path = await file('a.env', 'A=1');
      for (const flags of [
        ['--plain', '--secrets-all'],
        ['--plain', '--secrets'],
        ['--secret', 'TYPO'],
      ]) {
        expect(await cli(['env', 'import', 'prod', path, ...flags])).toMatchObject({ code: 2 });
      }
    });
  });

  describe('export', () => {
    it('leaves secrets out and names them', async () => {
      const { code, stdout, stderr } = await cli(['env', 'export', 'prod']);
      expect(code).toBe(0);
      expect(stdout).toBe('# left out, since they are secrets: OLD, TOKEN\nLEVEL=warn\n');
      expect(stderr).toContain('--with-secrets');
      const json = await cli(['env', 'export', 'prod', '--output', 'json']);
      expect(JSON.parse(json.stdout)).toEqual({ LEVEL: 'warn' });
    });

    it('reveals them to the owner, into a file that is his alone', async () => {
      await file('token', 'local-token\n');
      const path = join(home, 'out.env');
      const { code, stdout } = await cli(['env', 'export', 'prod', '--with-secrets', '--out', path]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(await readFile(path, 'utf8')).toBe(`LEVEL=warn\nOLD=${TOKEN}\nTOKEN=${TOKEN}\n`);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(stigmer.revealedWith).toBe('local-token');
      expect(await cli(['env', 'export', 'prod', '--out', path])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('is there already'),
      });
      expect(await cli(['env', 'export', 'prod', '--out', path, '--force'])).toMatchObject({ code: 0 });
      expect(await readFile(path, 'utf8')).not.toContain(TOKEN);
    });

    it('shows them on a terminal only by force', async () => {
      await file('token', 'local-token\n');
      const refused = await cli(['env', 'export', 'prod', '--with-secrets'], { terminal: true });
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(stigmer.revealedWith).toBeUndefined();
      const forced = await cli(['env', 'export', 'prod', '--with-secrets', '--force'], { terminal: true });
      expect(forced.stdout).toContain(TOKEN);
    });

    it('reads again what was changed meanwhile, so that all of it is of one version', async () => {
      await file('token', 'local-token\n');
      const find = stigmer.environments.byReference.bind(stigmer.environments);
      let reads = 0;
      stigmer.environments.byReference = (ref) => {
        const environment = find(ref);
        // After the environment itself and its first secret were read.
        if (++reads === 3) {
          if (environment.metadata?.version) environment.metadata.version.id = '9';
          for (const value of Object.values(environment.spec?.data ?? {})) value.value = 'second';
        }
        return environment;
      };
      const { stdout } = await cli(['env', 'export', 'prod', '--with-secrets']);
      expect(stdout).toBe('LEVEL=second\nOLD=second\nTOKEN=second\n');
    });
  });
});

const RESOURCE = `
apiVersion: agentic.stigmer.ai/v1
kind: Environment
metadata: { name: prod }
spec:
  data:
    LEVEL: { value: warn, description: How much is logged. }
    TOKEN: { value: ${TOKEN}, is_secret: true }
    OLD: { value: ${TOKEN}, is_secret: true }
`;
