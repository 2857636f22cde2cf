// Colours as the wire writes them (`#rrggbb`) and as a person picks them (hue, saturation, brightness).

export interface Hsv {
  /** 0 to 360 */
  h: number;
  /** 0 to 1 */
  s: number;
  /** 0 to 1 */
  v: number;
}

/** `#rgb`, `#rrggbb`, with or without `#`, in any case → `#rrggbb`; null when it is no colour. */
export function parseHex(text: string): string | null {
  const hex = text.trim().replace(/^#/, '').toLowerCase();
  if (/^[0-9a-f]{6}$/.test(hex)) return `#${hex}`;
  if (/^[0-9a-f]{3}$/.test(hex)) return `#${[...hex].map((c) => c + c).join('')}`;
  return null;
}

export function hexToHsv(hex: string): Hsv {
  const n = parseInt(hex.slice(1), 16);
  const r = ((n >> 16) & 255) / 255;
  const g = ((n >> 8) & 255) / 255;
  const b = (n & 255) / 255;
  const v = Math.max(r, g, b);
  const c = v - Math.min(r, g, b);
  let h = 0;
  if (c > 0) {
    if (v === r) h = ((g - b) / c + 6) % 6;
    else if (v === g) h = (b - r) / c + 2;
    else h = (r - g) / c + 4;
  }
  return { h: h * 60, s: v === 0 ? 0 : c / v, v };
}

export function hsvToHex({ h, s, v }: Hsv): string {
  const channel = (n: number): string => {
    const k = (n + h / 60) % 6;
    const x = v - v * s * Math.max(0, Math.min(k, 4 - k, 1));
    return Math.round(x * 255)
      .toString(16)
      .padStart(2, '0');
  };
  return `#${channel(5)}${channel(3)}${channel(1)}`;
}
