import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, AnySchema } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { EnvironmentCommandController } from './gen/ai/stigmer/agentic/environment/v1/command_pb';
import { BadRequestSchema, ErrorInfoSchema } from './gen/google/rpc/error_details_pb';
import { StatusSchema } from './gen/google/rpc/status_pb';
import { errorStatus, statusDetails, type ErrorStatus } from './status';
import { serveService } from './testing/serve';

const violations = [
  { field: 'spec.data["1X"]', description: 'a name starts with a letter' },
  { field: 'spec.data["Y"].value', description: 'at most 65536 bytes' },
];

/** What a client makes of a status that a server ended its call with. */
async function overTheWire(status: ErrorStatus): Promise<grpc.ServiceError> {
  const served = await serveService(EnvironmentCommandController, {
    apply: (_call: unknown, done: grpc.sendUnaryData<unknown>) => {
      done(errorStatus(status));
    },
  });
  try {
    return await served.client.apply({}).then(
      () => {
        throw new Error('the call succeeded');
      },
      (error: unknown) => error as grpc.ServiceError,
    );
  } finally {
    served.stop();
  }
}

test.each([grpc.status.INVALID_ARGUMENT, grpc.status.FAILED_PRECONDITION, grpc.status.ABORTED])(
  'code %i crosses the wire with its message and its violations, in order',
  async (code) => {
    const error = await overTheWire({ code, message: 'two things are wrong', violations });
    expect(error).toMatchObject({ code, details: 'two things are wrong' });
    expect(statusDetails(error)).toEqual(violations);
  },
);

test('an error without violations has no trailer', async () => {
  const error = await overTheWire({
    code: grpc.status.NOT_FOUND,
    message: 'Environment not found: x',
    violations: [],
  });
  expect(statusDetails(error)).toEqual([]);
  expect(error.metadata.get('grpc-status-details-bin')).toEqual([]);
});

test('a message in any language crosses the wire', async () => {
  const message = 'Umgebung „größe“ fehlt — 環境がありません';
  const error = await overTheWire({ code: grpc.status.NOT_FOUND, message, violations: [] });
  expect(error.details).toBe(message);
});

test('what does not fit into a trailer is counted, and the rest arrives', async () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({
    field: `NAME_${index}`,
    description: 'is missing',
  }));
  const error = await overTheWire({
    code: grpc.status.FAILED_PRECONDITION,
    message: 'x'.repeat(100_000),
    violations: many,
  });
  const received = statusDetails(error);
  expect(received.slice(0, 50)).toEqual(many.slice(0, 50));
  expect(received.at(-1)).toEqual({ field: '', description: `and ${1000 - received.length + 1} more` });
  expect(JSON.stringify(error.metadata.toJSON()).length + error.details.length).toBeLessThan(16_384);
});

test('the trailers stay under the 8 KB that Java and Python take', () => {
  const long = { field: 'f'.repeat(100), description: 'd'.repeat(100) };
  const { details, metadata } = errorStatus({
    code: grpc.status.INVALID_ARGUMENT,
    message: 'é'.repeat(10_000),
    violations: Array.from({ length: 100 }, () => long),
  });
  const trailers = [...metadata.get('grpc-status-details-bin')].map((bytes) =>
    Buffer.from(bytes).toString('base64'),
  );
  expect(encodeURI(details).length + trailers.join('').length).toBeLessThan(8_000);
});

test('a message that is no well-formed text is sent all the same', async () => {
  const error = await overTheWire({ code: grpc.status.NOT_FOUND, message: 'half \ud83d', violations: [] });
  expect(error.details).toBe('half \ufffd');
});

describe('details of another server', () => {
  function error(trailer: Uint8Array): { metadata: grpc.Metadata } {
    const metadata = new grpc.Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from(trailer));
    return { metadata };
  }

  test('kinds we do not use are passed over', () => {
    const details = [
      anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'X' })),
      create(AnySchema, { typeUrl: 'type.googleapis.com/other.Thing', value: new Uint8Array([1]) }),
      anyPack(
        BadRequestSchema,
        create(BadRequestSchema, { fieldViolations: [{ field: 'a', description: 'b' }] }),
      ),
    ];
    const bytes = toBinary(StatusSchema, create(StatusSchema, { details }));
    expect(statusDetails(error(bytes))).toEqual([{ field: 'a', description: 'b' }]);
  });

  test('what cannot be read is no violation, and no failure', () => {
    expect(statusDetails(error(new Uint8Array([0xff, 0xff, 0xff])))).toEqual([]);
    expect(statusDetails({})).toEqual([]);
  });
});
