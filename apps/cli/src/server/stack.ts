import { freePort, requireFreePort } from '@stigmer/embedded';
import { backingAddresses, backingPlans, type BackingPorts } from './backing-servers';
import type { Layout } from './layout';
import type { StartRequest } from './messages';
import { Part, type PartStatus } from './part';
import { addressOf, servicePlan, SERVICE_NAMES, type ServiceName, type World } from './services';
import type { ServerStatus } from './status';

/** From the public port inwards; each one may still use all that come after it while it drains. */
const STOP_ORDER: readonly (readonly string[])[] = [
  ['gateway'],
  ['workflow-runner'],
  ['control-plane'],
  ['resolver-service'],
  ['environment-service', 'execution-context-service'],
  ['mongodb', 'redis', 'temporal'],
];

/** All processes of one run of the server. */
export class Stack {
  readonly #startedAt = new Date();
  readonly #backing: readonly Part[];
  readonly #services: readonly Part[];

  private constructor(
    private readonly world: World,
    private readonly ports: BackingPorts,
    onChange: (status: PartStatus) => void,
  ) {
    this.#backing = backingPlans(world.layout, ports).map((plan) => new Part(plan, onChange));
    this.#services = SERVICE_NAMES.map((name) => new Part(servicePlan(name, world), onChange));
  }

  /** Chooses all ports; those that a person named must be free. */
  static async plan(
    request: StartRequest,
    layout: Layout,
    onChange: (status: PartStatus) => void,
  ): Promise<Stack> {
    const backing: BackingPorts = {
      mongodb: await freePort(),
      redis: await freePort(),
      temporal: await choosePort(request.temporalPort, 'Temporal'),
      temporalUi: await choosePort(request.temporalUiPort, "Temporal's web UI"),
    };
    const ports: Record<ServiceName, number> = {
      'environment-service': await freePort(),
      'execution-context-service': await freePort(),
      'resolver-service': await freePort(),
      'control-plane': await freePort(),
      'workflow-runner': await freePort(),
      gateway: await choosePort(request.port, 'the gateway'),
    };
    const { mongodb, redis, temporal } = backingAddresses(backing);
    const world: World = { layout, ports, mongodb, redis, temporal, passedOn: request.passedOn };
    return new Stack(world, backing, onChange);
  }

  get names(): readonly string[] {
    return this.#parts.map(({ plan }) => plan.name);
  }

  get status(): ServerStatus {
    return {
      running: true,
      pid: process.pid,
      startedAt: this.#startedAt.toISOString(),
      home: this.world.layout.home,
      gateway: addressOf(this.world, 'gateway'),
      ...backingAddresses(this.ports),
      parts: this.#parts.map(({ status }) => status),
    };
  }

  /** The services find each other in any order, but not their databases. */
  async start(): Promise<void> {
    await Promise.all(this.#backing.map((part) => part.start()));
    await Promise.all(this.#services.map((part) => part.start()));
  }

  async stop(): Promise<void> {
    for (const names of STOP_ORDER) {
      await Promise.all(
        this.#parts.filter(({ plan }) => names.includes(plan.name)).map((part) => part.stop()),
      );
    }
  }

  get #parts(): readonly Part[] {
    return [...this.#backing, ...this.#services];
  }
}

async function choosePort(wanted: number, what: string): Promise<number> {
  if (wanted === 0) return freePort();
  await requireFreePort(wanted, what);
  return wanted;
}
