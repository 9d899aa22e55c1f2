import { type Expression, onlyExpression } from '@stigmer/domain';
import { TaskFailure } from '../failure';
import { mapStrings, type Json, type JsonObject } from '../json';
import type { JqSession } from './jq';
import { parseTemplate } from './template';

/** What a workflow's expressions can read. */
export interface Scope {
  /** The run's input. */
  readonly input: Json;
  readonly trigger: { readonly message: string; readonly metadata: Readonly<Record<string, string>> };
  /** What SET and `export` have kept. */
  readonly context: JsonObject;
  /** The last task's output. */
  readonly output: Json;
  readonly variables: ReadonlyMap<string, { readonly text: string; readonly secret: boolean }>;
}

/** Whether a place may hold a secret, and if not, why: the reason is what the user reads. */
export type SecretRule = 'allowed' | { readonly refused: string };

/** Nothing shorter can be masked: it stands in every other text as well. */
const MASKABLE = 4;

/** Evaluates the texts of one task and remembers all that was made from a secret, for the masker. */
export class Evaluator {
  /** Results of expressions that name a secret: `"u:" + .secrets.P | @base64` is as secret as P itself. */
  readonly derivedSecrets = new Set<string>();
  readonly #jq: JqSession;
  readonly #scope: Scope;

  constructor(jq: JqSession, scope: Scope) {
    this.#jq = jq;
    this.#scope = scope;
  }

  /** Every string of a JSON value evaluated, its shape kept. */
  async json(value: Json, path: string, secrets: SecretRule): Promise<Json> {
    return mapStrings(value, path, (text, at) => this.text(text, at, secrets));
  }

  /** One text: alone an expression keeps its result's type, inside a string it becomes text. */
  async text(text: string, path: string, secrets: SecretRule): Promise<Json> {
    const parts = parseTemplate(text, path);
    const only = onlyExpression(parts);
    if (only) return this.#expression(only, path, secrets);
    const pieces: string[] = [];
    for (const part of parts) {
      pieces.push(
        part.kind === 'literal' ? part.text : asText(await this.#expression(part, path, secrets), path),
      );
    }
    return pieces.join('');
  }

  /** As `text`, but told before each expression what the text so far is: a place may allow secrets in its second half only. */
  async string(text: string, path: string, ruleAfter: (prefix: string) => SecretRule): Promise<string> {
    let result = '';
    for (const part of parseTemplate(text, path)) {
      result +=
        part.kind === 'literal'
          ? part.text
          : asText(await this.#expression(part, path, ruleAfter(result)), path);
    }
    return result;
  }

  /** `export.as`: there `.` is the task's output and nothing else. */
  async overOutput(text: string, path: string, output: Json): Promise<Json> {
    const only = onlyExpression(parseTemplate(text, path));
    if (!only) {
      throw new TaskFailure('InvalidTask', `${path}: must be one expression, as in \${ . }`);
    }
    if (only.secrets.length > 0) throw refused(path, 'what is exported is kept in the run’s history');
    const { context, input } = this.#scope;
    return this.#jq.evaluate(
      only.program,
      { dot: output, variables: { context, input, output } },
      { path, withSecrets: false },
    );
  }

  async #expression(expression: Expression, path: string, rule: SecretRule): Promise<Json> {
    const withSecrets = expression.secrets.length > 0;
    if (withSecrets && rule !== 'allowed') throw refused(path, rule.refused);
    const data = { dot: this.#dot(expression, path) };
    const result = await this.#jq.evaluate(expression.program, data, { path, withSecrets });
    if (withSecrets) this.#remember(result, expression, path);
    return result;
  }

  /** `.` holds the secrets that the program names, no others: `${ . }` has none. */
  #dot(expression: Expression, path: string): Json {
    const { input, trigger, context, output, variables } = this.#scope;
    const secrets = expression.secrets.flatMap((name): [string, string][] => {
      const variable = variables.get(name);
      if (variable === undefined) return []; // optional and not given: null, so that `// "default"` works
      if (variable.secret) return [[name, variable.text]];
      throw new TaskFailure('ExpressionFailed', `${path}: ${name} is not a secret: write .env_vars.${name}`);
    });
    for (const name of expression.envVars) {
      if (variables.get(name)?.secret) throw refused(path, `${name} is a secret: write .secrets.${name}`);
    }
    const plain = [...variables]
      .filter(([, { secret }]) => !secret)
      .map(([name, { text }]): [string, string] => [name, text]);
    return {
      input,
      trigger: { message: trigger.message, metadata: trigger.metadata },
      context,
      output,
      env_vars: Object.fromEntries(plain),
      secrets: Object.fromEntries(secrets),
    };
  }

  /**
   * Texts, numbers and field names alike. A secret in pieces that are too short to be masked (`explode`, `split("")`)
   * is refused; a field name that the program writes itself is no piece of one, and an empty text holds nothing.
   */
  #remember(result: Json, expression: Expression, path: string): void {
    const secrets = [...this.#scope.variables.values()].filter(({ secret }) => secret);
    const known = new Set(secrets.map(({ text }) => text.trim()));
    const own = new Set(expression.program.match(/[\p{L}\p{N}_]+/gu));
    const tooShort: string[] = [];
    const add = (text: string) => {
      this.derivedSecrets.add(text);
      if (text !== '' && text.trim().length < MASKABLE && !known.has(text.trim())) tooShort.push(path);
    };
    const visit = (value: Json): void => {
      if (typeof value === 'string' || typeof value === 'number') add(String(value));
      else if (typeof value === 'object' && value !== null) {
        for (const [key, item] of Object.entries<Json>(value)) {
          if (!Array.isArray(value) && !own.has(key)) add(key);
          visit(item);
        }
      }
    };
    visit(result);
    if (tooShort.length > 0) {
      throw refused(
        path,
        'the result has a text or a number of fewer than 4 characters, which could not be masked',
      );
    }
  }
}

function asText(value: Json, path: string): string {
  if (value === null) {
    throw new TaskFailure(
      'ExpressionFailed',
      `${path}: an expression gives null inside a string; give a default, as in \${ .x // "" }`,
    );
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function refused(path: string, reason: string): TaskFailure {
  return new TaskFailure('SecretRefused', `${path}: a secret is refused here: ${reason}`);
}
