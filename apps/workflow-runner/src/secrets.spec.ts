import { RunSecrets } from './secrets';

const TOKEN = 'tok-4f81b2c9d0';

describe('what a run keeps secret', () => {
  const secrets = () =>
    new RunSecrets(
      new Map([
        ['TOKEN', { text: TOKEN, secret: true }],
        ['USER', { text: 'name', secret: true }],
        ['LEVEL', { text: 'information', secret: false }],
      ]),
    );

  it('is masked in texts and in JSON, keys that hold a token included, other keys not', () => {
    const { masker } = secrets();
    expect(
      masker.json({
        [TOKEN]: 1,
        name: `is ${TOKEN}`,
        level: 'information',
        deep: [{ [`x-${TOKEN}`]: null }],
      }),
    ).toEqual({
      '********': 1,
      name: 'is ********',
      level: 'information',
      deep: [{ 'x-********': null }],
    });
  });

  it('includes what was made from a secret, as soon as it is known', () => {
    const run = secrets();
    expect(run.masker.text('derived-value-1')).toBe('derived-value-1');
    run.add(['derived-value-1']);
    expect(run.masker.text('derived-value-1')).toBe('********');
  });

  it('keeps a key called __proto__ a key', () => {
    const value = JSON.parse(`{"__proto__": {"a": "${TOKEN}"}}`) as object;
    expect(JSON.stringify(secrets().masker.json(value))).toBe('{"__proto__":{"a":"********"}}');
  });
});
