import { type Command, Option } from 'commander';
import { contextOf } from '../context';
import type { Io } from '../io';
import type { RewrapFlags } from '../keys/rewrap';
import type { RingFlags } from '../keys/rings';

/** `stigmer keys` */
export function registerKeys(program: Command, io: Io): void {
  const keys = program
    .command('keys')
    .summary('the keys that secrets are encrypted with: show, add, rotate, verify')
    .description(
      'The keys that wrap what environments and execution contexts are encrypted with. Which one wraps is written down ' +
        'in the database; a rotation never stops the service. For the owner of the installation alone: every command ' +
        'sends the local token, and the server logs it.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer keys add                    a rotation begins: a new key; back it up
  $ stigmer keys promote 4f1c           from now on it wraps what is written
  $ stigmer keys rewrap                 brings the rest under it
  $ stigmer keys retire 9a02            ends the old one, once nothing needs it
  $ stigmer keys verify`,
    );
  registerStatus(keys, io);
  registerAdd(keys, io);
  registerPromote(keys, io);
  registerRewrap(keys, io);
  registerRetire(keys, io);
  registerVerify(keys, io);
}

function registerStatus(keys: Command, io: Io): void {
  addRing(keys.command('status').summary('show the keys, and what depends on each'))
    .description('Shows the keys of a ring, what depends on each, and how far a re-wrap has come.')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer keys status
  $ stigmer keys status --ring context --output json

A key's id is its fingerprint, which tells nothing about the key. active: it wraps what is written. standby: it only
opens. MISSING: documents need it and the service does not hold it. retired: it is never accepted again.`,
    )
    .action(async (flags: RingFlags, command: Command) => {
      const { showStatus } = await import('../keys/status.js');
      await showStatus(contextOf(command, io), flags);
    });
}

function registerAdd(keys: Command, io: Io): void {
  addRing(keys.command('add').summary('make a new key'))
    .description(
      "Makes a new key in the ring's key store. It opens and wraps nothing until it is promoted. Where the keys are " +
        'mounted files, only an operator can add one, and the answer says how.',
    )
    .addHelpText('after', '\nExample:\n  $ stigmer keys add')
    .action(async (flags: RingFlags, command: Command) => {
      const { addKey } = await import('../keys/change.js');
      await addKey(contextOf(command, io), flags);
    });
}

function registerPromote(keys: Command, io: Io): void {
  addRing(keys.command('promote').summary('make a key the active one'))
    .description(
      'Makes a key the one that wraps what is written. Refused while a running replica does not hold it. What older ' +
        'keys wrapped stays readable as it is.',
    )
    .argument('<id>', 'the id of the key, or its beginning')
    .addHelpText('after', '\nExample:\n  $ stigmer keys promote 4f1c')
    .action(async (id: string, flags: RingFlags, command: Command) => {
      const { promoteKey } = await import('../keys/change.js');
      await promoteKey(contextOf(command, io), id, flags);
    });
}

function registerRewrap(keys: Command, io: Io): void {
  addRing(keys.command('rewrap').summary('bring everything under the active key'))
    .description(
      'Wraps anew what older keys wrapped, and rewrites values in older forms. No value, no version and no date ' +
        'changes. It runs in the server, goes on by itself after a crash, and may be started again at any time.',
    )
    .option('--no-wait', 'start it and leave')
    .addHelpText(
      'after',
      `
Examples:
  $ stigmer keys rewrap
  $ stigmer keys rewrap --no-wait

Ctrl-C ends the watching and not the work. Fails when documents could not be opened; \`stigmer keys verify\` names them.`,
    )
    .action(async (flags: RewrapFlags, command: Command) => {
      const { rewrapKeys } = await import('../keys/rewrap.js');
      await rewrapKeys(contextOf(command, io), flags);
    });
}

function registerRetire(keys: Command, io: Io): void {
  addRing(keys.command('retire').summary('end the use of a key for ever'))
    .description(
      'Ends the use of a key, everywhere and for ever, and destroys it where its store is ours to write. Refused, with ' +
        'the count, while a document needs it. Backups from before the re-wrap cannot be opened without it.',
    )
    .argument('<id>', 'the id of the key, or its beginning')
    .addHelpText('after', '\nExample:\n  $ stigmer keys retire 9a02')
    .action(async (id: string, flags: RingFlags, command: Command) => {
      const { retireKey } = await import('../keys/change.js');
      await retireKey(contextOf(command, io), id, flags);
    });
}

function registerVerify(keys: Command, io: Io): void {
  addRing(keys.command('verify').summary('open everything there is'))
    .description(
      'Opens every wrapped key and every value in the server, of earlier versions too, and keeps nothing. What does not ' +
        'open is named, and the exit code is 1.',
    )
    .addHelpText('after', '\nExample:\n  $ stigmer keys verify --output json')
    .action(async (flags: RingFlags, command: Command) => {
      const { verifyKeys } = await import('../keys/verify.js');
      await verifyKeys(contextOf(command, io), flags);
    });
}

function addRing(command: Command): Command {
  return command.addOption(
    new Option('--ring <ring>', 'whose keys').choices(['environment', 'context']).default('environment'),
  );
}
