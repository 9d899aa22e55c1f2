import fc from 'fast-check';
import { createMasker, REDACTED } from './mask';
import { isWeakSecret } from './weak-secret';

const CANARY = 'c4n4ry/+s3cr&t "ü"';
const KEY = [
  '-----BEGIN PRIVATE KEY-----',
  'MIIEvQIBADANBgkqh',
  'kiG9w0BAQEFAASCBK',
  'c=',
  '-----END PRIVATE KEY-----',
  '',
].join('\n');

describe('a strong secret', () => {
  const { text } = createMasker([CANARY]);
  const json = JSON.stringify(CANARY).slice(1, -1);

  test.each([
    ['raw', CANARY],
    ['JSON-escaped', json],
    ['JSON-escaped twice', JSON.stringify(json).slice(1, -1)],
    ['JSON-escaped in ASCII', json.replace('ü', '\\u00fc')],
    ['JSON-escaped by Go', json.replace('&', '\\u0026')],
    ['hexadecimal', Buffer.from(CANARY).toString('hex')],
    ['upper case hexadecimal', Buffer.from(CANARY).toString('hex').toUpperCase()],
    ['URL-encoded', 'c4n4ry%2F%2Bs3cr%26t%20%22%C3%BC%22'],
    ['URL-encoded in lower case', 'c4n4ry%2f%2bs3cr%26t%20%22%c3%bc%22'],
    ['URL-encoded by a form', 'c4n4ry%2F%2Bs3cr%26t+%22%C3%BC%22'],
    ['URL-encoded but for slashes', 'c4n4ry/%2Bs3cr%26t%20%22%C3%BC%22'],
  ])('is masked %s, wherever it occurs', (_, form) => {
    expect(text(`x${form}y ${form}`)).toBe(`x${REDACTED}y ${REDACTED}`);
  });

  test.each([0, 1, 2, 3, 4])('is masked in base64 and base64url after %i other bytes', (count) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const encoded = Buffer.from(`${'x'.repeat(count)}${CANARY}tail`).toString(encoding);
      const core = constantPart(CANARY, count, encoding);
      expect(encoded).toContain(core);
      expect(text(encoded)).toBe(encoded.replace(core, REDACTED));
    }
  });

  test('is masked without the white space around it', () => {
    expect(createMasker([' sw0rdfish-1\n']).text('<sw0rdfish-1>')).toBe(`<${REDACTED}>`);
  });
});

describe('parts of a secret', () => {
  const long = Array.from({ length: 40 }, (_, index) => `line ${index} of a key`).join(';');

  test('each long line of a key is masked, and its armour is not', () => {
    const { text } = createMasker([KEY]);
    expect(text(KEY.replaceAll('\n', '\r\n> '))).toBe(
      `-----BEGIN PRIVATE KEY-----\r\n> ${REDACTED}\r\n> ${REDACTED}\r\n> c=\r\n> -----END PRIVATE KEY-----\r\n> `,
    );
  });

  test.each([76, 64])('a secret whose base64 is wrapped at %i characters is masked line by line', (width) => {
    const encoded = Buffer.from(long).toString('base64');
    const lines = encoded.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
    const masked = createMasker([long]).text(lines.join('\n')).split('\n');
    expect(masked.slice(0, -1)).toEqual(lines.slice(0, -1).map(() => REDACTED));
    expect(masked.at(-1)).toMatch(/^\*{8}.?=*$/);
  });

  test('the password of a connection URL is masked, as it is and decoded', () => {
    const { text } = createMasker(['postgres://app:p%40ssw0rd-x@db/app']);
    expect(text('login of app with p%40ssw0rd-x, p@ssw0rd-x at db')).toBe(
      `login of app with ${REDACTED}, ${REDACTED} at db`,
    );
  });

  test('a weak part of a secret is no secret by itself', () => {
    const { text } = createMasker(['postgres://app:postgres@db/app', 'redis://:abc@cache']);
    expect(text('postgres is down, abc')).toBe('postgres is down, abc');
    expect(text('postgres://app:postgres@db/app')).toBe(REDACTED);
  });

  test('credentials in a JSON document are masked, and its other texts are not', () => {
    const document = JSON.stringify({
      type: 'service_account',
      client_secret: 'GOCSPX-1a2b3c',
      nested: [{ private_key: KEY }],
    });
    const { text } = createMasker([document]);
    expect(text('service_account GOCSPX-1a2b3c kiG9w0BAQEFAASCBK')).toBe(
      `service_account ${REDACTED} ${REDACTED}`,
    );
  });

  test('what only begins like JSON, or is nested too deeply, is masked as a whole', () => {
    for (const secret of ['{not json at all', '['.repeat(60_000)])
      expect(createMasker([secret]).text(`<${secret}>`)).toBe(`<${REDACTED}>`);
  });
});

