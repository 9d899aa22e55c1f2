import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { Step } from './load';

const DEADLINE_MS = 20_000;

/** Makes the call of a step once, and answers the bytes that came. */
export function rawCall({ address, path, metadata, messages }: Step): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure());
  const headers = new Metadata();
  for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
  const request = Buffer.from(messages[0] ?? []);
  return new Promise<Buffer>((resolve, reject) => {
    const deadline = Date.now() + DEADLINE_MS;
    client.makeUnaryRequest(path, same, same, request, headers, { deadline }, (error, answer) => {
      client.close();
      if (error) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
  });
}

/** A step's path. */
export function pathOf(method: {
  readonly parent: { readonly typeName: string };
  readonly name: string;
}): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
