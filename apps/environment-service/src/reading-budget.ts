import { resourceExhausted } from '@stigmer/domain';
import { MAX_MESSAGE_BYTES } from '@stigmer/proto';
import { type EnvironmentContent, storedBytes } from './environment-document';

/** So many documents are asked for at a time where one request wants many: they may be 8 MiB each. */
export const READ_AT_ONCE = 8;

/**
 * What an answer can hold, and room for what is read beside it: a stored value is longer than its plaintext, and of a
 * pinned environment the current version is read as well.
 */
export const MAX_READ_BYTES = 4 * MAX_MESSAGE_BYTES;

/**
 * What one request may read from the database, so that a run whose environments would never fit into an answer is
 * refused before all of them are in memory. What is cached costs it nothing.
 */
export class ReadingBudget {
  private spent = 0;

  constructor(private readonly limit: number) {}

  /** RESOURCE_EXHAUSTED once all that was read is too much. */
  spend(documents: Iterable<Pick<EnvironmentContent, 'data'>>): void {
    for (const document of documents) this.spent += storedBytes(document);
    if (this.spent <= this.limit) return;
    throw resourceExhausted(
      `the environments of a run have over ${this.limit} bytes as they are stored, with all that they import: ` +
        `at most ${MAX_MESSAGE_BYTES} are opened at once`,
    );
  }
}
