import { createLogger } from './logger';

class Secret {
  constructor(private readonly text: string) {}
  reveal(): string {
    return this.text;
  }
  toJSON(): string {
    return '[secret]';
  }
}

function logged(
  write: (log: ReturnType<typeof createLogger>) => void,
): Record<string, unknown> & { text: string } {
  let text = '';
  write(
    createLogger('test', 'trace', {
      write: (line: string) => {
        text += line;
      },
    }),
  );
  return { ...(JSON.parse(text) as Record<string, unknown>), text };
}

describe('the log', () => {
  it('is one JSON object a line, with service, level and time', () => {
    const line = logged((log) => {
      log.info({ org: 'acme', id: 'env-1' }, 'environment created');
    });
    expect(line).toMatchObject({
      service: 'test',
      level: 'info',
      org: 'acme',
      id: 'env-1',
      msg: 'environment created',
    });
    expect(Date.parse(String(line.time))).not.toBeNaN();
  });

  it.each(['value', 'secret', 'authorization', 'data', 'token', 'password', 'Authorization'])(
    'withholds a field called %s, however deep',
    (name) => {
      const { text } = logged((log) => {
        log.info({ a: [{ b: { [name]: { x: 'canary' } } }] }, 'x');
      });
      expect(text).not.toContain('canary');
      expect(text).toContain('[redacted]');
    },
  );

  it('prints a Secret as [secret] and bytes as their length', () => {
    const line = logged((log) => {
      log.info({ key: new Secret('canary'), blob: Buffer.from('canary') }, 'x');
    });
    expect(line).toMatchObject({ key: '[secret]', blob: '[6 bytes]' });
  });

  it('describes an error by class, message, place and causes, and copies none of its other properties', () => {
    const cause = Object.assign(new TypeError('inner'), { document: 'canary' });
    const line = logged((log) => {
      log.error({ err: new Error('outer', { cause }) }, 'x');
    });
    expect(line.err).toMatchObject({
      type: 'Error',
      message: 'outer',
      cause: { type: 'TypeError', message: 'inner' },
    });
    expect(line.text).not.toContain('canary');
  });

  it('withholds the message of an error that quotes its input, in the stack too', () => {
    const { text } = logged((log) => {
      try {
        JSON.parse('canary-4711');
      } catch (error) {
        log.error({ err: error }, 'x');
      }
    });
    expect(text).toContain('SyntaxError');
    expect(text).not.toContain('canary');
  });
});
