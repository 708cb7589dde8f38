import { describe, expect, test } from 'bun:test';
import { replyReader } from '../../bench/reply-reader.ts';

/** What a sink is told of bytes that arrive in pieces of a size. */
function read(wire: string, pieceBytes: number): { statuses: number[]; bodies: string[] } {
  const statuses: number[] = [];
  const bodies: string[] = [];
  let body = '';
  const reader = replyReader({
    head: (status) => statuses.push(status),
    body: (slice) => (body += slice.toString()),
    end() {
      bodies.push(body);
      body = '';
    },
  });
  const bytes = Buffer.from(wire);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.feed(bytes.subarray(at, at + pieceBytes));
  return { statuses, bodies };
}

const chunked =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\nB\r\nhello\n\nworl\r\n1\r\nd\r\n0\r\n\r\n';
const sized = 'HTTP/1.1 429 Too Many\r\nContent-Length: 5\r\n\r\nlater';

describe('a reply is read whole however it is cut', () => {
  for (const pieceBytes of [1, 2, 3, 7, 50, 1000]) {
    test(`pieces of ${pieceBytes} bytes`, () => {
      expect(read(chunked, pieceBytes)).toEqual({ statuses: [200], bodies: ['data: hello\n\nworld'] });
      expect(read(sized, pieceBytes)).toEqual({ statuses: [429], bodies: ['later'] });
    });
  }
});

test('replies on one connection are told apart', () => {
  expect(read(chunked + chunked, 1)).toEqual({
    statuses: [200, 200],
    bodies: ['data: hello\n\nworld', 'data: hello\n\nworld'],
  });
  expect(read('HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n' + sized, 1).bodies).toEqual(['', 'later']);
});

test('a stream that is cut off before its last chunk has no end', () => {
  expect(read(chunked.slice(0, -5), 9).bodies).toEqual([]);
});
