import { create, toBinary } from '@bufbuild/protobuf';
import { LIMITS } from '@stigmer/domain';
import { type Session, SessionSchema } from '@stigmer/proto/agentic/session/v1/api';
import { SessionListSchema } from '@stigmer/proto/agentic/session/v1/io';
import { fillPage, fillWhole, keepNames } from './page-budget';

const KIND = { name: 'Session', schema: SessionSchema } as const;

function sample(id: string, megabytes: number): Session {
  const subject = 'x'.repeat(megabytes * 1024 * 1024);
  return create(SessionSchema, { metadata: { id, name: id, tags: ['t'] }, spec: { subject } });
}

async function* stored(...sessions: readonly Session[]) {
  for (const session of sessions) {
    yield await Promise.resolve({ message: Buffer.from(toBinary(SessionSchema, session)) });
  }
}

const idsOf = (sessions: readonly Session[]) => sessions.map(({ metadata }) => metadata?.id);

describe('a page that goes on', () => {
  it('ends before it outgrows a message', async () => {
    const page = await fillPage(KIND, stored(sample('a', 4), sample('b', 4), sample('c', 4)));
    expect({ ids: idsOf(page.items), cut: page.cut }).toEqual({ ids: ['a', 'b'], cut: true });
  });

  it('has one item at least, however large that is', async () => {
    const page = await fillPage(KIND, stored(sample('a', 11), sample('b', 0)));
    expect({ ids: idsOf(page.items), cut: page.cut }).toEqual({ ids: ['a'], cut: true });
  });

  it('is not cut where everything fits', async () => {
    expect((await fillPage(KIND, stored(sample('a', 4), sample('b', 0)))).cut).toBe(false);
  });
});

describe('a page that cannot go on', () => {
  it('holds every item, and those past the budget reduced as far as is needed', async () => {
    const halved = (session: Session) => {
      if (session.spec !== undefined) session.spec.subject = session.spec.subject.slice(0, 300 * 1024);
    };
    const many = Array.from({ length: 190 }, (_, index) => sample(`s${index}`, 1));
    const items = await fillWhole(KIND, stored(...many), [halved, keepNames]);
    expect(idsOf(items)).toEqual(idsOf(many));
    const lengths = new Set(items.map(({ spec }) => spec?.subject.length));
    expect(lengths).toEqual(new Set([1024 * 1024, 300 * 1024, undefined]));
    const answer = toBinary(SessionListSchema, create(SessionListSchema, { entries: [...items] }));
    expect(answer.byteLength).toBeLessThan(LIMITS.messageBytes);
  });
});
