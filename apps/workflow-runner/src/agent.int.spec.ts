import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentExecutionStatusSchema } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { toJsonString } from '@bufbuild/protobuf';
import { ExecutionPhase, MessageType, ToolCallStatus } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { startScriptedModel, type ModelRequest, type ScriptedModel } from '@stigmer/embedded';
import { agentRun } from './testing/agent-runs';
import { startMcpHttpServer } from './testing/mcp-http-server';
import { startReceiver } from './testing/receiver';
import { historyText, startHarness, type Harness } from './testing/runner-harness';

const CANARY = 'canary-51c7-agent-secret-value';
const RUN_KEY = 'sk-run-9b1e44c2a7';

const run = { variables: { TOKEN: [CANARY, true], UNUSED: ['unused-canary-secret', true] } } as const;

describe('an agent execution', () => {
  let harness: Harness;
  let model: ScriptedModel;
  let script: (request: ModelRequest) => ReturnType<NonNullable<Parameters<typeof startScriptedModel>[0]>>;
  beforeAll(async () => {
    model = await startScriptedModel((request) => script(request));
    harness = await startHarness({ modelUrl: model.url, modelApiKey: 'sk-runner-key-000111', maxTurns: 4 });
  });
  afterAll(async () => {
    await model.close();
    await harness.stop();
  });

  const statusOf = (id: string) => {
    const status = harness.farSide.agentStatuses.get(id);
    if (status === undefined) throw new Error('no status was written');
    return status;
  };

  it('calls a tool, and shows the model and the status what it said without the secret', async () => {
    script = ({ messages }) =>
      messages.at(-1)?.role === 'tool'
        ? { text: `I saw: ${String(messages.at(-1)?.content)}` }
        : { tool: 'get-env', arguments: { note: CANARY } };
    const handle = await harness.start('agent', agentRun({ ...run, message: `look, I am ${CANARY}` }));
    await handle.result();
    const status = statusOf(handle.workflowId);
    expect(status.phase).toBe(ExecutionPhase.EXECUTION_COMPLETED);
    expect(status.messages.map(({ type }) => type)).toEqual([
      MessageType.MESSAGE_HUMAN,
      MessageType.MESSAGE_AI,
      MessageType.MESSAGE_TOOL,
      MessageType.MESSAGE_AI,
    ]);
    expect(status.messages[0]?.content).toBe('look, I am ********');
    expect(status.toolCalls).toMatchObject([
      { name: 'get-env', status: ToolCallStatus.TOOL_CALL_COMPLETED, args: { note: '********' } },
    ]);
    expect(JSON.parse(status.toolCalls[0]?.result ?? '')).toEqual({
      PATH: expect.any(String),
      LANG: 'C.UTF-8',
      TMPDIR: expect.any(String),
      HOME: join(harness.homes, 'agt-test'),
      GREETING: '********',
    });
    expect(JSON.stringify(model.requests)).not.toContain(CANARY);
    expect(model.requests[0]?.body.tools).toHaveLength(1); // enabled_tools
    expect(harness.farSide.destroyed).toContain(handle.workflowId);
    expect(await historyText(handle)).not.toContain(CANARY);
    expect(toJsonString(AgentExecutionStatusSchema, status)).not.toContain(CANARY);
  });

  it('ends in the middle of its work when its execution was deleted', async () => {
    let asked = 0;
    let id = '';
    script = async () => {
      asked += 1;
      while (id === '') await sleep(10);
      harness.farSide.delete(id);
      // The first answer is what there is to write; a model thinks for longer than that waits to be written.
      while (asked > 1 && !harness.farSide.refused.includes(id)) await sleep(50);
      return { tool: 'get-env', arguments: {} };
    };
    const handle = await harness.start('agent', agentRun(run));
    id = handle.workflowId;
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'not-found' } });
    expect(asked).toBeLessThan(4); // the limit of turns
    expect(harness.farSide.destroyed).toContain(id);
  });

  it('uses the run’s own key before the runner’s, and masks it', async () => {
    script = () => ({ text: `my key is ${RUN_KEY}` });
    const handle = await harness.start(
      'agent',
      agentRun({ variables: { ...run.variables, OPENAI_API_KEY: [RUN_KEY, false] } }),
    );
    await handle.result();
    expect(model.requests.at(-1)?.authorization).toBe(`Bearer ${RUN_KEY}`);
    expect(statusOf(handle.workflowId).messages.at(-1)?.content).toBe('my key is ********');
  });

  it('fails with the masked stderr of a server that does not start', async () => {
    const args = ['-e', 'console.error("cannot open " + process.env.GREETING); process.exit(3)'];
    const value = { command: process.execPath, args, envPlaceholders: { GREETING: '${TOKEN}' } };
    const handle = await harness.start(
      'agent',
      agentRun({ ...run, server: { name: 'broken', serverType: { case: 'stdio', value } } }),
    );
    await expect(handle.result()).rejects.toThrow();
    const { phase, error } = statusOf(handle.workflowId);
    expect(phase).toBe(ExecutionPhase.EXECUTION_FAILED);
    expect(error).toMatch(
      /^McpServerFailed: MCP server broken: does not start: .*\nits stderr: cannot open \*{8}$/,
    );
  });

  it('ends an agent that never stops calling tools', async () => {
    script = () => ({ tool: 'get-env', arguments: {} });
    const handle = await harness.start('agent', agentRun(run));
    await expect(handle.result()).rejects.toThrow();
    expect(statusOf(handle.workflowId).error).toBe(
      'LimitReached: the agent has taken 4 turns without an end',
    );
    expect(harness.farSide.destroyed).toContain(handle.workflowId);
  });

  it('reaches a server over HTTP with a secret in header and query, and masks what it echoes', async () => {
    const server = await startMcpHttpServer();
    try {
      script = ({ messages }) =>
        messages.at(-1)?.role === 'tool' ? { text: 'seen' } : { tool: 'echo', arguments: {} };
      const value = {
        url: `${server.url}/mcp`,
        headers: { Authorization: 'Bearer ${TOKEN}' },
        queryParams: { k: '${TOKEN}' },
      };
      const handle = await harness.start(
        'agent',
        agentRun({ ...run, server: { name: 'web', serverType: { case: 'http', value } } }),
      );
      await handle.result();
      expect(server.seen.at(-1)).toEqual({ authorization: `Bearer ${CANARY}`, url: `/mcp?k=${CANARY}` });
      const { toolCalls } = statusOf(handle.workflowId);
      expect(JSON.parse(toolCalls[0]?.result ?? '')).toEqual({
        authorization: 'Bearer ********',
        url: '/mcp?k=********',
      });
    } finally {
      server.close();
    }
  });

  it('is cancelled while the model thinks, ends its servers, and destroys its context', async () => {
    const thinking = await startReceiver(() => undefined);
    try {
      const variables = { ...run.variables, OPENAI_BASE_URL: [`${thinking.url}/v1`, false] } as const;
      const handle = await harness.start('agent', agentRun({ variables }));
      while (thinking.received.length === 0) await new Promise((done) => setTimeout(done, 50));
      // An address of the run's own gets none of the runner's keys.
      expect(thinking.received[0]?.headers.authorization).toBeUndefined();
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow();
      expect(statusOf(handle.workflowId).phase).toBe(ExecutionPhase.EXECUTION_CANCELLED);
      expect(harness.farSide.destroyed).toContain(handle.workflowId);
      expect(await historyText(handle)).not.toContain(CANARY);
    } finally {
      thinking.close();
    }
  });

  it('says in words that docker is not there', async () => {
    const value = { image: 'some/image', envPlaceholders: { A: '${TOKEN}' } };
    const handle = await harness.start(
      'agent',
      agentRun({ ...run, server: { name: 'boxed', serverType: { case: 'docker', value } } }),
    );
    await expect(handle.result()).rejects.toThrow();
    expect(statusOf(handle.workflowId).error).toMatch(
      /docker is not installed where the runner runs|Cannot connect to the Docker daemon/,
    );
  });

  it('leaves no child behind: no process has a home of these runs', async () => {
    const homesOf = (pid: string) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8')
          .split('\0')
          .filter((line) => line.startsWith(`HOME=${harness.homes}`));
      } catch {
        return []; // another user's, or gone meanwhile
      }
    };
    const child = spawn('sleep', ['600'], { env: { HOME: `${harness.homes}/planted` } });
    const pids = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && homesOf(pid).length > 0);
    try {
      // A server that was killed takes a moment to be gone. The search finds one that is there.
      while (pids().length > 1) await sleep(50);
      expect(pids()).toEqual([String(child.pid)]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
