import { invalidArgument } from '@stigmer/domain';
import { Secret } from './secret';

/** What the program is told from outside: `stigmer apply program.ts --config region=eu`. */
export class Config {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** The value, or an error that says how to give it. */
  require(key: string): string {
    const value = this.get(key);
    if (value === undefined)
      throw invalidArgument(`the program needs the configuration "${key}": --config ${key}=…`);
    return value;
  }

  /** A secret: taken from the configuration, or asked for without echo where it is not given. */
  requireSecret(key: string): Secret {
    return new Secret({ key });
  }
}
