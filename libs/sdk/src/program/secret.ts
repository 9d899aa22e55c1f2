import { inspect } from 'node:util';

/** Where a secret's value comes from when the program is applied. It is never written in the program itself. */
export type SecretSource =
  | {
      /** Read from this file, relative to the program; one newline at its end is dropped. */ readonly file: string;
    }
  | { /** Asked for on the terminal, without echo. */ readonly prompt: string };

/** Declares a secret by its source: `secret({ file: './token' })` or `secret({ prompt: 'GitHub token' })`. */
export function secret(source: SecretSource): Secret {
  return new Secret(source);
}

/** A source inside the program: the configuration given on the command line, asked for where it is not given. */
export interface ConfiguredSecret {
  readonly key: string;
}

/**
 * A value the program may pass on and cannot look into: it holds the source, and the value is read only once the
 * program has ended.
 */
export class Secret {
  readonly #source: SecretSource | ConfiguredSecret;

  constructor(source: SecretSource | ConfiguredSecret) {
    this.#source = source;
  }

  /** For {@link collect} alone, which is where sources turn into values. */
  static sourceOf(value: Secret): SecretSource | ConfiguredSecret {
    return value.#source;
  }

  /** Text made from a secret would be plain text. */
  [Symbol.toPrimitive](): never {
    throw new TypeError(
      'a secret cannot become part of a text; name its variable as ${NAME} where it is used',
    );
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
