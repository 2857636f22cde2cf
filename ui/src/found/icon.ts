// A picture for a device that is not one yet: by what its parts were announced as.
import Blinds from '@lucide/svelte/icons/blinds';
import Box from '@lucide/svelte/icons/box';
import DoorOpen from '@lucide/svelte/icons/door-open';
import Fan from '@lucide/svelte/icons/fan';
import Flame from '@lucide/svelte/icons/flame';
import Lightbulb from '@lucide/svelte/icons/lightbulb';
import Network from '@lucide/svelte/icons/network';
import Plug from '@lucide/svelte/icons/plug';
import Radar from '@lucide/svelte/icons/radar';
import Thermometer from '@lucide/svelte/icons/thermometer';
import type { IconComponent } from '../lib/icons';
import type { Found } from '../model/found';

const COMPONENTS: readonly [string, IconComponent][] = [
  ['light', Lightbulb],
  ['cover', Blinds],
  ['climate', Flame],
  ['fan', Fan],
  ['lock', DoorOpen],
  ['switch', Plug],
];
const ROLES: readonly [RegExp, IconComponent][] = [
  [/motion|presence|occupancy/, Radar],
  [/door|window|contact|opening/, DoorOpen],
  [/temperature|humidity/, Thermometer],
];

export function iconFor(found: Found): IconComponent {
  const main = found.properties.filter(({ category }) => category === null);
  const component = COMPONENTS.find(([name]) => main.some((property) => property.component === name));
  if (component !== undefined) return component[1];
  const role = ROLES.find(([pattern]) => main.some(({ role, name }) => pattern.test(role ?? name)));
  if (role !== undefined) return role[1];
  return found.source === 'mdns' ? Network : Box;
}
