import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChildTransport } from './child-transport';

const PING = { jsonrpc: '2.0', id: 1, method: 'ping' } as const;
const shell = (script: string): ChildTransport =>
  new ChildTransport({
    command: 'sh',
    args: ['-c', script],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: tmpdir(),
  });

/** Blocks the thread: what happens meanwhile is seen all at once afterwards. */
const blockFor = (ms: number): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('a server that ends', () => {
  it.each([0, 5, 50])('by itself has its last words kept, seen %d ms later', async (ms) => {
    const transport = shell('echo cannot open the door >&2; exit 3');
    await transport.start();
    blockFor(ms);
    await transport.send(PING).catch(() => undefined);
    // The MCP client closes too when it cannot connect, and waits for nothing.
    void transport.close();
    await transport.close();
    expect(transport.stderr).toBe('cannot open the door');
  });

  it('is not waited for where something that left its group still holds its output', async () => {
    const transport = shell('setsid sh -c "echo started >&2; exec sleep 60" & echo $! >&2; wait');
    await transport.start();
    while (!/started/.test(transport.stderr) || !/\d/.test(transport.stderr)) await sleep(20);
    const pid = Number(/\d+/.exec(transport.stderr)?.[0]);
    try {
      await transport.close();
      expect(process.kill(pid, 0)).toBe(true);
    } finally {
      process.kill(pid, 'SIGKILL');
    }
  });
});
