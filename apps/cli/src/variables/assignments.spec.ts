import { UsageError } from '../usage-error';
import { parseEnv, parseSecrets } from './assignments';

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return 'nothing was refused';
};

describe('--env', () => {
  it('splits at the first =, and keeps the rest as it is', () => {
    expect(parseEnv(['A=1', 'B=x=y', 'C=', 'D=@file'])).toEqual([
      { name: 'A', value: '1' },
      { name: 'B', value: 'x=y' },
      { name: 'C', value: '' },
      { name: 'D', value: '@file' },
    ]);
  });

  it('counts the flags in its complaints instead of quoting what may be a secret', () => {
    expect(refusal(() => parseEnv(['A=1', 'ghp_secret']))).toBe(
      '--env number 2 has no value: write --env NAME=VALUE',
    );
    expect(refusal(() => parseEnv(['sk-live secret=1']))).toMatch(/^the first --env: a name matches/);
    expect(refusal(() => parseEnv(['__proto__=1']))).toMatch(/^the first --env: a name matches/);
  });
});

describe('--secret', () => {
  it('says where each value comes from', () => {
    expect(parseSecrets(['A', 'B=@b.txt', 'C=-', 'D=x', 'E=@@x', 'F=', 'G=--'])).toEqual([
      { name: 'A', from: { kind: 'prompt' } },
      { name: 'B', from: { kind: 'file', path: 'b.txt' } },
      { name: 'C', from: { kind: 'stdin' } },
      { name: 'D', from: { kind: 'argument', text: 'x' } },
      { name: 'E', from: { kind: 'argument', text: '@x' } },
      { name: 'F', from: { kind: 'argument', text: '' } },
      { name: 'G', from: { kind: 'argument', text: '--' } },
    ]);
  });

  it('lets one secret read the standard input', () => {
    expect(refusal(() => parseSecrets(['A=-', 'B=-']))).toMatch(/only one/);
  });

  it('wants a file behind the @', () => {
    expect(refusal(() => parseSecrets(['A=@']))).toBe('--secret A=@ names no file');
  });
});
