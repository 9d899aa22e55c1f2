import { toBinary } from '@bufbuild/protobuf';
import { createMasker } from '@stigmer/domain';
import { AgentExecutionStatusSchema } from '@stigmer/proto/agentic/agentexecution/v1/api';
import { MessageType } from '@stigmer/proto/agentic/agentexecution/v1/enum';
import { cut, Transcript } from './transcript';

const CANARY = 'canary-b7-transcript';

describe('the transcript of a conversation', () => {
  it('masks before it cuts: no half of a secret is left at the edge', () => {
    const transcript = new Transcript(createMasker([CANARY]));
    transcript.begin('1', 'tool', { note: CANARY });
    const shown = transcript.end('1', 'x'.repeat(64 * 1024 - 6) + CANARY, false);
    expect(shown).toMatch(/x\*{6}… \[cut at 64 KiB\]$/);
    expect(transcript.status().toolCalls[0]?.args).toEqual({ note: '********' });
  });

  it('finds a weak secret in a JSON answer where a line begins with it', () => {
    const transcript = new Transcript(createMasker(['hunter2']));
    transcript.begin('1', 'tool', {});
    expect(transcript.end('1', { text: 'pin\nhunter2' }, false)).toBe('{"text":"pin\\n********"}');
    expect(transcript.end('1', 'pin\nhunter2', false)).toBe('pin\n********');
  });

  it('stays under 4 MiB however much is said, and never loses a message', () => {
    const transcript = new Transcript(createMasker([]));
    for (let index = 0; index < 100; index += 1) transcript.add(MessageType.MESSAGE_AI, 'y'.repeat(100_000));
    const status = transcript.status();
    expect(status.messages).toHaveLength(100);
    expect(status.messages.at(-1)?.content).toMatch(/left out/);
    expect(toBinary(AgentExecutionStatusSchema, status).length).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('continues what an interrupted attempt has left', () => {
    const first = new Transcript(createMasker([]));
    first.add(MessageType.MESSAGE_HUMAN, 'one');
    const second = new Transcript(createMasker([]), first.status());
    second.add(MessageType.MESSAGE_AI, 'two');
    expect(second.status().messages.map(({ content }) => content)).toEqual(['one', 'two']);
  });

  it('cuts between characters', () => {
    expect(cut('aéé', 2048)).toBe('aéé');
    expect(cut(`${'a'.repeat(1023)}é`, 1024)).toBe(`${'a'.repeat(1023)}… [cut at 1 KiB]`);
  });
});
