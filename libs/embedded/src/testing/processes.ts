import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** The processes of these groups that still run; a zombie holds nothing but its number, so it counts as gone. */
export function livingProcesses(groups: readonly number[]): readonly string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,stat=,command='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => {
    const [group, state] = line.trim().split(/\s+/);
    return groups.includes(Number(group)) && state?.startsWith('Z') === false;
  });
}

/** What still lives of these groups when they have had their time to end: who is killed is not gone in that moment. */
export async function leftIn(pids: readonly number[]): Promise<readonly string[]> {
  const deadline = Date.now() + 60_000;
  while (livingProcesses(pids).length > 0 && Date.now() < deadline) await sleep(50);
  return livingProcesses(pids);
}
