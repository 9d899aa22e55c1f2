import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the CLI finds the server and its own files. */
export interface Settings {
  readonly address: string;
  readonly org: string;
  /** Holds the local token; see `stigmer server start`. */
  readonly home: string;
  /** False when NO_COLOR asks for plain text, whatever the terminal could do. */
  readonly colour: boolean;
}

export interface SettingFlags {
  readonly address?: string;
  readonly org?: string;
  readonly home?: string;
}

const DEFAULT_ADDRESS = '127.0.0.1:7234';

/** A flag wins over its environment variable, which wins over the default. */
export function readSettings(flags: SettingFlags, env: NodeJS.ProcessEnv = process.env): Settings {
  return {
    address: flags.address ?? nonEmpty(env['STIGMER_ADDRESS']) ?? DEFAULT_ADDRESS,
    org: flags.org ?? nonEmpty(env['STIGMER_ORG']) ?? 'default',
    home: flags.home ?? nonEmpty(env['STIGMER_HOME']) ?? join(homedir(), '.stigmer'),
    // https://no-color.org: present and not empty, whatever its value.
    colour: nonEmpty(env['NO_COLOR']) === undefined,
  };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
