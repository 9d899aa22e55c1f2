import { run } from './program';

const { stdin, stdout, stderr } = process;
// `stigmer list … | head` closes the pipe early; that is no error of ours.
stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

void run(process.argv.slice(2), { stdin, stdout, stderr, signals: process }).then((code) => {
  process.exitCode = code;
});
