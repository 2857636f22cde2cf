// A joystick's stick as two numbers from -1 to 1, x to the right and y upwards.

export interface Vector {
  x: number;
  y: number;
}

export const REST: Vector = { x: 0, y: 0 };

/** Within the circle, or within the square around it. */
export function held(vector: Vector, shape: 'circle' | 'square'): Vector {
  const clamp = (n: number): number => Math.min(1, Math.max(-1, n));
  if (shape === 'square') return { x: clamp(vector.x), y: clamp(vector.y) };
  const length = Math.hypot(vector.x, vector.y);
  return length <= 1 ? vector : { x: vector.x / length, y: vector.y / length };
}

/** Nothing happens within the dead zone; beyond it the way begins at zero, so that nothing jumps. */
export function outOfDeadZone(vector: Vector, zone: number): Vector {
  const length = Math.hypot(vector.x, vector.y);
  if (zone <= 0) return vector;
  if (length <= zone || length === 0) return REST;
  const factor = Math.min(1, (length - zone) / (1 - zone)) / Math.min(1, length);
  return { x: vector.x * factor, y: vector.y * factor };
}

/** From -1…1 to a device's own range, whole where its type is. */
export function toRange(part: number, min: number, max: number, whole: boolean): number {
  const value = min + ((part + 1) / 2) * (max - min);
  return whole ? Math.round(value) : Number(value.toFixed(3));
}

export function fromRange(value: number | null, min: number, max: number): number {
  if (value === null || !(max > min)) return 0;
  return Math.min(1, Math.max(-1, ((value - min) / (max - min)) * 2 - 1));
}

const KEYS: Record<string, Vector> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: 1 },
  ArrowDown: { x: 0, y: -1 },
};

export function isStickKey(key: string): boolean {
  return key in KEYS;
}

/** Where the pressed arrow keys push the stick to. */
export function fromKeys(keys: ReadonlySet<string>, strength: number): Vector {
  let sum = { x: 0, y: 0 };
  for (const key of keys) {
    const push = KEYS[key];
    if (push !== undefined) sum = { x: sum.x + push.x, y: sum.y + push.y };
  }
  return held({ x: sum.x * strength, y: sum.y * strength }, 'circle');
}

/** Steps per second that people want to send, kept to what a hub and a small board bear. */
export const RATE_MIN = 1;
export const RATE_MAX = 20;

export function intervalOf(rate: number): number {
  return 1000 / Math.min(RATE_MAX, Math.max(RATE_MIN, rate));
}
