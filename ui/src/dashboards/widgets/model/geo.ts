// Places on the earth, and where they stand on a flat map (Web Mercator, as map tiles use it).
import type { Json } from '../../../model/types';
import { asNumber } from './values';

export interface Place {
  lat: number;
  lon: number;
}

/** Beyond it the projection runs away. */
export const LAT_MAX = 85.0511;
export const TILE_PX = 256;
export const ZOOM_MIN = 0;
export const ZOOM_MAX = 19;

function placeIn(lat: Json | undefined, lon: Json | undefined): Place | null {
  const [a, b] = [asNumber(lat), asNumber(lon)];
  if (a === null || b === null || Math.abs(a) > 90 || Math.abs(b) > 180) return null;
  if (typeof lat === 'boolean' || typeof lon === 'boolean') return null;
  return { lat: a, lon: b };
}

/**
 * Latitude and longitude however they are told: `{"lat", "lon"}` (also `lng`, `latitude`, `longitude`, or inside of
 * `location`, `position`, `gps`), GeoJSON's point (longitude first), `[lat, lon]`, or text `lat, lon`.
 */
export function parsePlace(value: Json, depth = 0): Place | null {
  if (typeof value === 'string') {
    const text = value.slice(0, 2_000).trim();
    if (text.startsWith('{') || text.startsWith('[')) {
      try {
        return parsePlace(JSON.parse(text) as Json, depth + 1);
      } catch {
        return null;
      }
    }
    const parts = /^(?:geo:)?\s*([-+]?[\d.]+)\s*[,;\s]\s*([-+]?[\d.]+)(?:[,;\s].*)?$/.exec(text);
    return parts === null ? null : placeIn(parts[1] ?? null, parts[2] ?? null);
  }
  if (Array.isArray(value)) return placeIn(value[0], value[1]);
  if (value === null || typeof value !== 'object' || depth > 2) return null;
  if (value['type'] === 'Point' && Array.isArray(value['coordinates'])) {
    const [lon, lat] = value['coordinates'];
    return placeIn(lat, lon);
  }
  const at = (...names: string[]): Json | undefined =>
    names.map((name) => value[name]).find((one) => one !== undefined);
  const place = placeIn(at('lat', 'latitude'), at('lon', 'lng', 'long', 'longitude'));
  if (place !== null) return place;
  const inner = at('location', 'position', 'gps', 'coordinates', 'geometry');
  return inner === undefined || inner === null || typeof inner !== 'object'
    ? null
    : parsePlace(inner, depth + 1);
}

export interface Point {
  x: number;
  y: number;
}

/** In pixels of a world that is `TILE_PX` wide at zoom 0. */
export function project({ lat, lon }: Place, zoom: number): Point {
  const world = TILE_PX * 2 ** zoom;
  const held = Math.min(LAT_MAX, Math.max(-LAT_MAX, lat));
  const sin = Math.sin((held * Math.PI) / 180);
  return {
    x: ((lon + 180) / 360) * world,
    y: (0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI)) * world,
  };
}

export function unproject({ x, y }: Point, zoom: number): Place {
  const world = TILE_PX * 2 ** zoom;
  const n = Math.PI * (1 - (2 * y) / world);
  return {
    lat: (Math.atan(Math.sinh(n)) * 180) / Math.PI,
    lon: (x / world) * 360 - 180,
  };
}

export interface View {
  center: Place;
  zoom: number;
}

