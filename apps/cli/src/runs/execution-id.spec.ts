import { newId } from './execution-id';

describe('an id of our own', () => {
  it('is a lower-case ulid behind its prefix', () => {
    expect(newId('aex')).toMatch(/^aex-[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}$/);
  });

  it('begins with the time, so that later ids sort behind earlier ones', () => {
    expect(newId('wex', 1469918176385)).toMatch(/^wex-01aryz6s41/);
    expect(newId('wex', 1_000_000) < newId('wex', 1_000_001)).toBe(true);
  });

  it('does not repeat itself', () => {
    expect(new Set(Array.from({ length: 1000 }, () => newId('aex', 0))).size).toBe(1000);
  });
});
