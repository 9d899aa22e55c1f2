import { suggest } from '@stigmer/domain';
import { UsageError } from '../usage-error';
import { findKind, KINDS, type Kind } from './kinds';

/** The kind a word of the command line means. */
export function resolveKind(text: string): Kind {
  const kind = findKind(text);
  if (kind) return kind;
  const words = KINDS.map(({ word }) => word);
  const near = suggest(text, words);
  throw new UsageError(
    `there is no kind "${text}"${near === undefined ? '' : `; did you mean "${near}"?`}`,
    `the kinds are ${words.join(', ')}`,
  );
}
