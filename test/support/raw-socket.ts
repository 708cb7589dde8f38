import { connect, type Socket } from 'node:net';

/** A WebSocket client that does only what it is told: it neither reads nor answers pings by itself. */
export interface RawSocket {
  /** The connection beneath; paused until `socket.resume()`. */
  readonly socket: Socket;
  /** Sends one text frame; false when the gateway does not take more for now. */
  send(text: string): boolean;
  /** Whether the gateway has closed it. */
  isClosed(): boolean;
  end(): void;
}

/** Connects and upgrades; from then on nothing is read. */
export async function openRawSocket(url: string): Promise<RawSocket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  let isClosed = false;
  socket.on('close', () => (isClosed = true));
  socket.on('error', () => (isClosed = true));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  socket.write(
    `GET /v1/responses HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bVmkewfNIBEl4fGWQ0hLPg==\r\n\r\n',
  );
  const head = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
  if (!head.toString().startsWith('HTTP/1.1 101')) throw new Error(head.toString());
  socket.pause();
  return {
    socket,
    send: (text) => socket.write(frameOf(text)),
    isClosed: () => isClosed,
    end: () => void socket.destroy(),
  };
}

/** A masked text frame, with a mask of zeros. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text);
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([0x81, 0x80 | length])
      : length < 65_536
        ? Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255])
        : Buffer.from([0x81, 0x80 | 127, 0, 0, 0, 0, length >>> 24, length >>> 16, length >>> 8, length]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