describe('a weak secret', () => {
  test.each([
    ['under four characters', 'abc', 'abc', 'abc'],
    [
      'of seven characters',
      'hunter2',
      '"hunter2" **hunter2** hunter23 xhunter2',
      `"${REDACTED}" **${REDACTED}** hunter23 xhunter2`,
    ],
    ['that is a number', '12345678', '12345678 123456789 0.12345678', `${REDACTED} 123456789 0.${REDACTED}`],
    ['that is a boolean', 'true', 'true untrue', `${REDACTED} untrue`],
    ['that is a common word', 'Production', 'Production Productions', `${REDACTED} Productions`],
    ['that ends in a sign', 'abc!', 'abc!true xabc!', `${REDACTED}true xabc!`],
    ['in base64', 'hunter2', 'aHVudGVyMg== xaHVudGVyMg==', `${REDACTED}== xaHVudGVyMg==`],
    ['of asterisks', '*****', '***** ********', '***** ********'],
    ['that is blank', '          ', '          ', '          '],
  ])('%s is masked as a whole token or not at all', (_, secret, input, expected) => {
    expect(isWeakSecret(secret)).toBe(true);
    expect(createMasker([secret]).text(input)).toBe(expected);
  });

  test.each(['sw0rdfish', 'abcdefgh', '1234567x', '  sw0rdfish  '])('%j is none', (secret) => {
    expect(isWeakSecret(secret)).toBe(false);
  });
});

describe('several secrets', () => {
  test('the longest is masked whole, though a shorter one is part of it', () => {
    expect(createMasker(['password-1', 'password-1-and-more']).text('password-1-and-more')).toBe(REDACTED);
  });

  test('of two that share some text no remnant is left', () => {
    expect(createMasker(['abcdefgh12', 'gh12345678']).text('<abcdefgh12345678>')).toBe(`<${REDACTED}>`);
  });

  test('a weak one is found where it borders on a strong one, the first time already', () => {
    expect(createMasker(['sw0rdfish-1', 'true']).text('sw0rdfish-1true')).toBe(`${REDACTED}${REDACTED}`);
  });

  test('no secrets mask nothing', () => {
    expect(createMasker([]).text('text')).toBe('text');
  });
});

describe('JSON', () => {
  const { json } = createMasker(['sw0rdfish-1', '4711', '0000', 'true', '98765432109876543210']);

  test('keeps its shape; of its numbers those that are a secret become the marker', () => {
    const value = {
      list: [1, 4711, 47110, 0, true, null, { text: 'a sw0rdfish-1 b' }],
      long: 98765432109876543210,
      ['__proto__']: 'sw0rdfish-1',
    };
    expect(JSON.stringify(json(value))).toBe(
      JSON.stringify({
        list: [1, REDACTED, 47110, 0, true, null, { text: `a ${REDACTED} b` }],
        long: REDACTED,
        ['__proto__']: REDACTED,
      }),
    );
  });

  test('a field name that holds a secret is masked in that part; one that is a weak secret stays', () => {
    const value = { 'sw0rdfish-1': 1, 4711: 2, true: 3, deep: [{ 'x-sw0rdfish-1': null }] };
    expect(json(value)).toEqual({ [REDACTED]: 1, 4711: 2, true: 3, deep: [{ [`x-${REDACTED}`]: null }] });
  });

  test('the value that was given is not changed', () => {
    const value = Object.freeze({ list: Object.freeze(['sw0rdfish-1']) });
    expect(json(value)).toEqual({ list: [REDACTED] });
    expect(value.list).toEqual(['sw0rdfish-1']);
  });
});

