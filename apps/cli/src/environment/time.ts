import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';

/** A moment as tables show it: UTC, to the second. */
export function timeOf(timestamp: Timestamp | undefined): string {
  return timestamp === undefined
    ? ''
    : timestampDate(timestamp)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z');
}
