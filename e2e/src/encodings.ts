/**
 * Every form in which a secret could lie in a history, a log or a database without being visible as itself.
 * In: the secret's text. Out: a map from the form's name to the bytes to look for.
 */
export function encodings(secret: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(secret, 'utf8');
  const forms = new Map<string, Buffer>([
    ['raw', bytes],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['HEX', Buffer.from(bytes.toString('hex').toUpperCase())],
    ['url', Buffer.from(encodeURIComponent(secret))],
    ['form', Buffer.from(new URLSearchParams([['', secret]]).toString().slice(1))],
    ['json', Buffer.from(JSON.stringify(secret).slice(1, -1))],
    ['json-twice', Buffer.from(JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1))],
    ['utf16', Buffer.from(secret, 'utf16le')],
  ]);
  for (const alignment of [0, 1, 2]) {
    const core = base64Core(bytes, alignment);
    forms.set(`base64+${alignment}`, Buffer.from(core));
    forms.set(`base64url+${alignment}`, Buffer.from(core.replaceAll('+', '-').replaceAll('/', '_')));
  }
  return forms;
}

/**
 * The characters of a base64 text that depend on the secret alone when it starts `alignment` bytes into the encoded
 * text: the first and the last group also carry bits of the neighbours, so they are left out.
 */
function base64Core(bytes: Buffer, alignment: number): string {
  const encoded = Buffer.concat([Buffer.alloc(alignment), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const firstWhole = alignment === 0 ? 0 : 4;
  const lastWhole = Math.floor(((alignment + bytes.length) * 8) / 6);
  return encoded.slice(firstWhole, lastWhole);
}
