export const RUN_HELP = `
Progress goes to the standard error, the result to the standard output. Ctrl-C cancels the run; a second one leaves
it to itself. The exit code is 0 only if the run completed; 7: it failed, 8: it was cancelled.`;
