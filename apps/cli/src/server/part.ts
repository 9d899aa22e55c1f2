import { setTimeout as sleep } from 'node:timers/promises';
import type { SupervisedProcess } from '@stigmer/embedded';

/** How to start one process of the server. It keeps its address over its restarts: the others were told it. */
export interface PartPlan {
  readonly name: string;
  readonly address: string;
  /** The signal gives up a start that is under way. */
  start(signal: AbortSignal): Promise<SupervisedProcess>;
}

export interface PartStatus {
  readonly name: string;
  readonly state: 'starting' | 'up' | 'restarting' | 'stopped';
  readonly address: string;
  readonly pid?: number;
  readonly restarts: number;
  /** Why it was restarted last, or why it cannot be. */
  readonly problem?: string;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** After this long without trouble, the next crash is a new one and not the last one again. */
const SETTLED_MS = 60_000;

/** One process of the server: it is started again when it ends by itself, less and less often while it keeps ending. */
export class Part {
  readonly #stopping = new AbortController();
  #process: SupervisedProcess | undefined;
  #state: PartStatus['state'] = 'starting';
  #restarts = 0;
  #problem: string | undefined;
  #upSince = 0;
  #delay = FIRST_DELAY_MS;
  /** Settles when no start and no restart is under way. */
  #busy: Promise<void> = Promise.resolve();

  constructor(
    readonly plan: PartPlan,
    private readonly onChange: (status: PartStatus) => void,
  ) {}

  get status(): PartStatus {
    const { name, address } = this.plan;
    return {
      name,
      state: this.#state,
      address,
      ...(this.#state === 'up' && this.#process !== undefined ? { pid: this.#process.pid } : {}),
      restarts: this.#restarts,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /** Starts it for the first time; that one must succeed, or the whole server does not start. */
  start(): Promise<void> {
    const started = this.#launch();
    this.#busy = started.catch(() => undefined);
    return started;
  }

  /** Stops it in good order; whatever is left of it then is killed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#busy;
    await this.#process?.stop();
    this.#set('stopped');
  }

  async #launch(): Promise<void> {
    const started = await this.plan.start(this.#stopping.signal);
    this.#process = started;
    this.#upSince = Date.now();
    this.#set('up');
    void started.exited.then((how) => {
      if (this.#stopping.signal.aborted) return;
      this.#problem = `ended by itself: ${how}`;
      this.#busy = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    if (Date.now() - this.#upSince > SETTLED_MS) this.#delay = FIRST_DELAY_MS;
    this.#set('restarting');
    for (;;) {
      await sleep(this.#delay, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
      if (this.#stopping.signal.aborted) return;
      try {
        this.#restarts += 1;
        await this.#launch();
        return;
      } catch (error) {
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#set('restarting');
      }
    }
  }

  #set(state: PartStatus['state']): void {
    this.#state = state;
    this.onChange(this.status);
  }
}
