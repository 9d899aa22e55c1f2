import fc from 'fast-check';
import { mergeGiven, type Given } from './merge';

const given = (name: string, value: string, secret = false, origin = '--env'): Given => ({
  name,
  value,
  secret,
  origin,
});
const none = new Set<string>();

describe('the variables of the command line', () => {
  it('win in the order in which they are given, whole', () => {
    const { variables } = mergeGiven([given('A', '1'), given('B', '2'), given('A', '3')], none);
    expect([...variables]).toEqual([
      ['A', { value: '3', secret: false }],
      ['B', { value: '2', secret: false }],
    ]);
  });

  it('stay secret once they were, whoever overrides them', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            name: fc.constantFrom('A', 'B'),
            value: fc.string(),
            secret: fc.boolean(),
            origin: fc.constant('x'),
          }),
        ),
        (all) => {
          const { variables } = mergeGiven(all, new Set(['A', 'B']));
          for (const [name, { value, secret }] of variables) {
            expect(secret).toBe(all.some((one) => one.name === name && one.secret));
            expect(value).toBe(all.findLast((one) => one.name === name)?.value);
          }
        },
      ),
    );
  });

  it('are treated as secrets where they look like one, and the user is told why', () => {
    const { variables, promoted } = mergeGiven(
      [given('GITHUB_TOKEN', 'abcdefgh'), given('LOG_LEVEL', 'debug')],
      none,
    );
    expect(variables.get('GITHUB_TOKEN')).toEqual({ value: 'abcdefgh', secret: true });
    expect(variables.get('LOG_LEVEL')).toEqual({ value: 'debug', secret: false });
    expect(promoted).toEqual([
      { name: 'GITHUB_TOKEN', origin: '--env', reason: expect.stringContaining('name') },
    ]);
  });

  it('are left plain by --plain, which undoes no --secret', () => {
    const plain = new Set(['PUBLIC_TOKEN']);
    expect(mergeGiven([given('PUBLIC_TOKEN', 'abcdefgh')], plain).variables.get('PUBLIC_TOKEN')?.secret).toBe(
      false,
    );
    expect(
      mergeGiven([given('PUBLIC_TOKEN', 'abcdefgh', true)], plain).variables.get('PUBLIC_TOKEN')?.secret,
    ).toBe(true);
  });

  it('name the secrets that are too weak to be masked', () => {
    expect(
      mergeGiven(
        [given('PIN', '1234', true), given('KEY', 'a-long-and-rare-secret', true), given('N', '5')],
        none,
      ).weak,
    ).toEqual(['PIN']);
  });
});
