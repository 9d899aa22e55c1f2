import { toJson } from '@bufbuild/protobuf';
import { DomainError, KINDS } from '@stigmer/domain';
import { ExplanationSchema, Severity } from '@stigmer/proto/agentic/resolver/v1/io';
import type { Stigmer } from '@stigmer/sdk';
import { withServer } from '../client';
import type { Context } from '../context';
import { Exit, ExitCode } from '../exit-codes';
import { printable } from '../io';
import { note, print } from '../output/print';
import { environmentName } from '../resources/columns';
import { findKind } from '../resources/kinds';
import { findTarget } from '../runs/target';
import { agents, workflows } from '../runs/templates';
import { UsageError } from '../usage-error';
import { gatherVariables } from '../variables/collect';
import type { VariableFlags } from '../variables/flags';
import { toRuntimeEnv } from '../variables/runtime-env';
import { agentQuestion, workflowQuestion, type Question } from './question';
import { renderExplanation } from './render';

export interface ExplainFlags extends VariableFlags {
  readonly instance?: string;
}

/** Explains what a run would get. The server merges, as it would for the run itself; here it is only shown. */
export async function explain(
  context: Context,
  first: string,
  second: string | undefined,
  flags: ExplainFlags,
): Promise<void> {
  const { kind, ref } = subjectOf(first, second);
  const runtimeEnv = toRuntimeEnv((await gatherVariables(context, flags)).withheld());
  const { question, explanation } = await withServer(context, async (server) => {
    const asked = await ask(server, kind, ref, flags.instance);
    const { org } = server;
    const { template, environmentRefs } = asked;
    return {
      question: asked,
      explanation: await server.resolver.explain({
        org,
        template,
        environmentRefs: [...environmentRefs],
        runtimeEnv,
      }),
    };
  });
  if (question.note !== undefined) note(context, question.note);
  // Whoever changed such an environment and looks here for the change should see why it is not there.
  const pinned = question.environmentRefs.filter(({ version }) => version !== '' && version !== 'latest');
  if (pinned.length > 0) note(context, printable(`pinned: ${pinned.map(environmentName).join(', ')}`));
  const data = toJson(ExplanationSchema, explanation, { useProtoFieldName: true });
  await print(context, data, () =>
    renderExplanation(explanation, context.colour && context.io.stdout.isTTY === true),
  );
  if (explanation.diagnostics.some(({ severity }) => severity === Severity.ERROR))
    throw new Exit(ExitCode.refused);
}

type Subject = 'Agent' | 'Workflow' | undefined;

/** `agent reviewer`, `wfl-01k…`, or a name alone, whose kind the server has to say. */
function subjectOf(
  first: string,
  second: string | undefined,
): { readonly kind: Subject; readonly ref: string } {
  if (second === undefined) return { kind: kindOfRef(first), ref: first };
  switch (findKind(first)?.name) {
    case 'Agent':
    case 'AgentInstance':
    case 'AgentExecution':
      return { kind: 'Agent', ref: second };
    case 'Workflow':
    case 'WorkflowInstance':
    case 'WorkflowExecution':
      return { kind: 'Workflow', ref: second };
    case 'Environment':
    case 'ExecutionContext':
    case 'Session':
    case undefined:
      throw new UsageError(
        'what runs is an agent or a workflow',
        'stigmer explain agent NAME, or stigmer explain workflow NAME',
      );
  }
}

function kindOfRef(ref: string): Subject {
  const begins = (...kinds: readonly (keyof typeof KINDS)[]): boolean =>
    kinds.some((kind) => ref.startsWith(`${KINDS[kind].idPrefix}-`));
  if (begins('Agent', 'AgentInstance')) return 'Agent';
  return begins('Workflow', 'WorkflowInstance') ? 'Workflow' : undefined;
}

async function ask(
  server: Stigmer,
  kind: Subject,
  ref: string,
  instance: string | undefined,
): Promise<Question> {
  switch (kind) {
    case 'Agent':
      return agentQuestion(await findTarget(server, agents, ref, instance));
    case 'Workflow':
      return workflowQuestion(await findTarget(server, workflows, ref, instance));
    case undefined:
      return askBoth(server, ref, instance);
  }
}

async function askBoth(server: Stigmer, ref: string, instance: string | undefined): Promise<Question> {
  const [agent, workflow] = await Promise.all([
    orNothing(ask(server, 'Agent', ref, instance)),
    orNothing(ask(server, 'Workflow', ref, instance)),
  ]);
  if (agent && workflow)
    throw new UsageError(
      `there is an agent and a workflow ${ref}`,
      'stigmer explain agent NAME, or stigmer explain workflow NAME',
    );
  const found = agent ?? workflow;
  if (!found) throw new DomainError('not-found', `no agent and no workflow found: ${ref}`);
  return found;
}

async function orNothing<T>(lookup: Promise<T>): Promise<T | undefined> {
  try {
    return await lookup;
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
