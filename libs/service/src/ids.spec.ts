import { newId } from './ids';

describe('a new id', () => {
  it('is the prefix and a lower-case ulid', () => {
    expect(newId('env')).toMatch(/^env-[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  });

  it('sorts by the time of its making', () => {
    const ids = [1, 1_000, 1_750_000_000_000, 1_750_000_000_001].map((now) => newId('aex', now));
    expect([...ids].sort()).toEqual(ids);
  });

  it('is never the same twice', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newId('wex', 7))).size).toBe(1000);
  });
});
