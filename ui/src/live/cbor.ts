// As much of CBOR (RFC 8949) as the hub's WebSocket speaks in `housewire.v1.cbor`. It is what tells the tree the very bytes that were
// published: in JSON `21.50` would arrive as the number 21.5. No tags, no undefined: the hub sends none.

export type Cbor = null | boolean | number | string | Uint8Array | Cbor[] | { [key: string]: Cbor };

/** Nested deeper than this is not ours: the hub's frames have two levels. */
const DEPTH_MAX = 16;

export class CborError extends Error {}

export function decodeCbor(bytes: Uint8Array): Cbor {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (!reader.atEnd) throw new CborError('bytes follow the value');
  return value;
}

class Reader {
  #at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  item(depth: number): Cbor {
    if (depth > DEPTH_MAX) throw new CborError('nested too deep');
    const first = this.#take(1)[0] as number;
    const major = first >> 5;
    const info = first & 31;
    if (major === 7) return this.#simple(info);
    const count = this.#count(info);
    switch (major) {
      case 0:
        return count;
      case 1:
        return -1 - count;
      case 2:
        // A copy: a view would keep the whole frame alive for as long as its payload is shown.
        return this.#take(count).slice();
      case 3:
        return utf8.decode(this.#take(count));
      case 4:
        return this.#list(count, depth);
      case 5:
        return this.#map(count, depth);
      default:
        throw new CborError('tags are not spoken here');
    }
  }

  #list(count: number, depth: number): Cbor[] {
    const list: Cbor[] = [];
    for (let i = 0; i < count; i += 1) list.push(this.item(depth + 1));
    return list;
  }

  #map(count: number, depth: number): Record<string, Cbor> {
    // Without a prototype, so that no key means anything.
    const map = Object.create(null) as Record<string, Cbor>;
    for (let i = 0; i < count; i += 1) {
      const key = this.item(depth + 1);
      if (typeof key !== 'string') throw new CborError('a key is not a text');
      map[key] = this.item(depth + 1);
    }
    return map;
  }

  #simple(info: number): Cbor {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 26:
        return this.#number(4, (at) => this.#view.getFloat32(at));
      case 27:
        return this.#number(8, (at) => this.#view.getFloat64(at));
      default:
        throw new CborError(`simple value ${info} is not spoken here`);
    }
  }

  #count(info: number): number {
    if (info < 24) return info;
    switch (info) {
      case 24:
        return this.#number(1, (at) => this.#view.getUint8(at));
      case 25:
        return this.#number(2, (at) => this.#view.getUint16(at));
      case 26:
        return this.#number(4, (at) => this.#view.getUint32(at));
      case 27:
        return this.#number(8, (at) => Number(this.#view.getBigUint64(at)));
      default:
        throw new CborError('indefinite lengths are not spoken here');
    }
  }

  #number(length: number, read: (at: number) => number): number {
    const at = this.#at;
    this.#take(length);
    return read(at);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.bytes.length) throw new CborError('the value is cut off');
    const taken = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

const utf8 = new TextDecoder();
const utf8Encoder = new TextEncoder();

/** Whole numbers below 2^32, texts, truth values, null, bytes, and lists and maps of them: what operations are made of. */
export function encodeCbor(value: Cbor): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  write(out, value);
  return Uint8Array.from(out);
}

function write(out: number[], value: Cbor): void {
  if (value === null) out.push(0xf6);
  else if (typeof value === 'boolean') out.push(value ? 0xf5 : 0xf4);
  else if (typeof value === 'number') {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) throw new CborError('not a count');
    head(out, 0, value);
  } else if (typeof value === 'string') {
    const bytes = utf8Encoder.encode(value);
    head(out, 3, bytes.length);
    append(out, bytes);
  } else if (value instanceof Uint8Array) {
    head(out, 2, value.length);
    append(out, value);
  } else if (Array.isArray(value)) {
    head(out, 4, value.length);
    for (const inner of value) write(out, inner);
  } else {
    const entries = Object.entries(value);
    head(out, 5, entries.length);
    for (const [key, inner] of entries) {
      write(out, key);
      write(out, inner);
    }
  }
}

function append(out: number[], bytes: Uint8Array): void {
  for (const byte of bytes) out.push(byte);
}

function head(out: number[], major: number, count: number): void {
  const type = major << 5;
  if (count < 24) out.push(type | count);
  else if (count < 0x100) out.push(type | 24, count);
  else if (count < 0x1_0000) out.push(type | 25, count >> 8, count & 255);
  else out.push(type | 26, count >>> 24, (count >> 16) & 255, (count >> 8) & 255, count & 255);
}
