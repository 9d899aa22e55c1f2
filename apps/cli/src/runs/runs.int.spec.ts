import { EventEmitter } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { DomainError } from '@stigmer/domain';
import { AgentExecutionSchema, type AgentExecution } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { AgentExecutionCommandController } from '@stigmer/proto/agentic/agentexecution/v1/command';
import {
  ExecutionPhase as AgentPhase,
  MessageType,
  ToolCallStatus,
} from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { AgentExecutionQueryController } from '@stigmer/proto/agentic/agentexecution/v1/query';
import type { Session } from '@stigmer/proto/agentic/session/v1/api';
import { SessionCommandController } from '@stigmer/proto/agentic/session/v1/command';
import {
  WorkflowExecutionSchema,
  type WorkflowExecution,
} from '@stigmer/proto/agentic/workflowexecution/v1/api';
import { WorkflowExecutionCommandController } from '@stigmer/proto/agentic/workflowexecution/v1/command';
import { ExecutionPhase, WorkflowTaskStatus } from '@stigmer/proto/agentic/workflowexecution/v1/enum';
import { WorkflowExecutionQueryController } from '@stigmer/proto/agentic/workflowexecution/v1/query';
import { run } from '../program';
import { FakeServer } from '../testing/fake-server';
import { FakeStigmer } from '../testing/fake-stigmer';
import { memoryIo, type MemoryIo } from '../testing/memory-io';

const SECRET = 'ghp_canary0123456789abcdefghijkl';
const {
  EXECUTION_COMPLETED,
  EXECUTION_FAILED,
  EXECUTION_CANCELLED,
  EXECUTION_IN_PROGRESS,
  EXECUTION_PENDING,
} = ExecutionPhase;

