import { timestampDate, type Timestamp } from '@bufbuild/protobuf/wkt';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** A moment as people and files write it: RFC 3339, with its offset. Undefined for anything else. */
export function parseTime(text: string): Date | undefined {
  const date = RFC_3339.test(text) ? new Date(text) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

/** A moment as tables show it: UTC, to the second. */
export function timeOf(timestamp: Timestamp | undefined): string {
  return timestamp === undefined
    ? ''
    : timestampDate(timestamp)
        .toISOString()
        .replace(/\.\d+Z$/, 'Z');
}
