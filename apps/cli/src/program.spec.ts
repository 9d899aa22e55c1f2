import { run } from './program';
import { memoryIo } from './testing/memory-io';

async function cli(...args: readonly string[]) {
  const io = memoryIo({ input: '' });
  const code = await run(args, io);
  return { code, ...io.written };
}

const COMMANDS = [
  ['apply'],
  ['get'],
  ['list'],
  ['delete'],
  ['explain'],
  ['cancel'],
  ['environment'],
  ['env', 'set'],
  ['environment', 'set'],
  ['environment', 'unset'],
  ['environment', 'import'],
  ['environment', 'export'],
  ['environment', 'history'],
  ['environment', 'diff'],
  ['environment', 'rollback'],
  ['environment', 'tag'],
  ['environment', 'untag'],
  ['environment', 'prune'],
  ['environment', 'used-by'],
  ['secret'],
  ['secret', 'get'],
  ['keys'],
  ['keys', 'status'],
  ['keys', 'add'],
  ['keys', 'promote'],
  ['keys', 'rewrap'],
  ['keys', 'retire'],
  ['keys', 'verify'],
  ['agent'],
  ['agent', 'execute'],
  ['agent', 'cancel'],
  ['workflow'],
  ['workflow', 'execute'],
  ['workflow', 'cancel'],
];

describe('the command line', () => {
  it('says its version', async () => {
    expect(await cli('--version')).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it.each(COMMANDS.map((words) => words.join(' ')))('teaches %s by examples', async (words) => {
    const { code, stdout, stderr } = await cli(...words.split(' '), '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\nExamples?:\n {2}\$ /);
    expect(stdout).toContain('--output <format>');
    expect(stdout).not.toMatch(/default:\s+(?:false|""|\[\])/);
  });

  it('takes the global flags before and after a command', async () => {
    const before = await cli('--output', 'json', 'list', 'nothing');
    const after = await cli('list', 'nothing', '--output', 'json');
    expect(before).toEqual(after);
    expect(JSON.parse(after.stderr)).toMatchObject({ error: { code: 'USAGE' } });
  });

  it('reports wrong usage once, with exit code 2', async () => {
    expect(await cli('aply')).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^error: unknown command 'aply'\n.*did you mean apply/is),
    });
    expect(await cli('get', 'agent')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("missing required argument 'ref'"),
    });
    expect(await cli('list', 'env', '--output', 'xml')).toMatchObject({ code: 2 });
    expect(await cli('agent', 'execute', 'a')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--message'),
    });
  });

  it('does not repeat what stands behind the = of an unknown flag', async () => {
    const { stderr } = await cli('agent', 'execute', 'a', '-m', 'x', '--secrte=TOKEN=hunter2');
    expect(stderr).toContain("unknown option '--secrte=…'");
    expect(stderr).not.toContain('hunter2');
  });

  it('shows its help and fails when a group is named without a command', async () => {
    const { code, stdout, stderr } = await cli('agent');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: stigmer agent /);
    expect(stderr).not.toContain('error:');
  });
});
