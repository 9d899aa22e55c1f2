import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { McpServerDefinitionSchema } from '@stigmer/proto/agentic/agent/v1/spec';
import { planLaunch, type Surroundings } from './launch';

const CANARY = 'canary-0c55-launch';
const variables = new Map([
  ['TOKEN', { text: CANARY, secret: true }],
  ['OTHER', { text: 'other-secret-value', secret: true }],
]);

describe('the launch of an MCP server', () => {
  let surroundings: Surroundings;
  beforeAll(async () => {
    const homes = await mkdtemp(join(tmpdir(), 'stigmer-launch-'));
    surroundings = { path: '/bin', lang: 'C.UTF-8', tmpdir: '/tmp', homes };
  });
  afterAll(() => rm(surroundings.homes, { recursive: true }));

  const plan = (
    serverType: MessageInitShape<typeof McpServerDefinitionSchema>['serverType'],
    owner = 'agt-1',
  ) =>
    planLaunch(create(McpServerDefinitionSchema, { name: 's', serverType }), variables, owner, surroundings);

  it('gives a stdio server its own placeholders and four variables, in a home of its owner’s', async () => {
    const launch = await plan({
      case: 'stdio',
      value: { command: 'c', args: ['a'], envPlaceholders: { T: 'x${TOKEN}' } },
    });
    const home = join(surroundings.homes, 'agt-1');
    expect(launch).toEqual({
      kind: 'child',
      child: {
        command: 'c',
        args: ['a'],
        cwd: home,
        env: { PATH: '/bin', LANG: 'C.UTF-8', TMPDIR: '/tmp', HOME: home, T: `x${CANARY}` },
      },
    });
    expect((await stat(home)).mode & 0o777).toBe(0o700);
  });

  it('hands docker its variables through the environment, with no value in an argument', async () => {
    const launch = await plan({
      case: 'docker',
      value: {
        image: 'img',
        args: ['serve'],
        envPlaceholders: { T: '${TOKEN}' },
        volumes: [{ hostPath: '/h', containerPath: '/c', readOnly: true }],
        ports: [{ hostPort: 1, containerPort: 2 }],
        containerName: 'box',
      },
    });
    if (launch.kind !== 'child') throw new Error('not a child');
    expect(launch.child.args).toEqual(
      'run --rm --interactive --name box --env T --volume /h:/c:ro --publish 127.0.0.1:1:2/tcp img serve'.split(
        ' ',
      ),
    );
    expect(launch.child.env).toMatchObject({ T: CANARY });
  });

  it.each(['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG'])(
    'refuses a docker server’s %s, which its client would read',
    async (name) => {
      await expect(
        plan({ case: 'docker', value: { image: 'i', envPlaceholders: { [name]: 'x' } } }),
      ).rejects.toThrow(name);
    },
  );

  it('fills in the headers and query of an HTTP server', async () => {
    const launch = await plan({
      case: 'http',
      value: {
        url: 'https://mcp.test/x?a=1',
        headers: { A: 'Bearer ${TOKEN}' },
        queryParams: { k: '${TOKEN}&' },
        timeoutSeconds: 5,
      },
    });
    expect(launch).toEqual({
      kind: 'http',
      url: new URL(`https://mcp.test/x?a=1&k=${CANARY}%26`),
      headers: { A: `Bearer ${CANARY}` },
      timeoutMs: 5_000,
    });
  });

  it('names everything that is wrong at once, and no value', async () => {
    const value = {
      command: '${TOKEN}',
      args: ['--key=${TOKEN}'],
      envPlaceholders: { A: '${MISSING}', B: '${' },
    };
    const failure = await plan({ case: 'stdio', value }).catch((error: unknown) => String(error));
    for (const place of ['command', 'args[0]', 'env_placeholders.A', 'env_placeholders.B'])
      expect(failure).toContain(place);
    expect(failure).not.toContain(CANARY);
  });

  it.each(['../x', '', '.', 'a/b'])('refuses an owner %j that would leave the folder', async (owner) => {
    await expect(plan({ case: 'stdio', value: { command: 'c' } }, owner)).rejects.toThrow(
      /cannot name a folder/,
    );
  });
});
