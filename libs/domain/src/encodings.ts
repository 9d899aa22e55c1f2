/** The forms of a secret that may stand anywhere in a text. */
export function literalForms(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    ...textForms(secret, 8),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...[0, 1, 2].flatMap((alignment) => base64Core(bytes, alignment)),
    ...wrappedBase64(bytes),
  ];
}

/** The forms of a weak secret: it is masked as a whole token only, so its encodings are whole as well. */
export function wholeForms(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    ...textForms(secret, 4),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ];
}

/** The secret as other texts quote it. A URL drops characters; what is left may be too short to look for. */
function textForms(secret: string, least: number): readonly string[] {
  return [
    ...jsonForms(secret),
    ...htmlForms(secret),
    ...urlForms(secret),
    ...placedInUrl(secret).filter((form) => form.length >= least),
  ];
}

/** JSON-escaped, as JavaScript, Python (ASCII only), Go (no &, <, >) and PHP (no /) do it; also JSON inside JSON. */
function jsonForms(secret: string): readonly string[] {
  const escaped = jsonEscape(secret);
  const ascii = escaped.replace(/[\u0080-\uffff]/g, unicodeEscape);
  const go = escaped.replace(/[&<>\u2028\u2029]/g, unicodeEscape);
  const php = [escaped, ascii].map((text) => text.replaceAll('/', '\\/'));
  return [escaped, ascii, go, ...php, jsonEscape(escaped)];
}

function jsonEscape(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** With the signs of HTML as entities. Each quote has two spellings, and is left as it is outside attributes. */
function htmlForms(secret: string): readonly string[] {
  if (!/[&<>"']/.test(secret)) return [];
  const text = secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return ['"', '&quot;', '&#34;'].flatMap((double) =>
    ["'", '&#39;', '&#x27;'].map((single) => text.replaceAll('"', double).replaceAll("'", single)),
  );
}

/** URL-encoded as JavaScript, RFC 3986, HTML forms and Python (which keeps slashes) do it, in both cases of hex. */
function urlForms(secret: string): readonly string[] {
  // A lone surrogate cannot be encoded; as UTF-8 it would read U+FFFD, and so it does here.
  const component = encodeURIComponent(Buffer.from(secret).toString());
  const strict = component.replace(/[!'()*]/g, percentEscape);
  const form = strict.replaceAll('%20', '+').replaceAll('%2A', '*').replaceAll('~', '%7E');
  const forms = [component, strict, form, strict.replaceAll('%2F', '/')];
  return [...forms, ...forms.map(lowerCaseHex)];
}

/**
 * As a URL shows it that it was written into, in its path or its query: fewer signs are encoded there than in a
 * component, and which ones is the URL standard's affair, so its implementation is asked.
 */
function placedInUrl(secret: string): readonly string[] {
  // Line breaks and tabs vanish. Where more is gone, as by `..`, what remains is not the secret.
  const whole = secret.replace(/[\t\n\r]/g, '');
  const base = 'http://host/';
  const path = new URL(base);
  path.pathname = secret;
  const query = new URL(base);
  query.search = secret;
  const forms = [
    new URL(base + secret).href.slice(base.length),
    new URL(`${base}?${secret}`).href.slice(base.length + 1),
    path.pathname.slice(1),
    query.search.slice(1),
  ].filter((form) => form.length >= whole.length);
  return [...forms, ...forms.map(lowerCaseHex)];
}

function lowerCaseHex(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

function percentEscape(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/**
 * Base64 of the secret where `alignment` (mod 3) other bytes stand before it, in both alphabets. The characters
 * at its ends mix with its neighbours' bits; they are left out, since they differ from text to text.
 */
function base64Core(bytes: Buffer, alignment: number): readonly string[] {
  const before = Buffer.alloc(alignment);
  const encoded = Buffer.concat([before, bytes]).toString('base64url');
  const first = Math.ceil((alignment * 8) / 6);
  const core = encoded.slice(first, Math.floor(((alignment + bytes.length) * 8) / 6));
  return [core, core.replaceAll('-', '+').replaceAll('_', '/')];
}

/** Base64 of a long secret as `base64` (76 characters a line) and `openssl` (64) wrap it, line by line. */
function wrappedBase64(bytes: Buffer): readonly string[] {
  const forms: string[] = [];
  for (const width of [57, 48]) {
    // Less than 9 bytes make a line that is too short to be told from other texts.
    for (let at = 0; bytes.length > width && at + 9 <= bytes.length; at += width) {
      forms.push(...base64Core(bytes.subarray(at, at + width), 0));
    }
  }
  return forms;
}
