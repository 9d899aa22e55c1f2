import { connect } from 'node:net';
import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';

const PROBE_TIMEOUT_MS = 2_000;
/** Not compressed, then the length of the message. */
const FRAME_HEADER_BYTES = 5;

/** Sends the bytes and succeeds when the answer contains what is expected. */
export async function probeTcp(port: number, request: Buffer, expected: string): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await new Promise<void>((resolve, reject) => {
      let answer = '';
      socket.setTimeout(PROBE_TIMEOUT_MS, () => {
        reject(new Error('no answer'));
      });
      socket.once('error', reject);
      socket.once('close', () => {
        reject(new Error('connection closed'));
      });
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1');
        if (answer.includes(expected)) resolve();
      });
      socket.write(request);
    });
  } finally {
    socket.destroy();
  }
}

/** Calls a unary rpc without a gRPC library (this package has no dependency); its message when the status is OK. */
export async function probeGrpc(port: number, path: string, message: Buffer): Promise<Buffer> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      session.once('error', reject);
      const chunks: Buffer[] = [];
      const call = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
      });
      const settle = (headers: IncomingHttpHeaders): void => {
        const status = headers['grpc-status'];
        if (status === '0') resolve(Buffer.concat(chunks).subarray(FRAME_HEADER_BYTES));
        else if (status !== undefined) reject(new Error(`gRPC status ${status.toString()}`));
      };
      call.setTimeout(PROBE_TIMEOUT_MS, () => {
        reject(new Error('no answer'));
      });
      call.once('error', reject);
      // An error may come in the headers alone, a success always comes in the trailers.
      call.on('response', settle);
      call.on('trailers', settle);
      call.once('close', () => {
        reject(new Error('call closed'));
      });
      call.on('data', (chunk: Buffer) => chunks.push(chunk));
      const frame = Buffer.alloc(FRAME_HEADER_BYTES);
      frame.writeUInt32BE(message.length, 1);
      call.end(Buffer.concat([frame, message]));
    });
  } finally {
    session.destroy();
  }
}
