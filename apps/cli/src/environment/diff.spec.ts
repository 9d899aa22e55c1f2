import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  EnvironmentDiffSchema,
  EnvironmentDifference,
  EnvironmentHistorySchema,
} from '@stigmer/proto/agentic/environment/v1/io';
import { sidesOf } from './diff';
import { renderHistory } from './history';
import { parseVersioned } from './reference';
import { renderDiff } from './render-diff';

describe('NAME@VERSION', () => {
  it('names a version, and without it the current one', () => {
    expect(parseVersioned('prod@12')).toEqual({ name: 'prod', version: '12' });
    expect(parseVersioned('env-prod@stable')).toEqual({ name: 'env-prod', version: 'stable' });
    expect(parseVersioned('prod')).toEqual({ name: 'prod', version: '' });
    expect(() => parseVersioned('prod@')).toThrow('NAME@VERSION');
    expect(() => parseVersioned('@3')).toThrow('NAME@VERSION');
  });
});

describe('what is compared', () => {
  const side = (name: string, version = '') => ({ name, version });

  it('are two environments, two versions, or a version and the current one', () => {
    expect(sidesOf('a', 'b', undefined)).toEqual([side('a'), side('b')]);
    expect(sidesOf('a@3', 'b@x', undefined)).toEqual([side('a', '3'), side('b', 'x')]);
    expect(sidesOf('a@3', undefined, undefined)).toEqual([side('a', '3'), side('a')]);
    expect(sidesOf('a', undefined, ['3', '5'])).toEqual([side('a', '3'), side('a', '5')]);
  });

  it('has two sides', () => {
    expect(() => sidesOf('a', undefined, undefined)).toThrow('nothing to compare with');
    for (const [left, right, versions] of [
      ['a', undefined, ['3']],
      ['a', undefined, ['3', '4', '5']],
      ['a', 'b', ['3', '4']],
      ['a@1', undefined, ['3', '4']],
    ] as const) {
      expect(() => sidesOf(left, right, versions)).toThrow('--versions compares two versions');
    }
  });
});

describe('a comparison', () => {
  const { SAME, CHANGED, ONLY_LEFT, ONLY_RIGHT, NOT_COMPARED } = EnvironmentDifference;
  const rendered = (
    variables: NonNullable<MessageInitShape<typeof EnvironmentDiffSchema>['variables']>,
    options: Partial<Parameters<typeof renderDiff>[1]> = {},
  ): string =>
    renderDiff(
      create(EnvironmentDiffSchema, {
        left: { slug: 'staging', number: 3 },
        right: { slug: 'prod', number: 12 },
        variables,
      }),
      { all: false, colour: false, ...options },
    );
  const expiresAt = timestampFromDate(new Date('2027-01-31T00:00:00Z'));
  const variables = [
    { name: 'A', difference: SAME, left: { value: '1' }, right: { value: '1' } },
    { name: 'B', difference: CHANGED, left: { value: '1' }, right: { value: '1', final: true, expiresAt } },
    { name: 'C', difference: ONLY_LEFT, left: { value: 'x' } },
    { name: 'D', difference: ONLY_RIGHT, right: { value: 'canary', isSecret: true } },
  ];

  it('shows what differs, what is said about it, and no secret', () => {
    expect(rendered(variables)).toBe(
      [
        '   VARIABLE  staging@3  prod@12',
        '~  B         1          1 (final, expires 2027-01-31T00:00:00Z)',
        '-  C         x',
        '+  D                    ********',
        '',
        '1 the same',
      ].join('\n'),
    );
  });

  it('shows descriptions where they differ, which may be all that does', () => {
    const left = { value: '1', description: 'How loud.' };
    expect(rendered([{ name: 'E', difference: CHANGED, left, right: { value: '1' } }])).toContain(
      '~  E         1 ("How loud.")  1 (no description)\n',
    );
    expect(rendered([{ name: 'E', difference: CHANGED, left, right: { ...left, value: '2' } }])).toContain(
      '~  E         1          2\n',
    );
  });

  it('shows what is the same where that is asked for', () => {
    expect(rendered(variables, { all: true })).toContain('\n=  A         1          1\n');
  });

  it('says how secrets are compared that were not', () => {
    const secret = { value: '********', isSecret: true };
    expect(rendered([{ name: 'T', difference: NOT_COMPARED, left: secret, right: secret }])).toMatch(
      /^\? {2}T .*\n\n0 the same; \?: secrets that were not compared, which --compare-secrets does/m,
    );
  });

  it('shows what is imported where that differs, which may be all that does', () => {
    const left = { slug: 'prod', number: 3, imports: [{ slug: 'base' }] };
    const right = { ...left, number: 4, imports: [{ slug: 'base' }, { slug: 'extra', version: '3' }] };
    const diff = (variable: (typeof variables)[number] | undefined, sides: object) =>
      renderDiff(
        create(EnvironmentDiffSchema, { left, right, variables: variable ? [variable] : [], ...sides }),
        { all: false, colour: false },
      );
    expect(diff(variables[0], {})).toBe('imports: base → base, extra@3\n\n1 the same');
    expect(diff(variables[2], {})).toBe(
      [
        '   VARIABLE  prod@3  prod@4',
        '-  C         x',
        ...['', 'imports: base → base, extra@3', '', '0 the same'],
      ].join('\n'),
    );
    expect(diff(variables[0], { right: { ...left, imports: [] } })).toContain('imports: base → none\n');
    const latest = { ...left, imports: [{ slug: 'base', version: 'latest' }] };
    expect(diff(variables[0], { right: latest })).toBe('no difference, 1 the same');
  });

  it('of what is alike says so', () => {
    expect(rendered([variables[0] ?? {}])).toBe('no difference, 1 the same');
  });

  it('has colours only where they are wanted', () => {
    expect(rendered(variables)).not.toContain('\u001b');
    expect(rendered(variables, { colour: true })).toContain('\u001b[');
  });
});

describe('a history', () => {
  it('tells who, when, why and which variables, the current version marked', () => {
    const { items } = create(EnvironmentHistorySchema, {
      items: [
        {
          id: 'ver-2',
          number: 2,
          message: 'rotate\nthe token',
          author: 'local',
          at: timestampFromDate(new Date('2026-11-22T10:00:00.123Z')),
          added: ['A'],
          changed: ['TOKEN'],
          removed: ['OLD'],
          tags: ['stable', 'v2'],
          current: true,
        },
        { id: 'ver-1', number: 1, author: 'local', added: ['OLD', 'TOKEN'] },
      ],
    });
    expect(renderHistory(items)).toBe(
      [
        'VERSION  WHEN                  AUTHOR  TAGS        CHANGES         MESSAGE           ID',
        '2 *      2026-11-22T10:00:00Z  local   stable, v2  +A ~TOKEN -OLD  rotate the token  ver-2',
        '1                              local               +OLD +TOKEN                       ver-1',
      ].join('\n'),
    );
  });

  it('says of a version that changed no variable that it did not', () => {
    const { items } = create(EnvironmentHistorySchema, {
      items: [{ id: 'ver-2', number: 2, author: 'local' }],
    });
    expect(renderHistory(items)).toContain('  no variable  ');
  });
});
