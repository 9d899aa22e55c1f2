import { UsageError } from '../usage-error';
import { readAssignments, type AssignmentFlags } from './assignments';

const CANARY = `ghp_${'Ab3dEf6h'.repeat(4)}`;

const flags = (some: Partial<AssignmentFlags> = {}): AssignmentFlags => ({
  secret: [],
  plain: false,
  attributes: false,
  ...some,
});
const refusal = (words: readonly string[], some?: Partial<AssignmentFlags>): string => {
  try {
    readAssignments(words, flags(some));
  } catch (error) {
    if (error instanceof UsageError) return `${error.message} | ${error.hint ?? ''}`;
    throw error;
  }
  return 'nothing was refused';
};

describe('what environment set is given', () => {
  it('is split at the first =, and says where each secret comes from', () => {
    expect(readAssignments(['A=1', 'B=x=y', 'C='], flags({ secret: ['D', 'E=@e.txt', 'F=-'] }))).toEqual([
      { name: 'A', kind: 'plain', value: '1' },
      { name: 'B', kind: 'plain', value: 'x=y' },
      { name: 'C', kind: 'plain', value: '' },
      { name: 'D', kind: 'secret', from: { kind: 'prompt' } },
      { name: 'E', kind: 'secret', from: { kind: 'file', path: 'e.txt' } },
      { name: 'F', kind: 'secret', from: { kind: 'stdin' } },
    ]);
  });

  it('may be a name alone where something is said about the variable', () => {
    expect(readAssignments(['A'], flags({ attributes: true }))).toEqual([{ name: 'A', kind: 'kept' }]);
    expect(refusal(['A=1', 'B'])).toMatch(/^argument number 2 has no value/);
  });

  it('is refused where a secret stands on the command line, with the reason, and is not repeated', () => {
    for (const text of [
      refusal([], { secret: [`TOKEN=${CANARY}`] }),
      refusal([`TOKEN=${CANARY}`]),
      refusal([`SETTING=${CANARY}`]),
      refusal([CANARY.replace('_', ' ')]),
    ]) {
      expect(text).not.toBe('nothing was refused');
      expect(text).not.toContain(CANARY.slice(4));
    }
    expect(refusal([], { secret: ['TOKEN=x'] })).toMatch(/would put the secret on the command line.*history/);
    expect(refusal(['GITHUB_TOKEN=abcdefgh'])).toMatch(
      /looks like a secret \(its name ends in TOKEN\).*--secret GITHUB_TOKEN.*--plain.*history/,
    );
  });

  it('is taken with --plain, whatever it looks like', () => {
    expect(readAssignments(['GITHUB_TOKEN=abcdefgh'], flags({ plain: true }))).toEqual([
      { name: 'GITHUB_TOKEN', kind: 'plain', value: 'abcdefgh' },
    ]);
  });

  it('names each variable once, and at least one', () => {
    expect(refusal(['A=1', 'A=2'])).toMatch(/^A is given twice/);
    expect(refusal(['A=1'], { secret: ['A'] })).toMatch(/^A is given twice/);
    expect(refusal([])).toMatch(/^nothing to set/);
    expect(refusal(['1A=x'])).toMatch(/^argument number 1: a name matches/);
  });
});
