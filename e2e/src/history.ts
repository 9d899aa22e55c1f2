import { Client, Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

export interface History {
  readonly events: number;
  /** The workflow's only argument, as text. */
  readonly input: string;
  /** Every event, twice: as it travels, and as JSON with the payloads decoded. */
  readonly bytes: Buffer;
}

/** The whole history of one workflow, with memo and search attributes. In: Temporal's address, the workflow's id. */
export async function historyOf(address: string, workflowId: string): Promise<History> {
  const connection = await Connection.connect({ address, connectTimeout: 30_000 });
  try {
    const handle = new Client({ connection }).workflow.getHandle(workflowId);
    const history = await handle.fetchHistory();
    const description = await handle.describe();
    const wire = Buffer.from(temporal.api.history.v1.History.encode(history).finish());
    const described = temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse.encode(
      description.raw,
    ).finish();
    const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
    const input = (started?.input?.payloads ?? [])
      .map(({ data }) => Buffer.from(data ?? []).toString())
      .join(', ');
    return { events: history.events?.length ?? 0, input, bytes: Buffer.concat([wire, described]) };
  } finally {
    await connection.close();
  }
}

/** The ids of every workflow that Temporal knows, running or closed. */
export async function workflowIds(address: string): Promise<readonly string[]> {
  const connection = await Connection.connect({ address, connectTimeout: 30_000 });
  try {
    const ids: string[] = [];
    for await (const { workflowId } of new Client({ connection }).workflow.list()) ids.push(workflowId);
    return ids;
  } finally {
    await connection.close();
  }
}
