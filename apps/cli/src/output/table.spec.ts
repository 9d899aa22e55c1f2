import { table } from './table';

describe('a table', () => {
  it('pads every column but the last', () => {
    expect(
      table(
        ['A', 'LONG', 'C'],
        [
          ['x', 'y', 'z'],
          ['xyz', '', 'w'],
        ],
      ),
    ).toBe('A    LONG  C\nx    y     z\nxyz        w');
  });

  it('lets no cell break a line, move the cursor or write to the terminal', () => {
    expect(table(['A'], [['a\nb'], ['\u001b[2J\u001b]52;c;x\u0007c\u009b31m']])).toBe(
      'A\na b\n[2J]52;c;xc31m',
    );
  });
});
