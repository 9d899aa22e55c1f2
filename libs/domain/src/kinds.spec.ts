import { KINDS, referenceCandidates } from './kinds';

test('a reference is tried as an id, as a slug, and as prefix and slug', () => {
  expect(referenceCandidates(KINDS.Environment.idPrefix, 'env-github-prod')).toEqual([
    { by: 'id', value: 'env-github-prod' },
    { by: 'slug', value: 'env-github-prod' },
    { by: 'slug', value: 'github-prod' },
  ]);
});

test.each(['github-prod', 'env-', 'env', 'environment-x', 'agt-x'])('%s has no prefix to take off', (ref) => {
  expect(referenceCandidates('env', ref).map(({ by }) => by)).toEqual(['id', 'slug']);
});

test('no two kinds share a number, a prefix or an enum name', () => {
  const kinds = Object.values(KINDS);
  for (const key of ['number', 'idPrefix', 'enumName'] as const) {
    expect(new Set(kinds.map((kind) => kind[key])).size).toBe(kinds.length);
  }
});
