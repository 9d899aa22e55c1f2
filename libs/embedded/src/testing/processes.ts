import { execFileSync } from 'node:child_process';

/** The processes of these groups that still run; a zombie holds nothing but its number, so it counts as gone. */
export function livingProcesses(groups: readonly number[]): readonly string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pgid=,stat=,command='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => {
    const [group, state] = line.trim().split(/\s+/);
    return groups.includes(Number(group)) && state?.startsWith('Z') === false;
  });
}
