import { TaskFailure } from '../failure';
import { parseTemplate } from './template';

describe('a text that cannot be evaluated', () => {
  it.each([
    ['${ .a', 'here: an expression begins with ${ and is never closed with }'],
    ['${ env }', 'here: env is not available in an expression'],
    ['${ .secrets }', 'here: a secret is named in full, as in .secrets.NAME'],
  ])('fails its task with the place named: %s', (text, message) => {
    expect(failureOf(() => parseTemplate(text, 'here'))).toMatchObject({ type: 'ExpressionFailed', message });
  });
});

function failureOf(work: () => unknown): TaskFailure | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof TaskFailure) return error;
    throw error;
  }
  return undefined;
}