describe('for any secrets in any text', () => {
  // Asterisks are left out: a secret made of the marker's own characters cannot be told from it.
  const character = fc.constantFrom(
    'a',
    'B',
    '7',
    '/',
    '+',
    '=',
    '&',
    '%',
    '"',
    '\\',
    ' ',
    'ü',
    '😀',
    '-',
    '_',
    '\n',
    '.',
  );
  const secret = fc.string({ unit: character, minLength: 4, maxLength: 24 });
  const secrets = fc.array(secret, { minLength: 1, maxLength: 5 });
  const pieces = fc.array(fc.oneof(character, fc.nat({ max: 4 })), { maxLength: 20 });
  const scene = fc.tuple(secrets, pieces).map(([known, list]) => ({
    known,
    text: list.map((item) => (typeof item === 'number' ? (known[item] ?? '') : item)).join(''),
  }));

  test('no strong secret remains', () => {
    fc.assert(
      fc.property(scene, ({ known, text }) => {
        const masked = createMasker(known).text(text);
        for (const one of known) if (!isWeakSecret(one)) expect(masked).not.toContain(one.trim());
      }),
    );
  });

  test('no strong secret remains in what base64 is decoded to', () => {
    fc.assert(
      fc.property(scene, ({ known, text }) => {
        const masked = createMasker(known).text(Buffer.from(text).toString('base64'));
        const decoded = Buffer.from(masked.replaceAll('*', 'A'), 'base64').toString();
        for (const one of known) if (!isWeakSecret(one)) expect(decoded).not.toContain(one.trim());
      }),
    );
  });

  test('masking twice is masking once', () => {
    fc.assert(
      fc.property(scene, ({ known, text }) => {
        const masker = createMasker(known);
        expect(masker.text(masker.text(text))).toBe(masker.text(text));
      }),
    );
  });

  test('JSON has the same shape, and no strong secret in its texts and field names', () => {
    fc.assert(
      fc.property(scene, fc.jsonValue(), ({ known, text }, value) => {
        const masked = createMasker(known).json({ value, text, [text]: [text] });
        const name = createMasker(known.filter((one) => !isWeakSecret(one))).text(text);
        expect(shapeOf(masked)).toEqual(shapeOf({ value, text, [name]: [text] }));
        for (const one of known)
          if (!isWeakSecret(one))
            for (const part of [masked.text, ...Object.keys(masked)]) expect(part).not.toContain(one.trim());
      }),
    );
  });
});

test('thousands of secrets are masked in a mebibyte of text in time linear in the text', () => {
  const secrets = Array.from(
    { length: 5_000 },
    (_, index) => `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(`secret ${index * 7919}`).toString('hex')}`,
  );
  const line = `${'eyJhbGciOiJIUzI1NiJ9.'.repeat(40)} ${secrets[17] ?? ''}\n`;
  const text = line.repeat(Math.ceil(1_048_576 / line.length));
  const before = process.cpuUsage();
  const masked = createMasker(secrets).text(text);
  // About a fifth of a second; trying the secrets one by one takes minutes.
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(5_000);
  expect(masked).not.toContain(secrets[17]);
});

/** The part of a base64 text that is the same whatever stands before and after: found by trying, not by arithmetic. */
function constantPart(secret: string, before: number, encoding: 'base64' | 'base64url'): string {
  const encode = (byte: number) =>
    Buffer.concat([Buffer.alloc(before, byte), Buffer.from(secret), Buffer.alloc(4, byte)]).toString(
      encoding,
    );
  const [a, b] = [encode(0x00), encode(0xff)];
  const same = Array.from(a, (char, index) => (char === b[index] ? char : ' ')).join('');
  return same.split(' ').reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Keys, lengths and types, with a number or a text as the leaf it is. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([key, item]) => [key, shapeOf(item)]);
}
