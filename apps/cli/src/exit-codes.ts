/** What the process ends with; docs/cli.md lists them, and scripts may rely on them. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  notAllowed: 5,
  unavailable: 6,
  runFailed: 7,
  runCancelled: 8,
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends the command with a code after it has already said all there is to say. */
export class Exit extends Error {
  override readonly name = 'Exit';

  constructor(readonly code: ExitCode) {
    super(`exit ${code}`);
  }
}
