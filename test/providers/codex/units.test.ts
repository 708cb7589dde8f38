import { describe, expect, test } from 'bun:test';
import { resolveIdentity, turnMetadata, identityHeaders } from '../../../src/providers/codex/identity.ts';
import { sources, withBlob } from './identity-sources.ts';

describe('the order of sources', () => {
  const metadata = withBlob({ session_id: 'blob', thread_id: 'blob' }, { session_id: 'body' });
  const headers = new Headers({ 'session-id': 'header', 'thread-id': 'header' });
  const session = (more: Parameters<typeof sources>[0]) =>
    resolveIdentity(sources({ metadata, headers, ...more })).session;

  test.each([
    ['body', 'http', 'body'],
    ['body', 'socket', 'body'],
    ['header', 'http', 'header'],
    ['header', 'socket', 'header'],
    ['transport', 'http', 'header'],
    ['transport', 'socket', 'body'],
  ] as const)('%s on %s takes the %s', (order, transport, winner) => {
    expect(session({ order, transport })).toBe(winner);
  });

  test('every id is taken from each place where a caller may write it', () => {
    const places = [
      ['session', 'session_id', 'session_id', 'session-id'],
      ['thread', 'thread_id', 'thread_id', 'thread-id'],
      ['turn', 'turn_id', 'turn_id', undefined],
      ['window', 'x-codex-window-id', 'window_id', 'x-codex-window-id'],
      ['installation', 'x-codex-installation-id', 'installation_id', undefined],
      ['parentThread', 'x-codex-parent-thread-id', 'parent_thread_id', 'x-codex-parent-thread-id'],
      ['subagent', 'x-openai-subagent', undefined, 'x-openai-subagent'],
    ] as const;
    for (const [id, member, inBlob, header] of places) {
      const inBody = withBlob(inBlob === undefined ? {} : { [inBlob]: 'blob' }, { [member]: 'body' });
      const head = new Headers(header === undefined ? {} : { [header]: 'header' });
      const from = (metadata: Parameters<typeof sources>[0] & object) =>
        resolveIdentity(sources(metadata))[id];
      expect([id, from({ metadata: inBody, headers: head })]).toEqual([id, 'body']);
      if (inBlob !== undefined)
        expect([id, from({ metadata: withBlob({ [inBlob]: 'blob' }), headers: head })]).toEqual([id, 'blob']);
      if (header !== undefined) expect([id, from({ headers: head })]).toEqual([id, 'header']);
    }
    expect(
      resolveIdentity(sources({ headers: new Headers({ 'x-client-request-id': 'mine' }) })).request,
    ).toBe('mine');
  });

  test('blank and impossible ids count as none', () => {
    for (const bad of ['', '  ', 'a\nb', 'ö', 'x'.repeat(300), 5, null])
      expect(session({ metadata: withBlob({ session_id: bad }, { session_id: bad }) })).toBe('header');
  });

  test('another client’s conversation is a session of the backend’s own shape, for each caller another', () => {
    const of = (caller: string, callerSession: string) =>
      resolveIdentity(sources({ caller, callerSession })).session;
    expect(of('a', 'ses_1')).toMatch(/^[0-9a-f-]{36}$/);
    expect(of('a', 'ses_1')).toBe(of('a', 'ses_1'));
    expect(of('b', 'ses_1')).not.toBe(of('a', 'ses_1'));
    expect(of('a', '01a1fa34-b690-7201-8605-ec0f5ece2546')).toBe('01a1fa34-b690-7201-8605-ec0f5ece2546');
  });

  test('metadata are ASCII in the header, and short', () => {
    const identity = resolveIdentity(
      sources({ metadata: withBlob({ agent_name: 'é😀', tool_namespaces_info: 'x'.repeat(9000) }) }),
    );
    const { header, body } = turnMetadata(identity);
    expect(header).toMatch(/^[\x20-\x7e]+$/);
    expect((JSON.parse(header) as { agent_name: string }).agent_name).toBe('é😀');
    expect(header).not.toContain('tool_namespaces_info');
    expect(body).toContain('tool_namespaces_info');
    const huge = resolveIdentity(sources({ metadata: withBlob({ workspaces: 'x'.repeat(9000) }) }));
    expect(identityHeaders(huge)['x-codex-turn-metadata']!.length).toBeLessThan(1000);
  });
});
