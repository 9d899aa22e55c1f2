import { DefaultLogger } from '@temporalio/worker';
import { prepareWorkflowBundle } from './workflow-bundle';

void prepareWorkflowBundle(new DefaultLogger('WARN'));
