import { type ExpressionPart, parseExpressions } from '@stigmer/domain';
import { TaskFailure } from '../failure';

/** A text's parts. Throws a TaskFailure that names the place, never a value. */
export function parseTemplate(text: string, path: string): readonly ExpressionPart[] {
  const parsed = parseExpressions(text);
  if (!parsed.ok) throw new TaskFailure('ExpressionFailed', `${path}: ${parsed.problem}`);
  return parsed.parts;
}
