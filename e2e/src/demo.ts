import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { searchLeaks } from './leak-search';
import { startScriptedModel } from '@stigmer/embedded';
import { startReceiver } from './receiver';
import { historyOf } from './history';
import { Stack } from './stack';
import { repository, stigmer } from './stigmer';

/**
 * `make demo`: the whole way of a secret on real parts, on a folder and ports of its own.
 * Each step prints the command it runs, then what it printed; the last ones look at the insides.
 */
async function demo(): Promise<void> {
  const demos = join(repository, '.demo');
  mkdirSync(demos, { recursive: true });
  const stack = new Stack(mkdtempSync(join(demos, 'run-')));
  const receiver = await startReceiver();
  const model = await startScriptedModel();
  try {
    await start(stack, model.url);
    await applyAndExplain(stack, receiver.url);
    const workflow = await runWorkflow(stack, receiver.url);
    say(`The receiver got: ${receiver.received.at(-1)?.headers.authorization ?? 'no authorization header'}`);
    const agent = await runAgent(stack);
    await lookInside(stack, [workflow, agent]);
    heading('Done');
    say(
      'Everything ran on real servers: a MongoDB-wire database, Valkey, Temporal, six services, an MCP server.',
    );
  } finally {
    await stigmer(['server', 'stop', '--home', stack.home]);
    await Promise.all([receiver.close(), model.close()]);
    rmSync(stack.home, { recursive: true, force: true });
  }
}

const exampleSecrets = new Map([
  ['RECEIVER_TOKEN', 'example-receiver-token-7f3a91c4'],
  ['GREETING_TOKEN', 'example-greeting-token-2b8e60d5'],
]);

async function start(stack: Stack, scriptedModelUrl: string): Promise<void> {
  heading('Start the stack');
  const configured = process.env['STIGMER_MODEL_URL'];
  say(
    configured === undefined
      ? 'No model is configured (STIGMER_MODEL_URL), so the agent talks to a scripted OpenAI-compatible endpoint.'
      : `The agent talks to the model at ${configured}.`,
  );
  const model = { STIGMER_MODEL_URL: configured ?? scriptedModelUrl, ...modelName() };
  const ports = ['--port', '0', '--temporal-port', '0', '--temporal-ui-port', '0'];
  const outcome = await stigmer(['server', 'start', '--home', stack.home, ...ports], { variables: model });
  show('stigmer server start', outcome);
}

function modelName(): { STIGMER_MODEL_NAME?: string } {
  const name = process.env['STIGMER_MODEL_NAME'];
  return name === undefined ? {} : { STIGMER_MODEL_NAME: name };
}

async function applyAndExplain(stack: Stack, receiverUrl: string): Promise<void> {
  heading('Apply the examples: environments, templates, instances');
  await run(stack, ['apply', 'examples']);
  heading('Explain, before anything runs: what will the run get, and from where');
  await run(stack, ['explain', 'workflow', 'deploy-notice', '--env', `RECEIVER_URL=${receiverUrl}/notify`]);
}

async function runWorkflow(stack: Stack, receiverUrl: string): Promise<string> {
  heading('Run a workflow: an HTTP call that carries a secret, and a real MCP tool');
  const url = `RECEIVER_URL=${receiverUrl}/notify`;
  await run(stack, ['workflow', 'execute', 'deploy-notice', '--trigger', 'release 1.4', '--env', url]);
  return newestExecution(stack, 'workflowexecution');
}

async function runAgent(stack: Stack): Promise<string> {
  heading('Run an agent: its MCP server sees the one variable it was given');
  await run(stack, ['agent', 'execute', 'greeter', '--message', 'Which variables do you see?']);
  return newestExecution(stack, 'agentexecution');
}

async function newestExecution(stack: Stack, kind: string): Promise<string> {
  const list = (await stack.json(['list', kind])) as { items?: { metadata: { id: string } }[] };
  const ids = (list.items ?? []).map(({ metadata }) => metadata.id);
  return ids.sort().at(-1) ?? 'no execution';
}

async function lookInside(stack: Stack, executions: readonly string[]): Promise<void> {
  heading('Look inside: the environment as it lies in the database');
  const environments = await stack.documents('stigmer_environments');
  const stored = environments.find(({ slug }) => slug === 'deploy-production');
  say(JSON.stringify(stored, undefined, 2));

  heading('Look inside: Temporal’s history of the two runs');
  for (const id of executions) await inspectHistory(stack, id);

  heading('Look inside: the contexts');
  const contexts = await stack.documents('stigmer_contexts');
  const left = contexts.filter(({ execution_id: id }) => executions.includes(String(id)));
  say(`Contexts of the two runs still in the database: ${left.length}.`);
  if (left.length > 0) throw new Error('a context outlived its run');
}

async function inspectHistory(stack: Stack, executionId: string): Promise<void> {
  const { temporal } = await stack.status();
  const history = await historyOf(temporal, executionId);
  const leaks = searchLeaks(exampleSecrets, [{ name: executionId, bytes: history.bytes }]);
  say(
    `${executionId}: ${history.events} events, ${history.bytes.length} bytes; input ${history.input}; secrets found: ${leaks.length}.`,
  );
  if (leaks.length > 0) throw new Error(`a secret is in the history of ${executionId}`);
}

async function run(stack: Stack, args: readonly string[]): Promise<void> {
  const outcome = await stack.stigmer(args);
  show(`stigmer ${args.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')}`, outcome);
}

function show(
  command: string,
  { code, stdout, stderr }: { code: number; stdout: string; stderr: string },
): void {
  process.stdout.write(`$ ${command}\n${stderr}${stdout}\n`);
  if (code !== 0) throw new Error(`${command} ended with exit code ${code}`);
}

function heading(text: string): void {
  process.stdout.write(`\n── ${text} ${'─'.repeat(Math.max(3, 100 - text.length))}\n\n`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

demo().catch((error: unknown) => {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
