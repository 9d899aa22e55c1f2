/**
 * A server of grpc-js alone: it takes bytes and answers bytes, and on the way does what the plan says, by the bare
 * libraries. It is what a service cannot be faster than. Runs as a process: `node bare-server.js <plan.json>`.
 */
import { readFileSync } from 'node:fs';
import {
  Client,
  credentials,
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import mongoose from 'mongoose';
import { bareAes } from './bare-aes';

/** What the server answers. Bytes are in base64. */
export interface BareServerPlan {
  readonly listen: string;
  readonly rpcs: readonly BareRpc[];
}

export interface BareRpc {
  readonly path: string;
  readonly answer: string;
  /** Before it answers, one after the other. */
  readonly steps: readonly BareStep[];
}

export type BareStep =
  /** The next hop; without a message, that of the caller. */
  | {
      readonly kind: 'call';
      readonly address: string;
      readonly path: string;
      readonly message?: string;
      readonly metadata: Readonly<Record<string, string>>;
    }
  /** One batched read. */
  | {
      readonly kind: 'find';
      readonly url: string;
      readonly database: string;
      readonly collection: string;
      readonly ids: readonly string[];
    }
  /** AES-256-GCM of so many values of so many bytes. */
  | { readonly kind: 'open'; readonly values: number; readonly bytes: number };

type Work = (request: Buffer) => Promise<unknown>;

const same = (bytes: Buffer): Buffer => bytes;

async function work(step: BareStep): Promise<Work> {
  switch (step.kind) {
    case 'call':
      return callNext(step);
    case 'find': {
      const client = await mongoose.mongo.MongoClient.connect(step.url);
      const collection = client.db(step.database).collection<{ readonly _id: string }>(step.collection);
      return () => collection.find({ _id: { $in: [...step.ids] } }).toArray();
    }
    case 'open':
      return openValues(step.values, step.bytes);
  }
}

function callNext({ address, path, message, metadata }: Extract<BareStep, { kind: 'call' }>): Work {
  const client = new Client(address, credentials.createInsecure());
  const fixed = message === undefined ? undefined : Buffer.from(message, 'base64');
  return (request) =>
    new Promise((resolve, reject) => {
      const headers = new Metadata();
      for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
      client.makeUnaryRequest(path, same, same, fixed ?? request, headers, (error, answer) => {
        if (error) reject(error);
        else resolve(answer);
      });
    });
}

function openValues(count: number, bytes: number): Work {
  const open = bareAes(Array.from({ length: count }, () => 'x'.repeat(bytes)));
  return () => {
    open();
    return Promise.resolve();
  };
}

async function addRpc(server: Server, { path, answer, steps }: BareRpc): Promise<void> {
  const works = await Promise.all(steps.map(work));
  const bytes = Buffer.from(answer, 'base64');
  const handle = async (request: Buffer): Promise<Buffer> => {
    for (const each of works) await each(request);
    return bytes;
  };
  const definition = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const handler =
    works.length === 0
      ? (_call: unknown, done: sendUnaryData<Buffer>) => {
          done(null, bytes);
        }
      : ({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
          handle(request).then((value) => {
            done(null, value);
          }, done);
        };
  server.addService({ rpc: definition }, { rpc: handler });
}

async function main(file: string): Promise<void> {
  const plan = JSON.parse(readFileSync(file, 'utf8')) as BareServerPlan;
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  for (const rpc of plan.rpcs) await addRpc(server, rpc);
  // What waits for this server to be there asks for its health.
  await addRpc(server, { path: '/grpc.health.v1.Health/Check', answer: 'CAE=', steps: [] });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(plan.listen, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  process.once('SIGTERM', () => process.exit(0));
}

if (require.main === module) void main(process.argv[2] ?? '');
