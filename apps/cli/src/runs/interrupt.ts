import { Exit, ExitCode } from '../exit-codes';
import type { Signals } from '../io';

/** Ctrl-C while a run is watched: the first asks for its end, the second leaves it to itself. */
export interface Interrupts {
  /** Rejects at the second Ctrl-C. */
  readonly left: Promise<never>;
  stop(): void;
}

export function onInterrupt(signals: Signals, first: () => void): Interrupts {
  let count = 0;
  let leave: (reason: Exit) => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = reject;
  });
  // Nobody may be waiting when it happens.
  left.catch(() => undefined);
  const listener = (): void => {
    count += 1;
    if (count === 1) first();
    else leave(new Exit(ExitCode.interrupted));
  };
  signals.on('SIGINT', listener);
  signals.on('SIGTERM', listener);
  return {
    left,
    stop: () => {
      signals.off('SIGINT', listener);
      signals.off('SIGTERM', listener);
    },
  };
}
