import { types } from 'node:util';
import { CryptoError } from './errors';

/**
 * Encodes a document's readable facts so that no two of them share an encoding, whatever else they have in common:
 * each part says what it is and how long it is, and a map is in the order of its keys, however it came about.
 *
 *     s<bytes>:<text>   i<integer>;   t   f   d<milliseconds>;   l<count>:<parts>   m<count>:<key and part, by key>
 *
 * A map and a plain object are the same, and a field that is undefined is a field that is not there: so a row is what
 * was made of it, and a field that is added later, and is absent, changes no encoding. Everything else is refused:
 * what comes out of a database may be anything, and what has no encoding of its own could stand for something else.
 */
export function encodeFacts(facts: unknown): string {
  if (typeof facts === 'string') return encodeText(facts);
  if (typeof facts === 'boolean') return facts ? 't' : 'f';
  if (typeof facts === 'number' && Number.isSafeInteger(facts)) return `i${facts};`;
  if (types.isDate(facts) && Number.isSafeInteger(facts.getTime())) return `d${facts.getTime()};`;
  if (Array.isArray(facts)) return `l${facts.length}:${facts.map(encodeFacts).join('')}`;
  if (types.isMap(facts)) return encodeMap([...facts.keys()], (key) => facts.get(key));
  if (isPlainObject(facts)) return encodeMap(Object.keys(facts), (key) => facts[key]);
  throw new CryptoError('format', 'a fact is of no type that a document has');
}

function encodeText(text: string): string {
  // Every lone surrogate has the same bytes, which would make two different texts one.
  if (!text.isWellFormed()) throw new CryptoError('format', 'a fact is not well-formed Unicode');
  return `s${Buffer.byteLength(text)}:${text}`;
}

function encodeMap<K>(keys: K[], valueOf: (key: K) => unknown): string {
  let count = 0;
  let encoded = '';
  // By the units of UTF-16, as texts are compared where nothing else is said.
  for (const key of keys.sort()) {
    if (typeof key !== 'string') throw new CryptoError('format', 'a fact has a key that is no text');
    const value = valueOf(key);
    if (value === undefined) continue;
    count += 1;
    encoded += encodeText(key) + encodeFacts(value);
  }
  return `m${count}:${encoded}`;
}

// Made by `{}` or by a driver's `{}`, and not by a class: those have a prototype more.
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
