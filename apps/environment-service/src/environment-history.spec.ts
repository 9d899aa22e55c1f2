import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { importKey, KeyRing } from '@stigmer/crypto';
import { EnvironmentSchema } from '@stigmer/proto/agentic/environment/v1/api';
import { EnvironmentDifference } from '@stigmer/proto/agentic/environment/v1/io';
import fc from 'fast-check';
import { differences } from './environment-diffs';
import type { Changes, EnvironmentDocument } from './environment-document';
import { createDocument, editDocument, editOf, type Outcome } from './environment-edit';
import { rolledBack } from './environment-rollback';
import { EnvironmentSecrets } from './environment-secrets';
import { atRevision, outgoing, type RevisionDocument } from './revision-document';

const ring = new KeyRing(importKey(randomBytes(32)));
const author = { by: 'bob', at: new Date(1) };

/** What somebody writes: a variable with all of its facts. */
interface Written {
  readonly value: string;
  readonly isSecret: boolean;
  readonly description: string;
  readonly final: boolean;
  readonly expires: number | undefined;
}
type Content = Readonly<Record<string, Written>>;

const variable = fc.record({
  value: fc.constantFrom('', 'a', 'b', 'longer'),
  isSecret: fc.boolean(),
  description: fc.constantFrom('', 'd'),
  final: fc.boolean(),
  expires: fc.constantFrom(undefined, 1_000, 2_000),
});
// Few names and few values, so that the same come back and change.
const content = fc.dictionary(fc.constantFrom('A', 'B', 'C', 'D'), variable);
const step = fc.oneof(
  content.map((written) => ({ written })),
  fc.nat(8).map((back) => ({ back })),
);

function resource(written: Content) {
  const data = Object.entries(written).map(([name, { expires, ...rest }]) => {
    const expiresAt = expires === undefined ? {} : { expiresAt: { seconds: BigInt(expires), nanos: 0 } };
    return [name, { ...rest, ...expiresAt }] as const;
  });
  return create(EnvironmentSchema, {
    metadata: { name: 'Prod', org: 'acme' },
    spec: { data: Object.fromEntries(data) },
  });
}

/** What a document holds, in plaintext. */
function read(document: EnvironmentDocument): Content {
  const secrets = EnvironmentSecrets.of(ring, document);
  return Object.fromEntries(
    [...document.data].map(([name, { value, is_secret, description, final, expires_at }]) => [
      name,
      {
        value: is_secret ? secrets.open(name, value) : value,
        ...{ isSecret: is_secret, description, final, expires: expires_at && expires_at.getTime() / 1000 },
      },
    ]),
  );
}

/** An environment with the revisions that it left, as the stores keep them. */
class History {
  readonly revisions: RevisionDocument[] = [];
  readonly held: Content[];

  private constructor(public current: EnvironmentDocument) {
    this.held = [read(current)];
  }

  static of(written: Content): History {
    const wanted = resource(written);
    if (wanted.metadata === undefined) throw new Error('no metadata');
    return new History(createDocument(ring, wanted.metadata, editOf(wanted), author));
  }

  write(written: Content): void {
    this.take(editDocument(ring, this.current, editOf(resource(written), this.current), author));
  }

  rollback(number: number): void {
    this.take(rolledBack(ring, this.current, this.at(number), '', author));
  }

  at(number: number): EnvironmentDocument {
    const revision = this.revisions.find(({ version }) => version.number === number);
    return revision === undefined ? this.current : atRevision(this.current, revision);
  }

  private take(outcome: Outcome): void {
    if (outcome.kind !== 'changed') return;
    this.revisions.push(outgoing(this.current));
    this.current = outcome.document;
    this.held.push(read(this.current));
  }
}

/** The real difference of two contents, by comparing everything. */
function changed(before: Content, after: Content): Changes {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const same = (name: string) => JSON.stringify(before[name]) === JSON.stringify(after[name]);
  return {
    added: names.filter((name) => before[name] === undefined),
    changed: names.filter((name) => before[name] !== undefined && after[name] !== undefined && !same(name)),
    removed: names.filter((name) => after[name] === undefined),
  };
}

