import * as grpc from '@grpc/grpc-js';
import { DomainError, type ErrorKind, GRPC_CODES } from '@stigmer/domain';
import { fromServiceError, toStatus } from './errors';

/** A status as grpc-js hands it to a client. */
function received(status: object): Error {
  return Object.assign(new Error('14 UNAVAILABLE: …'), status);
}

test.each(Object.keys(GRPC_CODES) as ErrorKind[])('%s comes back as it left', (kind) => {
  const error = new DomainError(kind, 'what is wrong', [{ field: 'spec.data["A"]', description: 'why' }]);
  expect(fromServiceError(received(toStatus(error)))).toMatchObject({
    name: 'DomainError',
    kind,
    message: error.message,
    violations: error.violations,
  });
});

test.each([
  grpc.status.INTERNAL,
  grpc.status.CANCELLED,
  grpc.status.DEADLINE_EXCEEDED,
  grpc.status.UNIMPLEMENTED,
])('code %i is nothing to act on, and stays what it is', (code) => {
  const error = received({ code, details: 'x', metadata: new grpc.Metadata() });
  expect(fromServiceError(error)).toBe(error);
});

test('what did not come from a call stays what it is', () => {
  const error = Object.assign(new Error('no such file'), { code: 'ENOENT' });
  expect(fromServiceError(error)).toBe(error);
});

test('keeps the error it was made from, for the log', () => {
  const error = received(toStatus(new DomainError('unavailable', 'not now')));
  expect(fromServiceError(error)).toMatchObject({ cause: error });
});
