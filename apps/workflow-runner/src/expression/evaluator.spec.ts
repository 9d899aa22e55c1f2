import type { Json } from '../json';
import { Evaluator, type Scope, type SecretRule } from './evaluator';
import { Jq } from './jq';

const CANARY = 'canary-3f9a-secret';
const scope: Scope = {
  input: { name: 'Ada', items: [1, 2] },
  trigger: { message: 'go', metadata: { by: 'cron' } },
  context: { fetch: { title: 'A "title"' } },
  output: { last: true },
  variables: new Map([
    ['TOKEN', { text: CANARY, secret: true }],
    ['OTHER', { text: 'other-secret-value', secret: true }],
    ['PIN', { text: '123', secret: true }],
    ['LEVEL', { text: 'info', secret: false }],
  ]),
};

describe('an expression', () => {
  const jq = new Jq();
  afterAll(() => jq.close());

  const evaluate = async (text: string, secrets: SecretRule = 'allowed'): Promise<Json> => {
    const session = jq.session();
    try {
      return await new Evaluator(session, scope).text(text, 'here', secrets);
    } finally {
      await session.close();
    }
  };

  it.each<[string, Json]>([
    ['${ .input.items }', [1, 2]],
    ['${ $input.name }', 'Ada'],
    ['${ .trigger.message }', 'go'],
    ['${ $context.fetch.title }', 'A "title"'],
    ['${ $context["fetch"].title }', 'A "title"'],
    ['${ $output.last and .output.last }', true],
    ['${ .env_vars.LEVEL }', 'info'],
    ['${ .env_vars.MISSING }', null],
    ['n=${ .input.items | length }, ${ .input.items }', 'n=2, [1,2]'],
    ['${ .input.name # the name\n }', 'Ada'],
    ['${ {"__proto__": 1} | keys }', ['__proto__']],
    ['plain', 'plain'],
  ])('%s', async (text, result) => {
    expect(await evaluate(text)).toEqual(result);
  });

  it('gets the secrets it names, and no others', async () => {
    expect(await evaluate('Bearer ${.secrets.TOKEN}')).toBe(`Bearer ${CANARY}`);
    expect(await evaluate('${ . | tojson }')).not.toContain(CANARY);
    expect(await evaluate('${ [.. | strings] }')).not.toContain(CANARY);
    expect(await evaluate('${ .["secrets"] }')).toEqual({});
    expect(await evaluate('${ .secrets.TOKEN | . as $t | 1234 }')).toBe(1234);
    expect(JSON.stringify(await evaluate('${ [.secrets.TOKEN, (. | tojson)] }'))).not.toContain(
      'other-secret-value',
    );
  });

  it('is refused where the place takes no secret, naming the place and not the value', async () => {
    await expect(evaluate('${.secrets.TOKEN}', { refused: 'it is kept' })).rejects.toMatchObject({
      type: 'SecretRefused',
      message: 'here: a secret is refused here: it is kept',
    });
    await expect(evaluate('${.env_vars.TOKEN}')).rejects.toThrow(/TOKEN is a secret: write \.secrets\.TOKEN/);
    await expect(evaluate('${.secrets.LEVEL}')).rejects.toThrow(
      /LEVEL is not a secret: write \.env_vars\.LEVEL/,
    );
  });

  it('reads an optional variable that nobody gave as null', async () => {
    expect(await evaluate('${ .secrets.NONE // "default" }')).toBe('default');
    expect(await evaluate('${ .env_vars.NONE }')).toBeNull();
    await expect(evaluate('Bearer ${.secrets.NONE}')).rejects.toThrow(/null inside a string/);
  });

  it('fails without quoting the beginning of a secret', async () => {
    const failure = await evaluate('${ .secrets.TOKEN + 1 }').catch((error: unknown) => String(error));
    expect(failure).toMatch(/withheld/);
    expect(failure).not.toContain(CANARY.slice(0, 6));
    await expect(evaluate('${ .input.name + 1 }')).rejects.toThrow(/cannot be added/);
    await expect(evaluate('${ .secrets.TOKEN | nonsense }')).rejects.toThrow(/nonsense\/0 is not defined/);
  });

  it('must give one result, and not null inside a string', async () => {
    await expect(evaluate('${ .input.items[] }')).rejects.toThrow(/gives 2 results/);
    await expect(evaluate('${ empty }')).rejects.toThrow(/gives 0 results/);
    await expect(evaluate('a ${ .nothing }')).rejects.toThrow(/null inside a string/);
  });

  it('cannot reach the process, even where the lexer is deceived', async () => {
    for (const program of ['env', '$ENV', '[inputs]', 'input_filename']) {
      const session = jq.session();
      const data = { dot: {} };
      const result = session.evaluate(program, data, { path: 'here', withSecrets: false });
      if (program === '$ENV') expect(await result).toEqual({});
      else await expect(result).rejects.toThrow(/not available/);
      await session.close();
    }
  });

  it('is ended when it does not end, and the next one runs', async () => {
    const session = jq.session();
    const evaluator = new Evaluator(session, scope);
    await expect(evaluator.text('${ last(range(1e15)) }', 'here', 'allowed')).rejects.toThrow(
      /ran longer than 2000 ms/,
    );
    expect(await evaluator.text('${ 1 }', 'here', 'allowed')).toBe(1);
    await session.close();
  });

  it.each(['"x" * 2000000000 | length', '[limit(100000000; repeat(1))] | length'])(
    'cannot take the runner’s memory: %s',
    async (program) => {
      const before = process.memoryUsage.rss();
      await expect(evaluate(`\${ ${program} }`)).rejects.toMatchObject({ type: 'ExpressionFailed' });
      expect(process.memoryUsage.rss() - before).toBeLessThan(700 * 1024 * 1024);
      expect(await evaluate('${ 1 }')).toBe(1);
    },
  );

  it('takes a megabyte of data in its stride', async () => {
    const session = jq.session();
    const large = {
      ...scope,
      output: Array.from({ length: 20_000 }, (_, id) => ({ id, text: 'x'.repeat(50) })),
    };
    expect(await new Evaluator(session, large).text('${ .output | length }', 'here', 'allowed')).toBe(20_000);
    await session.close();
  });

  it('remembers what it made from a secret, so that it can be masked', async () => {
    const session = jq.session();
    const evaluator = new Evaluator(session, scope);
    await evaluator.text('Basic ${ "u:" + .secrets.TOKEN | @base64 }', 'here', 'allowed');
    expect([...evaluator.derivedSecrets]).toEqual([Buffer.from(`u:${CANARY}`).toString('base64')]);
    await session.close();
  });

  it('remembers numbers and field names too, however deep', async () => {
    const session = jq.session();
    const evaluator = new Evaluator(session, scope);
    await evaluator.text('${ {a: [{(.secrets.TOKEN[0:8]): 98765}]} }', 'here', 'allowed');
    expect([...evaluator.derivedSecrets]).toEqual([CANARY.slice(0, 8), '98765']);
    await session.close();
  });

  it.each([
    '.secrets.TOKEN | explode',
    '.secrets.TOKEN | split("")',
    '[.secrets.TOKEN | scan("..")]',
    '.secrets.TOKEN[0:3]',
    '.secrets.TOKEN | length',
    '{(.secrets.TOKEN[0:3]): true}',
    '[[{x: .secrets.TOKEN[3:5]}]]',
    '.secrets.TOKEN[0:2] + "  "',
  ])('is refused where a secret comes out in pieces too short to be masked: %s', async (program) => {
    const failure = await evaluate(`\${ ${program} }`).catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: 'SecretRefused' });
    expect((failure as Error).message).not.toContain('canary');
  });

  it.each<[string, Json]>([
    ['.secrets.TOKEN | startswith("x")', false],
    ['.secrets.NONE // ""', ''],
    ['[.secrets.TOKEN == "", null]', [false, null]],
    ['{id: .secrets.TOKEN}', { id: CANARY }],
    ['.secrets.PIN', '123'],
    ['.secrets.PIN | tonumber', 123],
  ])('is not refused for what shows no piece: %s', async (program, result) => {
    expect(await evaluate(`\${ ${program} }`)).toEqual(result);
  });
});