function any(first: Content, steps: readonly ({ written: Content } | { back: number })[]): History {
  const history = History.of(first);
  for (const taken of steps) {
    if ('written' in taken) history.write(taken.written);
    else history.rollback(1 + (taken.back % history.current.version.number));
  }
  return history;
}

describe('After any sequence of writes', () => {
  it('each version still holds exactly what it held, and going back to it gives exactly that', () => {
    fc.assert(
      fc.property(content, fc.array(step, { maxLength: 8 }), fc.nat(8), (first, steps, pick) => {
        const history = any(first, steps);
        for (const [index, held] of history.held.entries()) {
          expect(read(history.at(index + 1))).toEqual(held);
        }
        const number = 1 + (pick % history.current.version.number);
        history.rollback(number);
        expect(read(history.current)).toEqual(history.held[number - 1]);
      }),
    );
  });

  it('the versions are numbered from 1 without a gap, each naming the one before', () => {
    fc.assert(
      fc.property(content, fc.array(step, { maxLength: 8 }), (first, steps) => {
        const { revisions, current } = any(first, steps);
        const versions = [...revisions, current].map(({ version }) => version);
        expect(versions.map(({ number }) => number)).toEqual(versions.map((_, i) => i + 1));
        expect(versions.map(({ previous }) => previous)).toEqual([
          '',
          ...versions.slice(0, -1).map(({ id }) => id),
        ]);
      }),
    );
  });

  it('what a version says it changed is the real difference to the one before, and is never nothing', () => {
    fc.assert(
      fc.property(content, fc.array(step, { maxLength: 8 }), (first, steps) => {
        const { revisions, current, held } = any(first, steps);
        for (const [index, { changes }] of [...revisions, current].entries()) {
          expect(changes).toEqual(changed(held[index - 1] ?? {}, held[index] ?? {}));
          if (index > 0) expect([...changes.added, ...changes.changed, ...changes.removed]).not.toEqual([]);
        }
      }),
    );
  });
});

describe('A comparison of any two environments', () => {
  const { SAME, CHANGED, ONLY_LEFT, ONLY_RIGHT, NOT_COMPARED } = EnvironmentDifference;
  const mirrored = new Map([
    ...[SAME, CHANGED, NOT_COMPARED].map((same) => [same, same] as const),
    [ONLY_LEFT, ONLY_RIGHT],
    [ONLY_RIGHT, ONLY_LEFT],
  ]);

  it('says the same from both sides', () => {
    fc.assert(
      fc.property(content, fc.array(step, { maxLength: 4 }), content, (first, steps, second) => {
        const [history, other] = [any(first, steps), History.of(second)];
        for (const right of [other.current, history.at(1)]) {
          const there = differences(history.current, right, () => NOT_COMPARED);
          const back = differences(right, history.current, () => NOT_COMPARED);
          expect(back).toEqual(
            there.map(({ name, difference, left, right: of }) => ({
              ...{ name, difference: mirrored.get(difference ?? SAME) },
              ...(of && { left: of }),
              ...(left && { right: left }),
            })),
          );
        }
      }),
    );
  });

  it('calls equal what is, and no secret that it cannot know', () => {
    fc.assert(
      fc.property(content, content, (first, second) => {
        const [left, right] = [History.of(first).current, History.of(second).current];
        const real = changed(first, second);
        for (const { name = '', difference } of differences(left, right, () => NOT_COMPARED)) {
          if (difference === SAME)
            expect([real.added, real.changed, real.removed].flat()).not.toContain(name);
          if (difference === CHANGED) expect(real.changed).toContain(name);
          if (difference === NOT_COMPARED) expect(first[name]?.isSecret && second[name]?.isSecret).toBe(true);
        }
        expect(differences(left, left, () => NOT_COMPARED).every((of) => of.difference === SAME)).toBe(true);
      }),
    );
  });
});
