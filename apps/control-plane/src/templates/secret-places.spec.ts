import { parseExpressions } from '@stigmer/domain';
import { secretUses } from './secret-places';

function usesIn(text: string) {
  const parsed = parseExpressions(text);
  return parsed.ok ? secretUses(parsed.parts) : parsed.problem;
}

describe('the secrets of a text', () => {
  it('are known with the literal text before them, unless another expression may decide it', () => {
    expect(usesIn('https://x.test/${.secrets.A}/${.secrets.B}')).toEqual([
      { name: 'A', prefix: 'https://x.test/' },
      { name: 'B', prefix: undefined },
    ]);
    expect(usesIn('${.secrets.A + .secrets.B}')).toEqual([
      { name: 'A', prefix: '' },
      { name: 'B', prefix: '' },
    ]);
  });
});
