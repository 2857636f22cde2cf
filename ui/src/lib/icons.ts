// Which picture a device gets: the one it names, else one guessed from what it can do. A closed set, so
// that the build keeps only these.
import Bell from '@lucide/svelte/icons/bell';
import Blinds from '@lucide/svelte/icons/blinds';
import Box from '@lucide/svelte/icons/box';
import Camera from '@lucide/svelte/icons/camera';
import CloudSun from '@lucide/svelte/icons/cloud-sun';
import CircleDot from '@lucide/svelte/icons/circle-dot';
import Cpu from '@lucide/svelte/icons/cpu';
import DoorOpen from '@lucide/svelte/icons/door-open';
import Droplet from '@lucide/svelte/icons/droplet';
import Fan from '@lucide/svelte/icons/fan';
import Flame from '@lucide/svelte/icons/flame';
import Gauge from '@lucide/svelte/icons/gauge';
import Lightbulb from '@lucide/svelte/icons/lightbulb';
import Lock from '@lucide/svelte/icons/lock';
import Plug from '@lucide/svelte/icons/plug';
import Power from '@lucide/svelte/icons/power';
import Radar from '@lucide/svelte/icons/radar';
import Speaker from '@lucide/svelte/icons/speaker';
import Thermometer from '@lucide/svelte/icons/thermometer';
import Zap from '@lucide/svelte/icons/zap';
import type { DeviceCell } from '../hub/device.svelte';

export type IconComponent = typeof Box;

const NAMED: Record<string, IconComponent> = {
  bell: Bell,
  doorbell: Bell,
  blinds: Blinds,
  blind: Blinds,
  cover: Blinds,
  box: Box,
  camera: Camera,
  button: CircleDot,
  'circle-dot': CircleDot,
  cpu: Cpu,
  board: Cpu,
  esp: Cpu,
  door: DoorOpen,
  window: DoorOpen,
  droplet: Droplet,
  humidity: Droplet,
  fan: Fan,
  flame: Flame,
  heater: Flame,
  heating: Flame,
  radiator: Flame,
  thermostat: Flame,
  weather: CloudSun,
  gauge: Gauge,
  valve: Gauge,
  lamp: Lightbulb,
  light: Lightbulb,
  bulb: Lightbulb,
  lightbulb: Lightbulb,
  led: Lightbulb,
  strip: Lightbulb,
  lock: Lock,
  plug: Plug,
  socket: Plug,
  outlet: Plug,
  power: Power,
  switch: Power,
  relay: Power,
  motion: Radar,
  radar: Radar,
  speaker: Speaker,
  thermometer: Thermometer,
  temperature: Thermometer,
  energy: Zap,
  meter: Zap,
  zap: Zap,
};

/** One name of each picture, the first that it has here, to choose from. */
export const ICON_NAMES: readonly string[] = Object.entries(NAMED)
  .filter(([, icon], i, all) => all.findIndex(([, other]) => other === icon) === i)
  .map(([name]) => name);

/** The picture of this name, in any of the ways names are written. */
export function namedIcon(name: string | null): IconComponent | undefined {
  return name === null ? undefined : NAMED[name.toLowerCase().replace(/^(mdi|lucide)[:-]/, '')];
}

export function iconOf(device: DeviceCell): IconComponent {
  return namedIcon(device.icon) ?? guessOf(device);
}

/** By what it is called and what it can do. */
export function guessOf(device: DeviceCell): IconComponent {
  const words = `${device.id} ${device.name}`.toLowerCase().split(/[^a-z]+/);
  for (const word of words) {
    const guess = NAMED[word];
    if (guess !== undefined) return guess;
  }
  if (device.property('temperature') !== undefined) return Thermometer;
  const types = device.properties;
  if (types.some((property) => property.meta.type === 'color')) return Lightbulb;
  if (types.length > 0 && types.every((property) => property.isEvent)) return CircleDot;
  return Box;
}
