import { inspect } from 'node:util';

const SHOWN = '[secret]';

/**
 * A plaintext on its way through the program. Every accidental way out (a template literal, `JSON.stringify`,
 * `console.log`, a logger) prints `[secret]`; only `reveal()`, which a reviewer can search for, gives the text.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
