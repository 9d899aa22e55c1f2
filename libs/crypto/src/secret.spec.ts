import { format, inspect } from 'node:util';
import { Secret } from './secret';

describe('A secret', () => {
  it('is printed by no accident, and given by reveal alone', () => {
    const secret = new Secret('canary');
    const nested = { deep: [secret] };
    const error = new Error('x', { cause: nested });
    const printed = [
      String(secret),
      ['Bearer', secret].join(' '),
      JSON.stringify(nested),
      format('%s %o %j', secret, nested, nested),
      inspect(nested, { showHidden: true, depth: 9 }),
      inspect(error, { depth: 9 }),
      JSON.stringify(Object.entries(secret)),
    ];
    for (const text of printed) expect(text).not.toContain('canary');
    expect(JSON.stringify(nested)).toBe('{"deep":["[secret]"]}');
    expect(secret.reveal()).toBe('canary');
  });
});
