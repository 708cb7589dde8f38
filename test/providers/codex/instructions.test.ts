/** What is added to the instructions of a request in each mode, and that nothing else ever is. */
import { describe, expect } from 'bun:test';
import {
  minimalInstructions,
  neutralInstructions,
  shapeRequest,
  writeRequest,
  type InstructionMode,
} from '../../../src/providers/codex/request.ts';
import { post, says, startBench, test } from './setup.ts';

describe('instruction modes', () => {
  const modes: InstructionMode[] = ['default', 'minimal', 'disabled'];
  const guided = [{ type: 'message', role: 'developer', content: 'Be kind.' }, says('hi')];
  const requests = {
    own: { instructions: 'Be brief.', input: [says('hi')] },
    none: { input: [says('hi')] },
    blank: { instructions: ' ', input: [says('hi')] },
    null: { instructions: null, input: [says('hi')] },
    developer: { input: guided },
  };
  const both = `${minimalInstructions}\n\nBe brief.`;
  const expected: Record<InstructionMode, Record<keyof typeof requests, string | undefined>> = {
    default: {
      own: 'Be brief.',
      none: neutralInstructions,
      blank: neutralInstructions,
      null: neutralInstructions,
      developer: undefined,
    },
    minimal: {
      own: both,
      none: minimalInstructions,
      blank: minimalInstructions,
      null: minimalInstructions,
      developer: minimalInstructions,
    },
    disabled: { own: 'Be brief.', none: undefined, blank: undefined, null: undefined, developer: undefined },
  };

  test.each(modes)('%s changes the instructions and nothing else', (mode) => {
    for (const [name, request] of Object.entries(requests)) {
      const body = JSON.stringify({ model: 'm', ...request });
      const shaped = JSON.parse(
        Buffer.from(writeRequest(shapeRequest(body, { instructions: mode }, undefined).members)).toString(),
      ) as Record<string, unknown>;
      expect([name, shaped]).toEqual([
        name,
        {
          model: 'm',
          input: request.input,
          store: false,
          stream: true,
          include: ['reasoning.encrypted_content'],
          ...(expected[mode][name as keyof typeof requests] !== undefined && {
            instructions: expected[mode][name as keyof typeof requests],
          }),
        },
      ]);
    }
  });

  test('the setting reaches the backend, and the caller’s prompt with it', async () => {
    await using bench = await startBench({ provider: { instructions: 'minimal' } });
    await post(bench, '/v1/messages', {
      max_tokens: 10,
      system: 'Be brief.',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(bench.backend.asked[0]!.body.instructions).toBe(both);
    expect(bench.backend.asked[0]!.body.tools).toBeUndefined();
  });

  const prompt = 'You answer in rhymes.';
  const surfaces: Record<string, Record<string, unknown>> = {
    '/v1/responses': { instructions: prompt, input: 'hi' },
    '/v1/chat/completions': {
      messages: [
        { role: 'system', content: prompt },
        { role: 'user', content: 'hi' },
      ],
    },
    '/v1/messages': { max_tokens: 10, system: prompt, messages: [{ role: 'user', content: 'hi' }] },
  };

  describe.each(modes)('%s', (mode) => {
    test.each(Object.keys(surfaces))(
      'brings the caller’s system prompt of %s to the model, once',
      async (path) => {
        await using bench = await startBench({ provider: { instructions: mode } });
        const response = await post(bench, path, surfaces[path]!);
        expect([response.status, bench.backend.faults]).toEqual([200, []]);
        const [{ body }] = bench.backend.asked as [(typeof bench.backend.asked)[number]];
        expect(JSON.stringify(body).split(prompt)).toHaveLength(2);
        expect(Object.hasOwn(body, 'tools')).toBeFalse();
        expect(JSON.stringify(body)).not.toContain('shell');
      },
    );
  });

  test('disabled leaves it to the backend to refuse a request without any', async () => {
    await using bench = await startBench({ provider: { instructions: 'disabled' } });
    const response = await post(bench, '/v1/responses', { input: 'hi' });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('Instructions are required'),
    ]);
    bench.backend.faults.length = 0;
    expect((await post(bench, '/v1/responses', { instructions: 'Be.', input: 'hi' })).status).toBe(200);
  });

  test('a tool, a tool choice or a cache key of the caller is the only one there is', async () => {
    await using bench = await startBench();
    const own = {
      instructions: 'Be.',
      tools: [{ type: 'function', name: 'f', parameters: {}, strict: false }],
      tool_choice: 'required',
      prompt_cache_key: 'mine',
    };
    await post(bench, '/v1/responses', { input: 'hi', ...own });
    expect(bench.backend.asked[0]!.body).toMatchObject(own);
  });
});
