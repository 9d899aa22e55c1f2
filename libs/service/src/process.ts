import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setLogger } from '@grpc/grpc-js';
import type { z } from 'zod';
import { type ConfigSchema, readConfig, type ServiceConfig } from './config';
import type { ServiceName } from './identity';
import { createLogger, type Logger } from './logger';
import type { RunningService } from './server';

/** How long a start may go on after a signal. */
const START_GRACE_MS = 5_000;

/** The life of a process: a start that fails says why in words, and a signal ends it gracefully. */
export async function runProcess<S extends ConfigSchema>(
  name: ServiceName,
  schema: S,
  startUp: (config: z.infer<S>, log: Logger) => Promise<RunningService>,
): Promise<void> {
  try {
    const config = readConfig(schema);
    const { STIGMER_LOG_LEVEL: level } = config as Pick<ServiceConfig, 'STIGMER_LOG_LEVEL'>;
    const log = createLogger(name, level);
    captureStrayLines(log);
    const started = startUp(config, log);
    endOnSignal(started, log);
    await started;
    collectWhatIsLeft();
  } catch (error) {
    process.stderr.write(
      `${name} cannot start: ${error instanceof Error ? error.message : 'unknown error'}\n`,
    );
    process.exit(1);
  }
}

/**
 * Frees what the start has left over, 10 to 20 MB: V8 waits for a need of room, and a service that is idle makes none.
 * Two tenths of a second, once, while nobody has called yet.
 */
function collectWhatIsLeft(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: {
    readonly type: 'major';
    readonly flavor: string;
  }) => void;
  // The kind that V8 makes before it gives up: it gives free pages back, where others keep them.
  collect({ type: 'major', flavor: 'last-resort' });
}

/** What would reach stderr past the log, in a form of its own: grpc-js's lines, and what nobody caught. */
function captureStrayLines(log: Logger): void {
  setLogger({
    error: (line: unknown) => {
      log.warn({ grpc: line }, 'grpc-js');
    },
    info: () => undefined,
    debug: () => undefined,
  });
  process.on('uncaughtException', (error) => {
    // Node would print the error whole, with whatever its message quotes.
    log.fatal({ err: error }, 'uncaught error');
    process.exit(1);
  });
}

/**
 * Also while it starts: it may have taken calls before its start is over, and those must end as they do later. A start
 * that does not come to its end is not waited for.
 */
function endOnSignal(started: Promise<RunningService>, log: Logger): void {
  const end = (): void => {
    const giveUp = setTimeout(() => {
      log.error('stopped in the middle of a start that took too long');
      process.exit(1);
    }, START_GRACE_MS);
    started
      .then((running) => {
        clearTimeout(giveUp);
        return running.close();
      })
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}
