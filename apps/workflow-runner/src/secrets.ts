import { Context } from '@temporalio/activity';
import { createMasker, DomainError, type Masker, type ResolvedText } from '@stigmer/domain';
import { asTaskFailure, toApplicationFailure } from './boundary';
import type { Clients } from './clients';
import { TaskFailure } from './failure';

/** A run's variables, opened; they live as long as one activity. */
export class RunSecrets {
  readonly variables: ReadonlyMap<string, ResolvedText>;
  readonly #secrets: Set<string>;
  #masker: Masker | undefined;

  constructor(variables: ReadonlyMap<string, ResolvedText>) {
    this.variables = variables;
    this.#secrets = new Set([...variables.values()].filter(({ secret }) => secret).map(({ text }) => text));
  }

  /** From now on these are masked too: what was made from a secret is one. */
  add(secrets: Iterable<string>): void {
    for (const secret of secrets) this.#secrets.add(secret);
    this.#masker = undefined;
  }

  get masker(): Masker {
    this.#masker ??= createMasker(this.#secrets);
    return this.#masker;
  }
}

/**
 * Opens the context of a run, hands it to `body`, and lets nothing out that was not masked: a result is masked as JSON,
 * a failure in its message. It is fetched anew by every activity, so that a destroyed or expired context ends the run.
 */
export async function withSecrets<T>(
  clients: Pick<Clients, 'contexts'>,
  executionId: string,
  body: (secrets: RunSecrets) => Promise<T>,
): Promise<T> {
  const secrets = await open(clients, executionId);
  try {
    const result = await body(secrets);
    return secrets.masker.json(result); // only now: `body` may have added secrets of its own
  } catch (error) {
    const failure = asTaskFailure(error);
    if (failure === undefined) throw error; // the boundary says nothing of it but an id
    const { info } = Context.current();
    throw toApplicationFailure(failure, info.attempt, (text) => secrets.masker.text(text));
  }
}

async function open({ contexts }: Pick<Clients, 'contexts'>, executionId: string): Promise<RunSecrets> {
  try {
    const { spec } = await contexts.getByExecutionId({ executionId });
    const entries = Object.entries(spec?.data ?? {});
    return new RunSecrets(
      new Map(entries.map(([name, { value, isSecret }]) => [name, { text: value, secret: isSecret }])),
    );
  } catch (error) {
    if (
      error instanceof DomainError &&
      (error.kind === 'not-found' || error.kind === 'failed-precondition')
    ) {
      throw new TaskFailure('ContextGone', 'the context of this run is gone or has expired');
    }
    throw error;
  }
}
