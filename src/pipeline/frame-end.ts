const newline = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;

/** Whether these bytes begin with a remark, which is no event. */
export const isRemark = (bytes: Uint8Array): boolean => bytes[0] === colon;

/** Whether a frame of server-sent events ends with the last of two pieces; nothing sent yet is as good. */
export function endsFrame(lastButOne: Uint8Array | undefined, last: Uint8Array | undefined): boolean {
  if (last === undefined) return true;
  let lines = 0;
  for (let back = 1; back <= 4; back++) {
    const byte = byteFromEnd(lastButOne, last, back);
    if (byte === newline) lines++;
    else if (byte !== carriageReturn) break;
  }
  return lines >= 2;
}

function byteFromEnd(lastButOne: Uint8Array | undefined, last: Uint8Array, back: number): number | undefined {
  if (back <= last.length) return last[last.length - back];
  return lastButOne?.[lastButOne.length - (back - last.length)];
}
