import { randomUUID } from 'node:crypto';
import { status, type StatusObject } from '@grpc/grpc-js';
import { type ArgumentsHost, Catch, type RpcExceptionFilter } from '@nestjs/common';
import { DomainError } from '@stigmer/domain';
import { type Observable, throwError } from 'rxjs';
import { toStatus } from '@stigmer/sdk';
import type { Logger } from './logger';

/**
 * The only way an error leaves a service. What a caller may act on is a DomainError and keeps its words;
 * anything else stays here, in the log, under an id that the caller is given.
 */
@Catch()
export class ErrorFilter implements RpcExceptionFilter {
  constructor(private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): Observable<never> {
    return throwError(() =>
      this.describe(error, host.getArgByIndex<{ getPath?: () => string } | undefined>(2)?.getPath?.()),
    );
  }

  private describe(error: unknown, path: string | undefined): Partial<StatusObject> {
    if (error instanceof DomainError) {
      this.log.debug({ path, kind: error.kind }, 'call refused');
      return toStatus(error);
    }
    const id = randomUUID();
    this.log.error({ path, errorId: id, err: error }, 'internal error');
    return { code: status.INTERNAL, details: `internal error (id ${id})` };
  }
}
