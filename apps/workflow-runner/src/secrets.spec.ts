import { RunSecrets } from './secrets';

const TOKEN = 'tok-4f81b2c9d0';

describe('what a run keeps secret', () => {
  const secrets = () =>
    new RunSecrets(
      new Map([
        ['TOKEN', { text: TOKEN, secret: true }],
        ['LEVEL', { text: 'information', secret: false }],
      ]),
    );

  it('is every value that is marked so, and no other', () => {
    expect(secrets().masker.text(`information ${TOKEN}`)).toBe('information ********');
  });

  it('includes what was made from a secret, as soon as it is known', () => {
    const run = secrets();
    expect(run.masker.text('derived-value-1')).toBe('derived-value-1');
    run.add(['derived-value-1']);
    expect(run.masker.text('derived-value-1')).toBe('********');
  });
});
