import { run } from '../../index';

run(() => undefined);
run(() => undefined);
