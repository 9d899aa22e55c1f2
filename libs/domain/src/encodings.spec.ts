import { createMasker, REDACTED } from './mask';

const CANARY = 'c4n4ry/+s3cr&t "ü"';
const json = JSON.stringify(CANARY).slice(1, -1);

test.each([
  ['JSON-escaped by PHP', json.replace('ü', '\\u00fc').replaceAll('/', '\\/')],
  ['JSON-escaped with \\/ alone', json.replaceAll('/', '\\/')],
  ['with entities of HTML', 'c4n4ry/+s3cr&amp;t &quot;ü&quot;'],
  ['with numeric entities', 'c4n4ry/+s3cr&amp;t &#34;ü&#34;'],
  ['with entities outside of attributes', 'c4n4ry/+s3cr&amp;t "ü"'],
  ['in the path or the query of a URL', 'c4n4ry/+s3cr&t%20%22%C3%BC%22'],
])('a secret is masked %s', (_, form) => {
  expect(createMasker([CANARY]).text(`x${form}y ${form}`)).toBe(`x${REDACTED}y ${REDACTED}`);
});

test.each([
  ['a'.repeat(8) + "'<x>", 'aaaaaaaa&#39;&lt;x&gt;'],
  ['a'.repeat(8) + "'<x>", 'aaaaaaaa&#x27;&lt;x&gt;'],
  ['a{b}`c^d|efg', new URL('http://h/a{b}`c^d|efg').pathname.slice(1)],
  ["a{b}`c^d|'efg", new URL("http://h/?a{b}`c^d|'efg").search.slice(1)],
  ['abc?d e#f g`h', new URL('http://h/abc?d e#f g`h').href.slice(9)],
  ['abc\\d e\nfgh', 'abc/d%20efgh'],
])('%j is masked as %j', (secret, form) => {
  expect(createMasker([secret]).text(`<${form}>`)).toBe(`<${REDACTED}>`);
});

test('is not looked for in what a URL leaves of it when it climbs up its path', () => {
  expect(createMasker(['/../../../../../x']).text('/x /')).toBe('/x /');
});
