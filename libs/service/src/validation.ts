import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator, type Violation as RuleViolation } from '@bufbuild/protovalidate';
import { invalidArgument, type Violation } from '@stigmer/domain';

const validator = createValidator();

/**
 * Holds a request against the rules of the contract; throws INVALID_ARGUMENT with every broken field.
 * A violation names the field and the rule, never the offending value: rule messages are texts of the contract.
 */
export function assertValid<S extends DescMessage>(schema: S, message: MessageShape<S>): void {
  const result = validator.validate(schema, message);
  switch (result.kind) {
    case 'valid':
      return;
    case 'invalid': {
      const violations = result.violations.map(toViolation);
      const list = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
      throw invalidArgument(`invalid ${schema.name}: ${list}`, violations);
    }
    case 'error':
      // The cause is left out on purpose: evaluation errors quote the value they stumbled over.
      throw new Error(`the rules of ${schema.typeName} cannot be evaluated (${result.error.name})`);
  }
}

function toViolation({ field, message, ruleId, forKey }: RuleViolation): Violation {
  const path = field.length === 0 ? '(message)' : pathToString(field);
  const description = message === '' ? `breaks the rule ${ruleId}` : message;
  return { field: path, description: forKey ? `key: ${description}` : description };
}
