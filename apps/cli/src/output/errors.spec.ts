import { invalidArguments, type Violation } from '@stigmer/domain';
import { ExitCode } from '../exit-codes';
import { memoryIo } from '../testing/memory-io';
import { reportError } from './errors';

const one: Violation = { field: 'tag', description: 'must be lower-case' };
const other: Violation = { field: 'version', description: 'must be a number' };

function reported(violations: readonly Violation[], format: 'table' | 'json'): string {
  const io = memoryIo({});
  expect(reportError(invalidArguments(violations), io, format, false)).toBe(ExitCode.usage);
  return io.written.stderr;
}

describe('what the server finds wrong', () => {
  it('is said once where it is one thing that the message says already', () => {
    expect(reported([one], 'table')).toBe('error: tag: must be lower-case\n');
  });

  it('is in the details for scripts, be it one thing or several', () => {
    expect(JSON.parse(reported([one], 'json'))).toMatchObject({
      error: { details: ['tag: must be lower-case'] },
    });
    expect(JSON.parse(reported([one, other], 'json'))).toMatchObject({
      error: { details: ['tag: must be lower-case', 'version: must be a number'] },
    });
  });
});
