import { encodings } from './encodings';
import { searchLeaks } from './leak-search';

const secret = 'cnry"\\é+/=&%~ 4f1c8d2e9a7b';
const canaries = new Map([['runtime flag', secret]]);
const found = (text: string | Buffer): readonly string[] =>
  searchLeaks(canaries, [{ name: 'planted', bytes: Buffer.from(text as string) }]).map(({ form }) => form);

describe('the leak search', () => {
  it.each([
    ['raw', `token=${secret};`],
    ['json', JSON.stringify({ headers: { authorization: `Bearer ${secret}` } })],
    ['json-twice', JSON.stringify({ body: JSON.stringify({ token: secret }) })],
    ['hex', Buffer.from(`x${secret}y`).toString('hex')],
    ['HEX', Buffer.from(secret).toString('hex').toUpperCase()],
    ['url', `https://example.test/?token=${encodeURIComponent(secret)}`],
    ['form', new URLSearchParams({ token: secret }).toString()],
    ['base64+0', Buffer.from(`${secret}tail`).toString('base64')],
    ['base64+1', Buffer.from(`x${secret}tail`).toString('base64')],
    ['base64+2', Buffer.from(`xy${secret}tail`).toString('base64')],
    ['base64url+1', Buffer.from(`a${secret}`).toString('base64url')],
  ])('finds a canary planted as %s', (form, text) => {
    expect(found(text)).toContain(form);
  });

  it('finds a canary as UTF-16', () => {
    expect(
      searchLeaks(canaries, [{ name: 'p', bytes: Buffer.from(`..${secret}..`, 'utf16le') }]),
    ).toHaveLength(1);
  });

  it('reports the place and the canary by name and never the value', () => {
    const [leak] = searchLeaks(canaries, [{ name: 'log', bytes: Buffer.from(secret) }]);
    expect(leak).toMatchObject({ place: 'log', canary: 'runtime flag' });
    expect(JSON.stringify(leak)).not.toContain(secret);
  });

  it('finds nothing where nothing is', () => {
    expect(found('nothing to see: ********')).toEqual([]);
  });

  it('looks for forms long enough not to be found by chance', () => {
    expect(Math.min(...[...encodings(secret).values()].map((bytes) => bytes.length))).toBeGreaterThan(20);
  });
});
