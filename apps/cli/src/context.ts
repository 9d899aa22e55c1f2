import type { Command } from 'commander';
import { readSettings, type SettingFlags, type Settings } from './config';
import type { Io } from './io';

export type Format = 'table' | 'json' | 'yaml';

/** What every command has at hand: the streams, the settings, and how its answer is to be written. */
export interface Context extends Settings {
  readonly io: Io;
  readonly format: Format;
}

export interface GlobalFlags extends SettingFlags {
  readonly output: Format;
}

/** The context of one invocation, from the global flags wherever they stood on the command line. */
export function contextOf(command: Command, io: Io): Context {
  const flags = command.optsWithGlobals<GlobalFlags>();
  return { ...readSettings(flags), io, format: flags.output };
}