/** So that all places are inside, with some air; one place alone is shown from near. */
export function fitView(places: readonly Place[], width: number, height: number, near = 15): View {
  const [first] = places;
  if (first === undefined) return { center: { lat: 20, lon: 0 }, zoom: 1 };
  let [south, north, west, east] = [first.lat, first.lat, first.lon, first.lon];
  for (const { lat, lon } of places) {
    south = Math.min(south, lat);
    north = Math.max(north, lat);
    west = Math.min(west, lon);
    east = Math.max(east, lon);
  }
  const [a, b] = [project({ lat: north, lon: west }, 0), project({ lat: south, lon: east }, 0)];
  const center = unproject({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, 0);
  const air = 0.75;
  const zoom = Math.min(
    Math.log2((Math.max(1, width) * air) / Math.max(1e-9, b.x - a.x)),
    Math.log2((Math.max(1, height) * air) / Math.max(1e-9, b.y - a.y)),
    near,
  );
  return { center, zoom: clampZoom(zoom) };
}

export function clampZoom(zoom: number): number {
  return Math.min(ZOOM_MAX, Math.max(ZOOM_MIN, zoom));
}

/** Moved by so many pixels of the screen. */
export function pannedBy({ center, zoom }: View, dx: number, dy: number): View {
  const at = project(center, zoom);
  const world = TILE_PX * 2 ** zoom;
  const y = Math.min(world, Math.max(0, at.y - dy));
  const next = unproject({ x: at.x - dx, y }, zoom);
  return { center: { lat: next.lat, lon: wrapLon(next.lon) }, zoom };
}

/** Nearer or further, around a point that is so many pixels from the middle. */
export function zoomedAt(view: View, by: number, dx: number, dy: number): View {
  const zoom = clampZoom(view.zoom + by);
  const factor = 2 ** (zoom - view.zoom);
  // The place under the finger stays there.
  const moved = pannedBy({ center: view.center, zoom }, -dx * (factor - 1), -dy * (factor - 1));
  return { center: moved.center, zoom };
}

function wrapLon(lon: number): number {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

/** Where a place stands on a screen of this size. The world is round: the nearer way counts. */
export function onScreen(place: Place, view: View, width: number, height: number): Point {
  const world = TILE_PX * 2 ** view.zoom;
  const [at, middle] = [project(place, view.zoom), project(view.center, view.zoom)];
  let dx = at.x - middle.x;
  if (dx > world / 2) dx -= world;
  else if (dx < -world / 2) dx += world;
  return { x: width / 2 + dx, y: height / 2 + at.y - middle.y };
}

export interface Tile {
  z: number;
  x: number;
  y: number;
  left: number;
  top: number;
  size: number;
}

const TILES_MAX = 120;

/** The tiles that cover a screen, at the nearest whole zoom. */
export function tilesOf(view: View, width: number, height: number): Tile[] {
  const z = Math.min(ZOOM_MAX, Math.max(0, Math.round(view.zoom)));
  const size = TILE_PX * 2 ** (view.zoom - z);
  const count = 2 ** z;
  const middle = project(view.center, view.zoom);
  const [left, top] = [middle.x - width / 2, middle.y - height / 2];
  const tiles: Tile[] = [];
  for (let ty = Math.floor(top / size); ty * size < top + height; ty += 1) {
    if (ty < 0 || ty >= count) continue;
    for (let tx = Math.floor(left / size); tx * size < left + width; tx += 1) {
      if (tiles.length >= TILES_MAX) return tiles;
      const x = ((tx % count) + count) % count;
      tiles.push({ z, x, y: ty, left: tx * size - left, top: ty * size - top, size });
    }
  }
  return tiles;
}

/** Only a path on this hub, with all three fields; anything else would ask another host. */
export function tilePath(template: string): string | null {
  const path = template.trim();
  if (!path.startsWith('/') || path.startsWith('//') || path.includes('\\')) return null;
  return ['{z}', '{x}', '{y}'].every((field) => path.includes(field)) ? path : null;
}

const STEPS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45];

/** Degrees between two lines of the grid, so that they stand about `space_px` apart. */
export function gridStep(zoom: number, space_px = 90): number {
  const degrees = (space_px / (TILE_PX * 2 ** zoom)) * 360;
  return STEPS.find((step) => step >= degrees) ?? 45;
}

const EARTH_M = 40_075_016.7;

/** A round length in metres and how many pixels it takes, at most `most_px`. */
export function scaleBar(view: View, most_px: number): { metres: number; px: number } {
  const perPx = (EARTH_M * Math.cos((view.center.lat * Math.PI) / 180)) / (TILE_PX * 2 ** view.zoom);
  const most = Math.max(1e-3, perPx * most_px);
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = ([5, 2, 1].find((n) => n * power <= most) ?? 1) * power;
  return { metres, px: metres / perPx };
}

/** Metres between two places. */
export function distance(a: Place, b: Place): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return (EARTH_M / Math.PI) * Math.asin(Math.min(1, Math.sqrt(h)));
}
