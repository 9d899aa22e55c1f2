import { DomainError } from '@stigmer/domain';

/** The error that a call was refused with; fails where it was not. */
export async function refusal(call: Promise<unknown>): Promise<DomainError> {
  const error = await call.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof DomainError) return error;
  throw error;
}
