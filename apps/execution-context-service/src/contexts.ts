import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  alreadyExists,
  checkVariables,
  DomainError,
  failedPrecondition,
  invalidArgument,
  KINDS,
  notFound,
  quoteName,
  REDACTED,
  referenceCandidates,
  slugify,
} from '@stigmer/domain';
import type { ExecutionContext } from '@stigmer/proto/agentic/executioncontext/v1/api';
import type { ExecutionValue } from '@stigmer/proto/agentic/executioncontext/v1/spec';
import { ApiResourceMetadataSchema } from '@stigmer/proto/commons/apiresource/metadata';
import type { ApiResourceReference } from '@stigmer/proto/commons/apiresource/io';
