import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  freePort,
  probeGrpc,
  SERVICE_FLAGS,
  SERVICE_VARIABLES,
  startMongo,
  startProcess,
  startRedis,
} from '@stigmer/embedded';
import { IDENTITY_HEADER, type ServiceName } from '@stigmer/service';
import { testIdentities } from '@stigmer/service/testing';
import mongoose from 'mongoose';
import { baseEnvironment, type BenchConfig } from './config';
import type { BareServerPlan } from './floors/bare-server';
import { load, type Step } from './load';
import type { Load } from './figure';

const ROOT = dirname(dirname(__dirname));
const START_TIMEOUT_MS = 60_000;

/** A server that was started, and where it is. */
export interface Started {
  readonly address: string;
  readonly pid: number;
}

/** One run of the bench: what it was asked for, and the servers it has started so far. All end with it. */
export class Bench implements AsyncDisposable {
  private readonly identities = testIdentities();
  private readonly stops: (() => Promise<unknown>)[] = [];
  private readonly parts = new Map<string, Promise<unknown>>();

  constructor(readonly config: BenchConfig) {}

  /** The part of this name, made when it is first asked for. */
  once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const made = (this.parts.get(name) as Promise<T> | undefined) ?? make();
    this.parts.set(name, made);
    return made;
  }

  /** Called at the end, the last one first. */
  atEnd(stop: () => Promise<unknown>): void {
    this.stops.push(stop);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.stops.toReversed()) await stop();
  }

  load(steps: readonly Step[], connections = this.config.connections): Promise<Load> {
    return load(steps, { connections, seconds: this.config.seconds });
  }

  /** The metadata by which `caller` is believed by `callee`. It lives for 20 seconds at least: make it per run. */
  async identify(caller: ServiceName, callee: ServiceName): Promise<Readonly<Record<string, string>>> {
    return { [IDENTITY_HEADER]: await this.identities.identity(caller).token(callee) };
  }

  identity(name: ServiceName) {
    return this.identities.identity(name);
  }

  mongo(): Promise<string> {
    return this.once('mongo', async () => {
      const server = await startMongo();
      this.atEnd(() => server.stop());
      return server.url;
    });
  }

  redis(): Promise<string> {
    return this.once('redis', async () => {
      const server = await startRedis();
      this.atEnd(() => server.stop());
      return server.url;
    });
  }

  /** The bare driver, for what is stored and for seeds. */
  database(name: string): Promise<mongoose.mongo.Db> {
    return this.once(`database ${name}`, async () => {
      const client = await mongoose.mongo.MongoClient.connect(await this.mongo());
      this.atEnd(() => client.close());
      return client.db(name);
    });
  }

  /** Starts a compiled service as `stigmer server start` does, with these variables beside its identity. */
  async service(name: ServiceName, variables: Readonly<Record<string, string>>): Promise<Started> {
    const folder = await this.folder(name);
    const identity = join(folder, 'identity.json');
    await writeFile(identity, this.identities.privateJwk[name], { mode: 0o600 });
    const trusted = join(folder, 'trusted.json');
    await writeFile(trusted, this.identities.jwks);
    const address = `127.0.0.1:${await freePort()}`;
    const main = join(ROOT, 'apps', name, 'dist', 'main.js');
    return this.node(name, folder, address, [...SERVICE_FLAGS, ...this.profiling(), main], {
      ...SERVICE_VARIABLES,
      STIGMER_LISTEN: address,
      STIGMER_LOG_LEVEL: 'warn',
      STIGMER_IDENTITY_KEY_FILE: identity,
      STIGMER_TRUSTED_IDENTITIES_FILE: trusted,
      ...variables,
    });
  }

  /** Starts a gRPC server of grpc-js alone, in a process of its own as the services are. */
  async bareServer(plan: Omit<BareServerPlan, 'listen'>): Promise<Started> {
    const folder = await this.folder('bare-server');
    const address = `127.0.0.1:${await freePort()}`;
    const file = join(folder, 'plan.json');
    await writeFile(file, JSON.stringify({ ...plan, listen: address } satisfies BareServerPlan));
    const main = join(__dirname, 'floors', 'bare-server.js');
    return this.node('bare-server', folder, address, [...this.profiling(), main, file], {
      NODE_ENV: 'production',
    });
  }

  async folder(name: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), `stigmer-bench-${name}-`));
    this.atEnd(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  private profiling(): readonly string[] {
    const { profile } = this.config;
    return profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  }

  private async node(
    name: string,
    folder: string,
    address: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv,
  ): Promise<Started> {
    const process_ = await startProcess({
      name,
      program: { file: process.execPath, args: [] },
      args,
      folder,
      environment: { ...baseEnvironment(), ...environment },
      // In good order: a profile is written at the end.
      temporary: false,
      logFile: join(folder, 'server.log'),
      timeoutMs: START_TIMEOUT_MS,
      probe: async () => {
        await probeGrpc(Number(address.split(':')[1]), '/grpc.health.v1.Health/Check', Buffer.alloc(0));
      },
    });
    this.atEnd(() => process_.stop());
    return { address, pid: process_.pid };
  }
}