describe('runs', () => {
  let server: FakeServer;
  let stigmer: FakeStigmer;
  let folder: string;
  /** What the far side was asked to run. */
  let workflowRuns: WorkflowExecution[];
  let agentRuns: AgentExecution[];
  let sessions: Session[];
  let cancelled: string[];
  let signals: EventEmitter;
  /** How the next workflow goes: its states in order; `wait` holds on until the run is cancelled. */
  let script: (WorkflowExecution['status'] | 'drop' | 'wait')[];
  let failures: Error[];
  /** What the far side has to say of a workflow's run when it starts. */
  let warnings: readonly { readonly code: string; readonly message: string }[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stigmer-cli-'));
    stigmer = new FakeStigmer();
    [workflowRuns, agentRuns, sessions, cancelled, failures, warnings] = [[], [], [], [], [], []];
    signals = new EventEmitter();
    script = [workflowStatus(EXECUTION_PENDING), workflowStatus(EXECUTION_COMPLETED)];
    let wake: () => void = () => undefined;
    const wasCancelled = new Promise<void>((resolve) => (wake = resolve));
    server = stigmer
      .on(new FakeServer())
      .serve(WorkflowExecutionCommandController, {
        create: (execution) => {
          workflowRuns.push(execution);
          const failure = failures.shift();
          if (failure) return Promise.reject(failure);
          const { metadata, spec } = execution;
          return Promise.resolve({ metadata, spec, status: { warnings: [...warnings] } });
        },
        cancel: ({ value }) => {
          cancelled.push(value);
          wake();
          return Promise.resolve({ metadata: { id: value }, status: { phase: EXECUTION_IN_PROGRESS } });
        },
      })
      .serve(WorkflowExecutionQueryController, {
        get: ({ value }) => Promise.resolve({ metadata: { id: value, org: orgOfRun(value) } }),
        subscribe: async function* ({ executionId }) {
          while (script.length > 0) {
            const status = script.shift();
            if (status === 'drop') throw new DomainError('unavailable', 'going away');
            if (status === 'wait') await wasCancelled;
            else yield create(WorkflowExecutionSchema, { metadata: { id: executionId }, status });
          }
        },
      })
      .serve(SessionCommandController, {
        create: (session) => {
          sessions.push(session);
          return Promise.resolve(session);
        },
        delete: ({ value }) => {
          const index = sessions.findIndex(({ metadata }) => metadata?.id === value);
          return Promise.resolve(sessions.splice(index, 1)[0] ?? {});
        },
      })
      .serve(AgentExecutionCommandController, {
        create: (execution) => {
          const failure = failures.shift();
          if (failure) return Promise.reject(failure);
          agentRuns.push(execution);
          return Promise.resolve(execution);
        },
        cancel: ({ value }) => {
          cancelled.push(value);
          return Promise.resolve({
            metadata: { id: value },
            status: { phase: AgentPhase.EXECUTION_CANCELLED },
          });
        },
      })
      .serve(AgentExecutionQueryController, {
        get: ({ value }) => Promise.resolve({ metadata: { id: value, org: orgOfRun(value) } }),
        subscribe: ({ value }) => agentStates(value),
      });
    await server.listen();
    await cli(['apply', '-'], memoryIo({ input: RESOURCES }));
  });
  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function cli(args: readonly string[], io: MemoryIo = memoryIo({ input: '' })) {
    const code = await run(['--address', server.address, ...args], { ...io, signals });
    return { code, ...io.written };
  }

  it('passes on what a run is warned of when it starts', async () => {
    warnings = [{ code: 'expiring-variable', message: 'TOKEN expires at 2026-11-25T00:00:00Z' }];
    const { stderr } = await cli(['workflow', 'execute', 'deploy', '--no-wait']);
    expect(stderr).toContain('warning: TOKEN expires at 2026-11-25T00:00:00Z\n');
  });

  it('shows the tasks as they go, and ends with the output and exit code 0', async () => {
    script = [
      workflowStatus(EXECUTION_PENDING),
      workflowStatus(EXECUTION_IN_PROGRESS, [
        { taskId: '1', taskName: 'notify', status: WorkflowTaskStatus.WORKFLOW_TASK_IN_PROGRESS },
      ]),
      create(WorkflowExecutionSchema, {
        status: {
          phase: EXECUTION_COMPLETED,
          output: { sent: true },
          tasks: [{ taskId: '1', taskName: 'notify', status: WorkflowTaskStatus.WORKFLOW_TASK_COMPLETED }],
        },
      }).status,
    ];
    const { code, stdout, stderr } = await cli([
      'workflow',
      'execute',
      'wfl-deploy',
      '--trigger',
      'go',
      '--input',
      '{"v": 1}',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ sent: true });
    expect(stderr).toMatch(
      /^instance deploy-prod\nrun wex-\w{26}\npending\nin progress\n {2}task notify started\n {2}task notify completed\ncompleted\n$/,
    );
    expect(workflowRuns[0]?.spec).toMatchObject({
      workflowId: stigmer.workflows.byReference('deploy').metadata?.id,
      workflowInstanceId: stigmer.workflowInstances.byReference('deploy-prod').metadata?.id,
      triggerMessage: 'go',
    });
  });

  it('sends the variables with their secrecy, and shows none of the secrets', async () => {
    const token = join(folder, 'token');
    await writeFile(token, `${SECRET}\n`);
    const outcome = await cli([
      'workflow',
      'execute',
      'deploy',
      '-s',
      `TOKEN=@${token}`,
      '-e',
      'LOG=debug',
      '-e',
      `GH_TOKEN=${SECRET}x`,
    ]);
    expect(outcome.code).toBe(0);
    expect(workflowRuns[0]?.spec?.runtimeEnv).toMatchObject({
      TOKEN: { value: SECRET, isSecret: true },
      LOG: { value: 'debug', isSecret: false },
      GH_TOKEN: { value: `${SECRET}x`, isSecret: true },
    });
    expect(outcome.stdout + outcome.stderr).not.toContain(SECRET);
  });

  it('creates again with the same id when the answer is uncertain', async () => {
    failures = [new DomainError('unavailable', 'restarting')];
    expect((await cli(['workflow', 'execute', 'deploy'])).code).toBe(0);
    expect(workflowRuns).toHaveLength(2);
    expect(workflowRuns[0]?.metadata?.id).toBe(workflowRuns[1]?.metadata?.id);
  });

  it('reports a refusal with everything that is missing, and exit code 4', async () => {
    failures = [
      new DomainError('failed-precondition', 'the run cannot start:\n- A: x\n- B: y', [
        { field: 'A', description: 'x' },
        { field: 'B', description: 'y' },
      ]),
    ];
    const { code, stderr } = await cli(['workflow', 'execute', 'deploy']);
    expect(code).toBe(4);
    expect(stderr).toContain('error: the run cannot start:\n  A: x\n  B: y\n');
  });

  it('stays with the run across a lost connection', async () => {
    script = [workflowStatus(EXECUTION_PENDING), 'drop', workflowStatus(EXECUTION_COMPLETED)];
    expect((await cli(['workflow', 'execute', 'deploy'])).code).toBe(0);
  });

  it.each([
    [EXECUTION_FAILED, 7, 'failed: notify: 500\n'],
    [EXECUTION_CANCELLED, 8, 'cancelled: notify: 500\n'],
  ])('ends with the phase of the run: %s', async (phase, code, line) => {
    script = [create(WorkflowExecutionSchema, { status: { phase, error: 'notify: 500' } }).status];
    const outcome = await cli(['workflow', 'execute', 'deploy']);
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toContain(line);
  });

  it('starts a run and leaves with --no-wait, printing the id', async () => {
    const { code, stdout } = await cli(['workflow', 'execute', 'deploy', '--no-wait']);
    expect(code).toBe(0);
    expect(stdout).toBe(`${workflowRuns[0]?.metadata?.id ?? ''}\n`);
  });

  it('cancels the run at Ctrl-C and waits for its end', async () => {
    script = [workflowStatus(EXECUTION_IN_PROGRESS), 'wait', workflowStatus(EXECUTION_CANCELLED)];
    const outcome = cli(['workflow', 'execute', 'deploy']);
    await until(() => workflowRuns.length > 0);
    signals.emit('SIGINT');
    expect((await outcome).code).toBe(8);
    expect(cancelled).toEqual([workflowRuns[0]?.metadata?.id]);
  });

  it('leaves the run to itself at the second Ctrl-C', async () => {
    script = [workflowStatus(EXECUTION_IN_PROGRESS), 'wait', 'wait', 'wait'];
    const outcome = cli(['workflow', 'execute', 'deploy']);
    await until(() => workflowRuns.length > 0);
    signals.emit('SIGINT');
    signals.emit('SIGINT');
    expect((await outcome).code).toBe(130);
  });

  it('runs an agent in a session with its only instance, and ends with the answer', async () => {
    const { code, stdout, stderr } = await cli([
      'agent',
      'execute',
      'agt-reviewer',
      '-m',
      'Review PR #123',
      '--model',
      'small',
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe('the answer\n');
    expect(stderr).toContain('  agent: let me look\n  tool get-env completed\n');
    expect(sessions[0]?.spec).toMatchObject({
      agentInstanceId: stigmer.agentInstances.byReference('reviewer-prod').metadata?.id,
      subject: '',
    });
    expect(agentRuns[0]?.spec).toMatchObject({
      agentId: stigmer.agents.byReference('reviewer').metadata?.id,
      sessionId: sessions[0]?.metadata?.id,
      message: 'Review PR #123',
      executionConfig: { modelName: 'small' },
    });
  });

  it.each([
    'workflow execute deploy',
    'workflow execute deploy --no-wait',
    'agent execute reviewer -m hi',
    'agent execute reviewer -m hi --no-wait',
    'cancel wex-1',
    'agent cancel aex-1',
    'workflow cancel wex-1',
  ])('answers %s with one JSON document on the standard output alone', async (words) => {
    const { code, stdout } = await cli([...words.split(' '), '--output', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('metadata.id');
  });

  it('leaves no session behind when the run is refused', async () => {
    failures = [new DomainError('failed-precondition', 'the run cannot start')];
    expect((await cli(['agent', 'execute', 'reviewer', '-m', 'hi'])).code).toBe(4);
    expect(sessions).toEqual([]);
  });

  it('puts the run under a session that is named, and makes none', async () => {
    await cli(['agent', 'execute', 'reviewer', '-m', 'And?', '--session', 'ses-1']);
    expect(sessions).toEqual([]);
    expect(agentRuns[0]?.spec).toMatchObject({ agentId: 'reviewer', sessionId: 'ses-1' });
  });

  it('does not guess between several instances', async () => {
    await cli(['apply', '-'], memoryIo({ input: INSTANCE.replace('deploy-prod', 'deploy-test') }));
    const { stderr } = await cli(['workflow', 'execute', 'deploy']);
    expect(stderr).toContain(
      'the default instance, without environments; --instance chooses another: deploy-prod, deploy-test',
    );
    expect(workflowRuns[0]?.spec?.workflowInstanceId).toBe('');
    script = [workflowStatus(EXECUTION_COMPLETED)];
    await cli(['workflow', 'execute', 'deploy', '--instance', 'deploy-test']);
    expect(workflowRuns[1]?.spec?.workflowInstanceId).toBe(
      stigmer.workflowInstances.byReference('deploy-test').metadata?.id,
    );
  });

  it('fails at once, before anything is started, where a secret is to be asked for and nobody can answer', async () => {
    const { code, stderr } = await cli(['workflow', 'execute', 'deploy', '--secret', 'TOKEN']);
    expect(code).toBe(2);
    expect(stderr).toContain('there is no terminal to ask for TOKEN');
    expect(workflowRuns).toEqual([]);
  });

  it('cancels a run by its id, of the right kind', async () => {
    expect(await cli(['cancel', 'wex-1'])).toMatchObject({ code: 0, stdout: 'wex-1 is being cancelled\n' });
    expect(await cli(['agent', 'cancel', 'aex-1'])).toMatchObject({ code: 0, stdout: 'aex-1 cancelled\n' });
    expect(await cli(['agent', 'cancel', 'wex-1'])).toMatchObject({ code: 2 });
    expect(cancelled).toEqual(['wex-1', 'aex-1']);
  });

  it('cancels no run of another organization: it is not found', async () => {
    for (const [id, kind] of [
      ['wex-elsewhere', 'WorkflowExecution'],
      ['aex-elsewhere', 'AgentExecution'],
    ] as const) {
      expect(await cli(['cancel', id])).toEqual({
        code: 3,
        stdout: '',
        stderr: `error: ${kind} not found: ${id}\n`,
      });
    }
    expect(cancelled).toEqual([]);
    expect(await cli(['cancel', 'wex-elsewhere', '--org', 'elsewhere'])).toMatchObject({ code: 0 });
  });

  it('writes nothing of the message into the session', async () => {
    await cli(['agent', 'execute', 'reviewer', '-m', `the token is ${SECRET}`]);
    expect(JSON.stringify(sessions)).not.toContain(SECRET);
  });

  it.each([
    ['workflow', ['--trigger', `use ${SECRET}`], 'spec.trigger_message'],
    ['workflow', ['--input', `{"token": "${SECRET}"}`], 'spec.input'],
    ['agent', ['--message', `use ${SECRET}`], 'spec.message'],
  ])(
    'names the field of a %s in which the server found a secret, not the secret',
    async (kind, flags, field) => {
      const token = join(folder, 'token');
      await writeFile(token, SECRET);
      const description = 'contains the value of the secret TOKEN';
      failures = [new DomainError('invalid-argument', `${field}: ${description}`, [{ field, description }])];
      const ref = kind === 'agent' ? 'reviewer' : 'deploy';
      const { code, stdout, stderr } = await cli([kind, 'execute', ref, ...flags, '-s', `TOKEN=@${token}`]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`error: ${field}: ${description}\n`);
      expect(stderr).not.toContain(SECRET);
      expect(sessions).toEqual([]);
    },
  );
});

/** The organization of a run is in its id here. */
function orgOfRun(id: string): string {
  return id.includes('elsewhere') ? 'elsewhere' : 'default';
}

/** An agent that calls one tool and answers. */
async function* agentStates(id: string): AsyncIterable<AgentExecution> {
  const metadata = { id };
  const call = { id: 'c1', name: 'get-env' };
  yield create(AgentExecutionSchema, {
    metadata,
    status: {
      phase: AgentPhase.EXECUTION_IN_PROGRESS,
      toolCalls: [{ ...call, status: ToolCallStatus.TOOL_CALL_RUNNING }],
    },
  });
  await Promise.resolve();
  yield create(AgentExecutionSchema, {
    metadata,
    status: {
      phase: AgentPhase.EXECUTION_COMPLETED,
      toolCalls: [{ ...call, status: ToolCallStatus.TOOL_CALL_COMPLETED }],
      messages: [
        { type: MessageType.MESSAGE_HUMAN, content: 'hi' },
        { type: MessageType.MESSAGE_AI, content: 'let me look' },
        { type: MessageType.MESSAGE_AI, content: 'the answer' },
      ],
    },
  });
}

function workflowStatus(
  phase: ExecutionPhase,
  tasks: { taskId: string; taskName: string; status: WorkflowTaskStatus }[] = [],
) {
  return create(WorkflowExecutionSchema, { status: { phase, tasks } }).status;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not happen in a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const INSTANCE = `apiVersion: agentic.stigmer.ai/v1
kind: WorkflowInstance
metadata: { name: deploy-prod }
spec: { workflow_id: deploy }
`;
const RESOURCES = `${INSTANCE}---
apiVersion: agentic.stigmer.ai/v1
kind: Workflow
metadata: { name: deploy }
spec: { tasks: [{ name: t, kind: SET, task_config: { variables: { a: b } } }] }
---
apiVersion: agentic.stigmer.ai/v1
kind: Agent
metadata: { name: reviewer }
spec: { instructions: Review with care. }
---
apiVersion: agentic.stigmer.ai/v1
kind: AgentInstance
metadata: { name: reviewer-prod }
spec: { agent_id: reviewer }
`;
