/** A client that comes over a WebSocket: its turns go up to GitLab Duo over HTTP, on Claude and GPT models alike. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { openSocket, responseIn } from '../../support/socket.ts';
import { sealed, signature } from './instance/history.ts';
import { startInstance, type Simulated } from './instance/simulator.ts';
import { startGateway, type Running } from './setup.ts';

let simulated: Simulated;
let running: Running;
beforeAll(async () => {
  simulated = startInstance();
  running = await startGateway(simulated, { api_key: simulated.office.pat() });
});
beforeEach(() => {
  simulated.proxy.passed.length = 0;
});
afterAll(async () => {
  await running.stop();
  await simulated.stop();
});

const tools = [{ type: 'function', name: 'Bash', parameters: { type: 'object', properties: {} } }];

test.each([
  ['duo/claude-sonnet-5', '/v1/messages', signature],
  ['duo/gpt-5.6-sol', '/v1/responses', sealed],
])('a conversation with tools on %s goes up by %s', async (model, path, seal) => {
  const socket = await openSocket(running.url);
  const first = responseIn(await socket.ask({ model, input: 'hi', tools }));
  const made = (first.output as Record<string, unknown>[]).filter(({ type }) => type === 'function_call');
  expect(made).toHaveLength(2);
  const results = made.map(({ call_id }, i) => ({
    type: 'function_call_output',
    call_id,
    output: ['README.md', '/home'][i],
  }));
  const frames = await socket.ask({ model, previous_response_id: first.id, input: results, tools });
  expect(JSON.stringify(responseIn(frames))).toContain('Hello world');
  expect(simulated.proxy.passed.map((passed) => passed.path)).toEqual([path, path]);
  const second = JSON.stringify(simulated.proxy.passed[1]!.body);
  for (const word of ['ls', 'pwd', 'README.md', '/home', seal]) expect(second).toContain(word);
  expect(simulated.upgrades).toBe(0);
  socket.close();
});
