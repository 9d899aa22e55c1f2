import type { ServerVariables } from './config';
import type { ServerStatus } from './status';

/** What `server start` hands its supervisor, over their own channel and not as arguments: it may hold the root key. */
export interface StartRequest extends ServerVariables {
  readonly home: string;
  /** 0: any free one. */
  readonly port: number;
  readonly temporalPort: number;
  readonly temporalUiPort: number;
}

/** What the supervisor tells of the start, until it is done. */
export type StartEvent =
  | { readonly kind: 'up'; readonly part: string; readonly seconds: number }
  | { readonly kind: 'ready'; readonly status: ServerStatus }
  | { readonly kind: 'failed'; readonly message: string };

/** What the supervisor tells of the stop, until its socket closes with its end. */
export interface StopEvent {
  readonly part: string;
}
