import { suggest } from './suggest';

const NAMES = ['GITHUB_TOKEN', 'GITHUB_ORG', 'REGION', 'DB', 'constructor'];

test.each([
  ['GITHUB_TOKN', 'GITHUB_TOKEN'],
  ['GITHBU_TOKEN', 'GITHUB_TOKEN'],
  ['GITHUB_TOKEN_', 'GITHUB_TOKEN'],
  ['github_token', 'GITHUB_TOKEN'],
  ['GIHTUB_TOEKN', 'GITHUB_TOKEN'],
  ['REGOIN', 'REGION'],
  ['BD', 'DB'],
  ['D', 'DB'],
])('%s is taken for %s', (name, expected) => {
  expect(suggest(name, NAMES)).toBe(expected);
});

test.each(['SLACK_TOKEN', 'XY', 'ORIGIN', ''])('%j is near no name', (name) => {
  expect(suggest(name, NAMES)).toBeUndefined();
});
