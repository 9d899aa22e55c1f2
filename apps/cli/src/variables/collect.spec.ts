import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../context';
import { memoryIo, type MemoryIo } from '../testing/memory-io';
import { gatherVariables, refuseWithoutTerminal } from './collect';
import type { VariableFlags } from './flags';

const flags = (some: Partial<VariableFlags>): VariableFlags => ({
  env: [],
  secret: [],
  envFile: [],
  secretFile: [],
  plain: [],
  ...some,
});
const contextOf = (io: MemoryIo): Context => ({
  io,
  format: 'table',
  address: '',
  org: 'default',
  home: '',
  colour: false,
});

describe('gathering variables', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };
  async function gather(some: Partial<VariableFlags>, io: MemoryIo = memoryIo()) {
    const variables = await gatherVariables(contextOf(io), flags(some));
    return { variables: Object.fromEntries(await variables.complete()), stderr: io.written.stderr };
  }

  it('lets --secret win over --env, that over --secret-file, and that over --env-file', async () => {
    const envFile = [await file('env', 'A=env-file\nB=env-file\nC=env-file\nD=env-file\n')];
    const secretFile = [await file('secrets', 'B=secret-file\nC=secret-file\nD=secret-file\n')];
    const { variables } = await gather({
      envFile,
      secretFile,
      env: ['C=env', 'D=env'],
      secret: ['D=@@secret'],
    });
    expect(variables).toEqual({
      A: { value: 'env-file', secret: false },
      B: { value: 'secret-file', secret: true },
      C: { value: 'env', secret: true },
      D: { value: '@secret', secret: true },
    });
  });

  it('reads a secret from a file and from the standard input, without the line break at the end', async () => {
    const path = await file('token', 'from-file-0123456789\n');
    const { variables, stderr } = await gather(
      { secret: [`A=@${path}`, 'B=-'] },
      memoryIo({ input: 'from-stdin-0123456789\r\n' }),
    );
    expect(variables).toEqual({
      A: { value: 'from-file-0123456789', secret: true },
      B: { value: 'from-stdin-0123456789', secret: true },
    });
    expect(stderr).toBe('');
  });

  it('takes no bytes for a text that are none', async () => {
    const path = join(folder, 'binary');
    await writeFile(path, Buffer.from([0x66, 0xff, 0xfe]));
    await expect(gather({ secret: [`A=@${path}`] })).rejects.toThrow(`${path} is no text in UTF-8`);
    const io = memoryIo();
    io.stdin.end(Buffer.from([0x66, 0xff]));
    await expect(gather({ secret: ['A=-'] }, io)).rejects.toThrow('the standard input is no text in UTF-8');
  });

  it('warns that a secret on the command line can be read by others, without repeating it', async () => {
    const { stderr } = await gather({ secret: ['GITHUB_TOKEN=ghp_xxx0123456789'] });
    expect(stderr).toContain('process list');
    expect(stderr).not.toContain('ghp_xxx');
  });

  it('asks for a secret without echo, after everything else was found to be in order', async () => {
    const io = memoryIo({ terminal: true });
    const variables = await gatherVariables(contextOf(io), flags({ secret: ['API_TOKEN'] }));
    expect(io.written.stderr).toBe('');
    const answer = variables.complete();
    setImmediate(() => io.stdin.write('typed-0123456789\r'));
    expect(Object.fromEntries(await answer)).toEqual({
      API_TOKEN: { value: 'typed-0123456789', secret: true },
    });
    expect(io.written.stderr).toContain('API_TOKEN');
    expect(io.written.stdout + io.written.stderr).not.toContain('typed');
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('ends with 130 at %s', async (_key, typed) => {
    const io = memoryIo({ terminal: true });
    const variables = await gatherVariables(contextOf(io), flags({ secret: ['API_TOKEN'] }));
    const answer = variables.complete();
    setImmediate(() => io.stdin.write(typed));
    await expect(answer).rejects.toMatchObject({ code: 130 });
  });

  it('takes no empty answer for a secret', async () => {
    const io = memoryIo({ terminal: true });
    const variables = await gatherVariables(contextOf(io), flags({ secret: ['API_TOKEN'] }));
    const answer = variables.complete();
    setImmediate(() => io.stdin.write('\r'));
    await expect(answer).rejects.toThrow('no value was given for API_TOKEN');
  });

  it('refuses at once to ask where there is no terminal, and says what to do instead', () => {
    expect(() => {
      refuseWithoutTerminal(contextOf(memoryIo()), flags({ secret: ['API_TOKEN', 'B=@b'] }));
    }).toThrow('there is no terminal to ask for API_TOKEN');
    expect(() => {
      refuseWithoutTerminal(contextOf(memoryIo({ terminal: true })), flags({ secret: ['API_TOKEN'] }));
    }).not.toThrow();
  });

  it('says that a credential given as a plain variable is sent as a secret', async () => {
    const { variables, stderr } = await gather({ env: ['GITHUB_TOKEN=abcdefgh12'] });
    expect(variables).toEqual({ GITHUB_TOKEN: { value: 'abcdefgh12', secret: true } });
    expect(stderr).toMatch(
      /^GITHUB_TOKEN from --env is sent as a secret: .*; --plain GITHUB_TOKEN turns this off\n$/,
    );
    expect((await gather({ env: ['GITHUB_TOKEN=abcdefgh12'], plain: ['GITHUB_TOKEN'] })).variables).toEqual({
      GITHUB_TOKEN: { value: 'abcdefgh12', secret: false },
    });
  });

  it('refuses --plain for a variable that nothing plain gives', async () => {
    await expect(gather({ plain: ['TYPO'], env: ['A=1'] })).rejects.toThrow('--plain number 1');
  });

  it('reports a malformed file by its line, and a missing one by its name', async () => {
    const path = await file('broken.env', 'A=1\nnot an assignment\n');
    await expect(gather({ envFile: [path] })).rejects.toThrow(`${path}: line 2: `);
    await expect(gather({ secretFile: ['/nowhere/secrets'] })).rejects.toThrow(
      'cannot read /nowhere/secrets: there is no such file',
    );
  });

  it('withholds every secret from an explanation, and asks for none', async () => {
    const secretFile = [await file('secrets', 'B=from-file-0123456789\n')];
    const variables = await gatherVariables(
      contextOf(memoryIo()),
      flags({ secret: ['A', 'C=@/nowhere'], env: ['LOG=debug', 'X_TOKEN=abcdefgh12'], secretFile }),
    );
    expect(Object.fromEntries(variables.withheld())).toEqual({
      A: { value: '', secret: true },
      B: { value: '', secret: true },
      C: { value: '', secret: true },
      LOG: { value: 'debug', secret: false },
      X_TOKEN: { value: '', secret: true },
    });
  });
});
