import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { Redis } from 'ioredis';
import { createConnection } from 'mongoose';
import { freePort, startMongo, startRedis, startTemporal } from './index';
import { leftIn } from './testing/processes';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stigmer-spec-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function withCollection<T>(
  url: string,
  use: (collection: ReturnType<ReturnType<typeof createConnection>['collection']>) => Promise<T>,
): Promise<T> {
  const connection = await createConnection(url, {
    dbName: 'spec',
    serverSelectionTimeoutMS: 30_000,
  }).asPromise();
  try {
    return await use(connection.collection('documents'));
  } finally {
    await connection.close();
  }
}

describe('the embedded MongoDB-wire server', () => {
  it('keeps what was acknowledged when it is killed', async () => {
    const first = await startMongo({ dataDir: join(folder, 'mongo') });
    try {
      await withCollection(first.url, (collection) => collection.insertOne({ name: 'kept' }));
      process.kill(first.pid, 'SIGKILL');
      await first.exited;
    } finally {
      await first.stop();
    }
    const second = await startMongo({ dataDir: join(folder, 'mongo') });
    try {
      const found = await withCollection(second.url, (collection) => collection.findOne({ name: 'kept' }));
      expect(found).toMatchObject({ name: 'kept' });
    } finally {
      await second.stop();
    }
  });

  it('runs transactions over the address it gives', async () => {
    const mongo = await startMongo();
    const connection = createConnection(mongo.url, { dbName: 'spec', serverSelectionTimeoutMS: 30_000 });
    try {
      await connection.createCollection('documents');
      const aborted = connection.transaction(async (session) => {
        await connection.collection('documents').insertOne({ name: 'undone' }, { session });
        throw new Error('changed my mind');
      });
      await expect(aborted).rejects.toThrow('changed my mind');
      expect(await connection.collection('documents').countDocuments()).toBe(0);
    } finally {
      await connection.close();
      await mongo.stop();
    }
  });
});

describe('the embedded Valkey', () => {
  it('answers, then leaves neither a process nor a file behind', async () => {
    const server = await startRedis();
    const redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
    let dir: string;
    try {
      await redis.set('greeting', 'hello');
      expect(await redis.get('greeting')).toBe('hello');
      dir = (await redis.config('GET', 'dir'))[1] ?? '';
    } finally {
      redis.disconnect();
      await server.stop();
    }
    expect(dir).toContain('stigmer-');
    expect(existsSync(dir)).toBe(false);
    expect(await leftIn([server.pid])).toEqual([]);
  });
});

describe('the embedded Temporal', () => {
  it('keeps a started workflow over a restart, and serves its web UI', async () => {
    const first = await startTemporal({ dataDir: join(folder, 'temporal') });
    try {
      const page = await fetch(first.uiUrl ?? '', { signal: AbortSignal.timeout(60_000) });
      expect(page.status).toBe(200);
      await withTemporal(first.address, (client) =>
        client.workflow.start('any', { taskQueue: 'nobody', workflowId: 'kept', args: [] }),
      );
    } finally {
      await first.stop();
    }
    const second = await startTemporal({ dataDir: join(folder, 'temporal'), headless: true });
    try {
      expect(second.uiUrl).toBeUndefined();
      const found = await withTemporal(second.address, (client) =>
        client.workflow.getHandle('kept').describe(),
      );
      expect(found.status.name).toBe('RUNNING');
    } finally {
      await second.stop();
    }
  });
});

async function withTemporal<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: 60_000 });
  try {
    return await connection.withDeadline(Date.now() + 60_000, () => use(new Client({ connection })));
  } finally {
    await connection.close();
  }
}

describe('a free port', () => {
  it('is kept for whoever asked for it, from other processes too, until its server is there', async () => {
    const port = await freePort();
    const script = `require('node:dgram').createSocket('udp4').on('error', ({ code }) => console.log(code))
      .bind({ port: Number(process.argv[1]), address: '127.0.0.1' }, function () { console.log('had it'); this.close(); })`;
    const { stdout } = spawnSync(process.execPath, ['-e', script, String(port)], { encoding: 'utf8' });
    expect(stdout.trim()).toBe('EADDRINUSE');
    const server = await startRedis({ port });
    await server.stop();
  });
});

describe('what goes wrong at a start', () => {
  it('names the port that another program holds', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = holder.address() as AddressInfo;
      await expect(startRedis({ port })).rejects.toThrow(`port ${port} for Valkey is in use`);
    } finally {
      holder.close();
    }
  });

  it("shows the end of the server's own log", async () => {
    // A database file that is a folder: Temporal refuses it and says so.
    const dataDir = join(folder, 'broken');
    await mkdir(join(dataDir, 'temporal.db'), { recursive: true });
    const start = startTemporal({ dataDir, logFile: join(folder, 'broken.log'), headless: true });
    await expect(start).rejects.toThrow(/^Temporal did not start: it ended at once\n.*database file/s);
  });
});
